//! Anchor slots: read back, and told apart from torn, foreign and unwritten ones.

use std::path::Path;

use strongroom_envelope::anchor::{self, FILE_LENGTH, Position, Slot, SlotRefusal};
use strongroom_envelope::protector::root_id;

use crate::vector::{Vector, check_all, named};

#[test]
fn vectors() {
    check_all("anchor", 11, |vector| match anchor::parse(&vector.bytes("slot")) {
        Ok(slot) => {
            assert_eq!(slot, expected(vector));
            assert_eq!(anchor::encode(&slot)[..], vector.bytes("slot"));
            check_derived(vector, &slot);
            "ok".into()
        }
        Err(SlotRefusal::Length { .. }) => "length".into(),
        Err(SlotRefusal::Empty) => "empty".into(),
        Err(SlotRefusal::Magic) => "magic".into(),
        Err(SlotRefusal::Checksum) => "checksum".into(),
        Err(SlotRefusal::Format { .. }) => "format".into(),
        Err(SlotRefusal::Reserved) => "reserved".into(),
    });
}

fn expected(vector: &Vector) -> Slot {
    Slot {
        counter: vector.u64("counter"),
        store_id: vector.id("store_id"),
        incarnation: vector.id("incarnation"),
        root_id: vector.array("root_id"),
        epoch: vector.u64("epoch"),
        authenticator: vector.array("authenticator"),
        audit_seq: vector.u64("audit_seq"),
        audit_head: vector.array("audit_head"),
    }
}

fn check_derived(vector: &Vector, slot: &Slot) {
    let root = vector.root_key();
    let position = Position {
        store_id: slot.store_id,
        incarnation: slot.incarnation,
        epoch: slot.epoch,
        record_count: vector.u64("record_count"),
        log_hash: vector.array("log_hash"),
    };
    let key = anchor::anchor_key(&root);
    assert_eq!(anchor::authenticator(&key, &position), slot.authenticator);
    assert_eq!(root_id(&root), slot.root_id);
    let name = anchor::file_name(Path::new(vector.text("path")));
    assert_eq!(name, vector.text("file_name"));
}

#[test]
fn every_part_of_a_position_counts() {
    let vector = named("anchor/slot");
    let key = anchor::anchor_key(&vector.root_key());
    let position = Position {
        store_id: vector.id("store_id"),
        incarnation: vector.id("incarnation"),
        epoch: vector.u64("epoch"),
        record_count: vector.u64("record_count"),
        log_hash: vector.array("log_hash"),
    };
    let changes: [&dyn Fn(&mut Position); 5] = [
        &|position| position.store_id.0[0] ^= 1,
        &|position| position.incarnation.0[0] ^= 1,
        &|position| position.epoch += 1,
        &|position| position.record_count += 1,
        &|position| position.log_hash[31] ^= 1,
    ];
    for change in changes {
        let mut other = position;
        change(&mut other);
        assert_ne!(anchor::authenticator(&key, &other), anchor::authenticator(&key, &position));
    }
}

#[test]
fn every_bit_of_a_slot_matters() {
    let slot = named("anchor/slot").bytes("slot");
    for at in 0..slot.len() {
        for bit in 0..8 {
            let mut flipped = slot.clone();
            flipped[at] ^= 1 << bit;
            assert!(anchor::parse(&flipped).is_err(), "byte {at}, bit {bit}");
        }
        assert!(anchor::parse(&slot[..at]).is_err(), "{at} bytes");
    }
}

#[test]
fn a_file_has_two_slots_that_stand_alone() {
    let vector = named("anchor/slot");
    let (slot, other) = (vector.bytes("slot"), named("anchor/last").bytes("slot"));
    let mut file = vec![0; FILE_LENGTH];
    assert_eq!(anchor::parse_file(&file), [Err(SlotRefusal::Empty); 2]);
    file[4096..4096 + slot.len()].copy_from_slice(&slot);
    assert_eq!(anchor::parse_file(&file), [Err(SlotRefusal::Empty), Ok(expected(&vector))]);
    file[..other.len()].copy_from_slice(&other);
    let [first, second] = anchor::parse_file(&file);
    assert!(first.unwrap().counter > second.unwrap().counter);
    file[60] ^= 1;
    assert_eq!(anchor::parse_file(&file)[0], Err(SlotRefusal::Checksum));
    file.truncate(4096 + 100);
    assert!(anchor::parse_file(&file)[1].is_err());
    assert!(anchor::parse_file(&[]).iter().all(Result::is_err));
}
