//! Application keys: made, wrapped under the wrap key, unwrapped in their own place only, by state.

use strongroom_engine::key::{
    KeyBody, KeyVersion, NewKey, Protection, ROOT_PROTECTOR, State, UnwrapError, WrapKeyHandle, Wraps,
    new_application_key, unwrap_version,
};
use strongroom_engine::rule::{KeyHandle, NameChange, Refusal};
use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, body};
use strongroom_secret::{SecretBytes, WrapKey};

use crate::shell::{BEGIN, Seeded, name};

fn wrap_key(byte: u8, version: u32) -> WrapKeyHandle {
    WrapKeyHandle::new(Id([byte; 16]), version, &WrapKey::from_slice(&[byte; 32]).unwrap())
}

fn root(root: Vec<WrapKeyHandle>) -> Wraps {
    Wraps { root, own: None }
}

fn make() -> NewKey {
    new_application_key(name("secrets"), Purpose::Secrets, &wrap_key(1, 1), &mut Seeded(3), BEGIN)
}

fn unwrap(key: &NewKey, version: u32) -> Result<KeyHandle, UnwrapError> {
    unwrap_version(key.id, Generation::new(1, 0), &key.body, version, &root(vec![wrap_key(1, 1)]))
}

/// Whether what one key seals the other opens.
fn is_same_key(one: &KeyHandle, other: &KeyHandle) -> bool {
    let (context, mut sealed, mut opened) = (Context::empty(), Vec::new(), SecretBytes::new());
    let place = Place::Context(&context);
    let (one_sealing, other_sealing) =
        (one.sealing(Purpose::Secrets).unwrap(), other.sealing(Purpose::Secrets).unwrap());
    value::seal(one_sealing, Purpose::Values, one.key_id, one.version, &place, b"probe", &mut sealed);
    value::open(other_sealing, Purpose::Values, &place, &sealed, &mut opened).is_ok()
}

#[test]
fn a_new_key_has_one_active_version_that_unwraps() {
    let made = make();
    assert_eq!((made.handle.key_id, made.handle.version), (made.id, 1));
    let active = made.body.active().unwrap();
    assert_eq!((active.number, active.state, active.activated_at), (1, State::Active, BEGIN));
    assert_eq!((made.body.protector.as_str(), made.body.protector_parameter.as_str()), (ROOT_PROTECTOR, ""));
    let unwrapped = unwrap(&made, 1).unwrap();
    assert_eq!((unwrapped.key_id, unwrapped.version), (made.id, 1));
    assert!(is_same_key(&made.handle, &unwrapped));
    let change = made.change();
    assert_eq!(change.key(), RecordKey::new(RecordKind::Key, made.id));
    assert_eq!(*change.name(), NameChange::Take(name("secrets")));
}

#[test]
fn the_wrapped_key_is_what_the_specification_says() {
    let made = make();
    let wrapped = &made.body.versions[0].wrapped;
    assert_eq!(wrapped.len(), 96 + 32);
    assert_eq!(wrapped[..4], [1, 32, 0, 1], "format, purpose key, suite");
    assert_eq!(wrapped[4..24], [[1; 16].as_slice(), &[0, 0, 0, 1]].concat(), "wrap key and its version");

    let key = RecordKey::new(RecordKind::Key, made.id);
    let place = Place::Record { key, field: 7, version: 1 };
    let mut opened = SecretBytes::new();
    value::open(&wrap_key(1, 1).sealing, Purpose::Key, &place, wrapped, &mut opened).unwrap();
    // The second thing that the seeded randomness gives, after the ten bytes of the id.
    let (mut seeded, mut first, mut second) = (Seeded(3), [0; 10], [0; 32]);
    strongroom_engine::rule::Randomness::fill(&mut seeded, &mut first);
    strongroom_engine::rule::Randomness::fill(&mut seeded, &mut second);
    assert_eq!(opened.expose(), second);
}

#[test]
fn another_wrap_key_does_not_unwrap() {
    let made = make();
    let does_not = UnwrapError::DoesNotUnwrap { key: "secrets".to_owned(), version: 1 };
    let mut impostor = wrap_key(2, 1);
    impostor.key_id = Id([1; 16]);
    for others in [vec![], vec![wrap_key(2, 1)], vec![wrap_key(1, 2)], vec![impostor]] {
        assert_eq!(
            unwrap_version(made.id, Generation::NONE, &made.body, 1, &root(others)).map(drop),
            Err(does_not.clone())
        );
    }
    assert_eq!(does_not.refusal(), Refusal::DoesNotOpen);
}

