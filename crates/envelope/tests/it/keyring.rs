//! The keyring opens under its root key, holds what the vectors say, and is refused otherwise.

use strongroom_envelope::body::BodyError;
use strongroom_envelope::keyring::{Keyring, KeyringError, store_key_id};
use strongroom_envelope::{Generation, Id, RecordKey, Timestamp, record};
use strongroom_secret::{RootKey, StoreKey};

use crate::record::class as record_class;
use crate::vector::{Vector, check_all, named};

#[test]
fn vectors() {
    check_all("keyring", 20, |vector| {
        let sealed = vector.bytes("sealed");
        match Keyring::open(&vector.root_key(), &sealed) {
            Ok((keyring, header)) => {
                assert_eq!(header.generation.0, vector.u64("generation"));
                assert_eq!(header.store_key_id, 0);
                check_content(vector, &keyring);
                assert_eq!(keyring.encoded().expose(), vector.bytes("body"));
                "ok".into()
            }
            Err(KeyringError::Record(error)) => record_class(error).into(),
            Err(KeyringError::Body(BodyError::Newer { .. })) => "newer".into(),
            Err(KeyringError::Body(BodyError::Malformed)) => "malformed".into(),
            Err(KeyringError::StoreKeyId { .. }) => "store_key_id".into(),
            Err(KeyringError::Twice) => "twice".into(),
        }
    });
}

fn check_content(vector: &Vector, keyring: &Keyring) {
    let stores = vector.list("store_keys");
    assert_eq!(keyring.store_keys().len(), stores.len());
    for (entry, expected) in keyring.store_keys().iter().zip(&stores) {
        assert_eq!(entry.id, expected.u32("id"));
        assert_eq!(store_key_id(&entry.key), entry.id);
        assert_eq!(entry.key.expose()[..], expected.bytes("key"));
        assert_eq!(entry.created_at.0, expected.i64("created_at"));
    }
    let wraps = vector.list("wrap_keys");
    assert_eq!(keyring.wrap_keys().len(), wraps.len());
    for (entry, expected) in keyring.wrap_keys().iter().zip(&wraps) {
        assert_eq!(entry.id, expected.id("id"));
        assert_eq!(entry.version, expected.u32("version"));
        assert_eq!(entry.key.expose()[..], expected.bytes("key"));
        assert_eq!(entry.created_at.0, expected.i64("created_at"));
    }
    assert_eq!(keyring.active_store_key().id, stores.last().unwrap().u32("id"));
    assert_eq!(keyring.active_wrap_key().version, wraps.last().unwrap().u32("version"));
}

#[test]
fn every_byte_of_a_sealed_keyring_matters() {
    let vector = named("keyring/first");
    let (root, sealed) = (vector.root_key(), vector.bytes("sealed"));
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 0x10;
        assert!(Keyring::open(&root, &flipped).is_err(), "byte {at}");
        assert!(Keyring::open(&root, &sealed[..at]).is_err(), "{at} bytes");
    }
    assert!(Keyring::open(&root, &[&sealed[..], &[0]].concat()).is_err());
}

/// Fixed bytes that look random.
fn source() -> impl FnMut(&mut [u8]) {
    let mut state = 1u8;
    move |out| {
        for byte in out {
            state = state.wrapping_mul(5).wrapping_add(3);
            *byte = state;
        }
    }
}

#[test]
fn a_generated_keyring_opens_again() {
    let root = RootKey::fill_with(|out| *out = [7; 32]);
    let mut fill = source();
    let mut keyring = Keyring::generate(&mut fill, Timestamp(1000));
    let first = keyring.active_store_key().id;
    let second = keyring.add_store_key(&mut fill, Timestamp(2000));
    keyring.add_wrap_key(&mut fill, Timestamp(2000));
    assert_eq!(keyring.active_store_key().id, second);
    assert_eq!(keyring.active_wrap_key().version, 2);
    assert_eq!(keyring.wrap_keys()[0].id, keyring.wrap_keys()[1].id);

    let mut sealed = Vec::new();
    let tag = keyring.seal(&root, Generation::new(3, 1), &mut sealed);
    let (mut opened, header) = Keyring::open(&root, &sealed).unwrap();
    assert_eq!((header.tag, header.generation), (tag, Generation::new(3, 1)));
    assert_eq!(record::parse(RecordKey::KEYRING, &sealed), Ok(header));
    assert!(opened.store_key(first).unwrap().key.same_as(&keyring.store_key(first).unwrap().key));
    assert!(opened.encoded().same_as(&keyring.encoded()));

    assert!(!opened.remove_store_key(second), "the active one stays");
    assert!(opened.remove_store_key(first) && opened.store_key(first).is_none());
    assert!(!opened.remove_store_key(first));
}

#[test]
fn an_id_that_is_there_is_avoided_by_drawing_again() {
    let mut draws = 0u8;
    // The second store key comes out as the first until the fourth draw.
    let mut fill = |out: &mut [u8]| {
        if out.len() == 32 {
            draws += 1;
        }
        out.fill(if draws < 5 { 1 } else { draws });
    };
    let mut keyring = Keyring::generate(&mut fill, Timestamp(0));
    let first = keyring.active_store_key().id;
    let second = keyring.add_store_key(&mut fill, Timestamp(0));
    assert_ne!(first, second);
    assert_eq!(draws, 5, "store key, wrap key, two draws thrown away, one kept");
}

#[test]
fn nothing_of_a_keyring_is_printed() {
    let keyring = Keyring::generate(&mut |out| out.fill(0xa7), Timestamp(0));
    let printed = format!("{keyring:?}");
    for leak in ["a7", "A7", "167"] {
        let keys = printed.replace(&Id([0xa7; 16]).to_string(), "");
        let places = keys.matches(leak).count();
        assert!(!keys.contains("[167, 167") || places == 0, "{printed}");
    }
    assert!(printed.contains("StoreKey(…)") && printed.contains("WrapKey(…)"), "{printed}");
}

#[test]
fn store_key_ids_are_those_of_the_peer() {
    let entry = &named("keyring/first").list("store_keys")[0];
    let key = StoreKey::from_slice(&entry.bytes("key")).unwrap();
    assert_eq!(store_key_id(&key), entry.u32("id"));
}
