//! Sealed records open at their place, under their key and header, unchanged; nothing else does.

use std::sync::LazyLock;

use strongroom_crypto::SealingKey;
use strongroom_envelope::record::{self, ParseRefusal, RecordError};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind};
use strongroom_secret::SecretBytes;

use crate::vector::{Vector, check_all};

#[test]
fn vectors() {
    check_all("record", 28, |vector| {
        let place = vector.bytes("record_key");
        let key = RecordKey::from_bytes(&place).unwrap();
        assert_eq!(key.to_bytes()[..], place[..]);
        let mut out = SecretBytes::from_slice(b"left over from before");
        match record::open(&vector.sealing(), key, &vector.bytes("sealed"), &mut out) {
            Ok(header) => {
                check_opened(vector, key, header, &out);
                "ok".into()
            }
            Err(error) => {
                assert!(out.is_empty(), "nothing is left of a record that does not open");
                class(error).into()
            }
        }
    });
}

fn check_opened(vector: &Vector, key: RecordKey, header: record::Header, out: &SecretBytes) {
    let body = vector.bytes("body");
    assert_eq!(out.expose(), body);
    assert_eq!(header.store_key_id, vector.u32("store_key_id"));
    assert_eq!(header.generation.0, vector.u64("generation"));
    assert_eq!(header.tag[..], vector.bytes("tag")[..]);
    let expected = vector.bytes("sealed");
    let mut again = vec![0xee];
    let tag = record::seal(&vector.sealing(), header.store_key_id, key, header.generation, &body, &mut again);
    assert_eq!(again[0], 0xee, "sealing appends");
    assert_eq!(again.len(), 1 + expected.len());
    assert_eq!(again[1..17], expected[..16], "the header");
    assert_eq!(record::parse(key, &again[1..]).unwrap().tag, tag);
    assert_eq!(again[again.len() - 48..again.len() - 32], tag);
}

/// The failure class that vectors name.
pub fn class(error: RecordError) -> &'static str {
    match error {
        RecordError::Unauthentic => "unauthentic",
        RecordError::Refused(refusal) => match refusal {
            ParseRefusal::Length { .. } => "length",
            ParseRefusal::Format { .. } => "format",
            ParseRefusal::Kind { .. } => "kind",
            ParseRefusal::Suite { .. } => "suite",
            ParseRefusal::StoreKey { .. } => "store_key",
            ParseRefusal::Generation { .. } => "generation",
            ParseRefusal::NotSealed => "not_sealed",
        },
    }
}

/// One record of every kind that is sealed, with its place.
fn one_of_each() -> Vec<(RecordKey, Vec<u8>)> {
    let sealing = sealing();
    let id = Id([0x5a; 16]);
    RecordKind::ALL
        .into_iter()
        .filter(|kind| *kind != RecordKind::Protector)
        .map(|kind| {
            let (key, generation) = match kind {
                RecordKind::Log => (RecordKey::log(9), Generation::new(9, Generation::LOG_INDEX)),
                RecordKind::Snapshot => (RecordKey::snapshot(9, 2), Generation::new(9, Generation::SNAPSHOT_INDEX)),
                kind if kind.is_single() => (RecordKey::new(kind, Id::NIL), Generation::new(9, 4)),
                kind => (RecordKey::new(kind, id), Generation::new(9, 4)),
            };
            let store_key_id = if kind == RecordKind::Keyring { 0 } else { 77 };
            let mut sealed = Vec::new();
            record::seal(sealing, store_key_id, key, generation, b"some body", &mut sealed);
            (key, sealed)
        })
        .collect()
}

fn sealing() -> &'static SealingKey {
    static SEALING: LazyLock<SealingKey> = LazyLock::new(|| SealingKey::new(&[0x42; 32]));
    &SEALING
}

fn opens(key: RecordKey, sealed: &[u8]) -> bool {
    let mut out = SecretBytes::new();
    let opened = record::open(sealing(), key, sealed, &mut out);
    let verified = record::verify(sealing(), key, sealed, &mut SecretBytes::new());
    assert_eq!(opened, verified);
    opened.is_ok()
}