#[test]
fn a_wrapped_version_unwraps_in_its_own_place_only() {
    let mut made = make();
    let refused = |key: &NewKey, id, version| {
        unwrap_version(id, Generation::NONE, &key.body, version, &root(vec![wrap_key(1, 1)])).is_err()
    };
    assert!(refused(&made, Id([7; 16]), 1), "another key");
    let mut moved = made.body.versions[0].clone();
    moved.number = 2;
    made.body.versions.push(moved);
    assert!(refused(&made, made.id, 2), "another version");
    assert!(!refused(&made, made.id, 1));
    for byte in 0..made.body.versions[0].wrapped.len() {
        let mut damaged = make();
        damaged.body.versions[0].wrapped[byte] ^= 1;
        assert!(refused(&damaged, damaged.id, 1), "byte {byte}");
    }
}

#[test]
fn states_decide_what_a_version_may_do() {
    // State, its number in docs/spec/bodies.md, seals, opens.
    let table = [
        (State::PreActive, 1, false, false),
        (State::Active, 2, true, true),
        (State::Deactivated, 3, false, true),
        (State::Suspended, 4, false, false),
        (State::Compromised, 5, false, false),
        (State::Destroyed, 6, false, false),
    ];
    assert_eq!(table.map(|row| row.0), State::ALL);
    for (state, number, seals, opens) in table {
        let mut made = make();
        made.body.versions[0].state = state;
        assert_eq!((state as u8, state.seals(), state.opens()), (number, seals, opens));
        assert_eq!(made.body.active().is_some(), seals, "{state:?}");
        let wanted = UnwrapError::NotUsable { key: "secrets".to_owned(), version: 1, state };
        // Whether it may be used is judged where it is asked for; what is gone cannot be had at all.
        match unwrap(&made, 1) {
            Ok(handle) => assert!(state != State::Destroyed && handle.state == state, "{state:?}"),
            Err(error) => assert!(state == State::Destroyed && error == wanted, "{state:?}: {error}"),
        }
    }
}

#[test]
fn other_protectors_and_missing_versions_are_named() {
    let mut made = make();
    let no_version = unwrap(&made, 2).map(drop).unwrap_err();
    assert_eq!(no_version, UnwrapError::NoVersion { key: "secrets".to_owned(), version: 2 });
    assert_eq!(no_version.refusal(), Refusal::DoesNotOpen);
    made.body.protector = "pkcs11".to_owned();
    let id = Id([8; 16]);
    made.body.protection = Some(Protection { id, salt: vec![1; 16], blob: vec![2], derivation: None, recovery: None });
    // What is wrapped under the keyring is not taken for a key that a protector of its own has.
    let planted = unwrap(&made, 1).map(drop).unwrap_err();
    assert_eq!(planted, UnwrapError::DoesNotUnwrap { key: "secrets".to_owned(), version: 1 });
    made.body.versions[0].wrapped[4..24].copy_from_slice(&[[8; 16].as_slice(), &[0, 0, 0, 1]].concat());
    let locked = unwrap(&made, 1).map(drop).unwrap_err();
    let (key, protector) = ("secrets".to_owned(), "pkcs11".to_owned());
    assert_eq!(locked, UnwrapError::NeedsProtector { key, version: 1, protector });
    assert_eq!(locked.refusal(), Refusal::KeyLocked { key: "secrets".to_owned() });
}

#[test]
fn the_body_is_the_cbor_of_the_specification() {
    let mut made = make();
    made.body.versions = vec![KeyVersion {
        number: 1,
        state: State::Deactivated,
        wrapped: vec![0xee; 3],
        ..made.body.versions[0].clone()
    }];
    made.body.versions[0].deactivated_at = Timestamp(5);
    let time = "1b0000018bcfe56800";
    let version = format!("86 01 03 {time} {time} 05 43 eeeeee");
    let expected =
        format!("a8 0001 01 67 73656372657473 02 01 03 {time} 04 {time} 05 64 726f6f74 06 60 07 81 {version}");
    let bytes = body::encode(&made.body);
    assert_eq!(crate::bodies::hex(&bytes), expected.replace(' ', ""));
    assert!(body::decode_strict::<KeyBody>(&bytes).is_ok_and(|read| read == made.body));
    let unknown_state = bytes.iter().rposition(|byte| *byte == 0x86).unwrap() + 2;
    for state in [0, 7] {
        let mut other = bytes.clone();
        other[unknown_state] = state;
        assert!(body::decode_strict::<KeyBody>(&other).is_err(), "state {state}");
    }
}