#[test]
fn every_bit_matters() {
    for (key, sealed) in one_of_each() {
        assert!(opens(key, &sealed), "{key}");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[at] ^= 1 << bit;
                assert!(!opens(key, &flipped), "{key}: byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn every_header_byte_has_one_value() {
    for (key, sealed) in one_of_each() {
        for at in 0..record::HEAD_LENGTH {
            let accepted = (0..=255u8)
                .filter(|&value| {
                    let mut changed = sealed.clone();
                    changed[at] = value;
                    // Most values end here, without any cryptography.
                    record::parse(key, &changed).is_ok() && opens(key, &changed)
                })
                .collect::<Vec<u8>>();
            assert_eq!(accepted, [sealed[at]], "{key}: byte {at}");
        }
    }
}

#[test]
fn every_length_but_one_is_refused() {
    for (key, sealed) in one_of_each() {
        for length in 0..sealed.len() {
            assert!(!opens(key, &sealed[..length]), "{key}: {length} bytes");
        }
        let mut longer = sealed.clone();
        longer.push(0);
        assert!(!opens(key, &longer), "{key}: one byte more");
        longer.insert(0, 0);
        assert!(!opens(key, &longer), "{key}: one byte before");
    }
}

#[test]
fn a_record_opens_at_its_own_place_only() {
    let records = one_of_each();
    for (key, sealed) in &records {
        for (other, _) in &records {
            assert_eq!(opens(*other, sealed), key == other, "{key} at {other}");
        }
        if !key.kind.is_single() {
            let mut elsewhere = *key;
            elsewhere.id.0[15] ^= 1;
            assert!(!opens(elsewhere, sealed), "{key} at {elsewhere}");
        }
    }
}

#[test]
fn two_seals_of_one_body_differ() {
    let (first, second) = (one_of_each(), one_of_each());
    for ((key, one), (_, other)) in first.iter().zip(&second) {
        assert_ne!(one[16..40], other[16..40], "{key}: the nonce is fresh");
        assert_ne!(one[40..], other[40..]);
    }
}

#[test]
fn sealing_what_could_not_be_read_is_refused() {
    let cases: [(u32, RecordKey, Generation); 6] = [
        (1, RecordKey::KEYRING, Generation::new(1, 0)),
        (0, RecordKey::INSTANCE, Generation::new(1, 0)),
        (1, RecordKey::INSTANCE, Generation::NONE),
        (1, RecordKey::INSTANCE, Generation::new(1, 0xffff)),
        (1, RecordKey::log(2), Generation::new(1, 0xffff)),
        (1, RecordKey::new(RecordKind::Protector, Id::NIL), Generation::new(1, 0)),
    ];
    for (store_key_id, key, generation) in cases {
        let seal = || {
            record::seal(sealing(), store_key_id, key, generation, b"", &mut Vec::new());
        };
        assert!(std::panic::catch_unwind(seal).is_err(), "{key} {generation}");
    }
}

#[test]
fn record_keys_are_read_back_or_refused() {
    for kind in 0..=255u8 {
        let bytes = [&[kind][..], &[0; 16]].concat();
        match RecordKind::from_byte(kind) {
            Some(known) => {
                assert_eq!(known.byte(), kind);
                assert!(RecordKind::ALL.contains(&known));
                assert_eq!(RecordKey::from_bytes(&bytes).unwrap().to_bytes()[..], bytes);
            }
            None => assert!(RecordKey::from_bytes(&bytes).is_err(), "kind {kind}"),
        }
        assert!(RecordKey::from_bytes(&bytes[..16]).is_err());
        assert!(RecordKey::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
    for single in [2, 5, 6] {
        let bytes = [&[single][..], &[0; 15], &[1]].concat();
        assert!(RecordKey::from_bytes(&bytes).is_err(), "kind {single} has one place");
    }
    let beyond = [&[3u8][..], &[0; 7], &[1], &[0; 8]].concat();
    assert!(RecordKey::from_bytes(&beyond).is_err(), "an epoch has 64 bits");
}

#[test]
fn numbered_places_are_those_of_the_page() {
    let log = RecordKey::log(0x0102_0304_0506);
    assert_eq!(log.to_bytes(), [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(log.epoch(), Some(0x0102_0304_0506));
    let page = RecordKey::snapshot(7, 258);
    assert_eq!(page.to_bytes(), [4, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!((page.epoch(), page.page()), (Some(7), Some(258)));
    assert_eq!((RecordKey::INSTANCE.epoch(), log.page()), (None, None));
}

#[test]
fn a_quarantine_record_lies_where_the_failed_key_says() {
    // SHA-256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 … (FIPS 180-2), with version 8 and the variant set.
    let key = RecordKey::quarantine(b"abc");
    assert_eq!(key.id.to_string(), "ba7816bf-8f01-8fea-8141-40de5dae2223");
    assert_eq!(key.kind, RecordKind::Quarantine);
}

#[test]
fn uuids_are_those_of_rfc_9562() {
    // RFC 9562, appendix A.6: 2022-02-22T19:22:22Z.
    let random = [0xcc, 0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
    let id = Id::v7(0x017f_22e2_79b0, random);
    assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assert_eq!(Id::parse(&id.to_string()), Ok(id));
    assert_eq!(Id::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), Ok(id));
    for refused in [
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "",
    ] {
        assert!(Id::parse(refused).is_err(), "{refused}");
    }
}
