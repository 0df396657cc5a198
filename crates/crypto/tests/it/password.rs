//! Proves keys from passwords against the reference implementation, and that costs outside of the
//! accepted range are refused before anything is computed.

use std::time::{Duration, Instant};

use strongroom_crypto::password::{Algorithm, CEILING, FLOOR, Parameters, PasswordError, derive};

use crate::hex;

const PASSPHRASE: &[u8] = b"four plain words here";
const SALT: &[u8; 16] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn argon2id(memory_kib: u32, passes: u32, lanes: u32) -> Parameters {
    Parameters { algorithm: Algorithm::Argon2id { memory_kib, passes, lanes } }
}

fn pbkdf2(iterations: u32) -> Parameters {
    Parameters { algorithm: Algorithm::Pbkdf2HmacSha256 { iterations } }
}

#[track_caller]
fn check(parameters: Parameters, answer: &str) {
    let key = derive(PASSPHRASE, SALT, &parameters).unwrap();
    assert_eq!(hex::encode(key.expose()), answer);
}

// The answers of Argon2id are libargon2's (the reference implementation, version 20171227), those
// of PBKDF2 Python's hashlib.

#[test]
fn the_default_is_256_mib_three_passes_four_lanes() {
    assert_eq!(Parameters::default(), argon2id(256 * 1024, 3, 4));
    check(Parameters::default(), "a292256ae3626da2d361afb859cb0f47500ae67dce449904096de95543549d1f");
}

#[test]
fn the_floor_of_argon2id_works() {
    check(
        argon2id(FLOOR.memory_kib, FLOOR.passes, FLOOR.lanes),
        "1e82b734881ac3aec6c5dc433dfa96df6d834eed071d4a250797855dcd6095d0",
    );
}

#[test]
fn an_empty_passphrase_and_a_long_salt_derive() {
    // Whether a passphrase is strong enough is judged where it is set.
    let salt: [u8; 32] = core::array::from_fn(|position| position as u8);
    let key = derive(b"", &salt, &argon2id(64 * 1024, 2, 3)).unwrap();
    let answer = "fe24c92ed267c9dd6d58cfcc10fcf9b3283dbfd0fdbfe90f32609acd9b9c70c2";
    assert_eq!(hex::encode(key.expose()), answer);
}

#[test]
fn the_floor_of_pbkdf2_works() {
    check(pbkdf2(FLOOR.iterations), "ecd64923115c3ba2ace5adbc1feeed84761e2e38a4e76cd9efc2592f6fd70fe4");
}

#[test]
fn costs_outside_of_the_range_are_refused_at_once() {
    let started = Instant::now();
    let cases = [
        (argon2id(64 * 1024 - 1, 3, 4), "memory in KiB"),
        (argon2id(1024 * 1024 + 1, 3, 4), "memory in KiB"),
        (argon2id(u32::MAX, u32::MAX, u32::MAX), "memory in KiB"),
        (argon2id(256 * 1024, 0, 4), "number of passes"),
        (argon2id(256 * 1024, 65, 4), "number of passes"),
        (argon2id(256 * 1024, u32::MAX, 4), "number of passes"),
        (argon2id(256 * 1024, 3, 0), "number of lanes"),
        (argon2id(256 * 1024, 3, 17), "number of lanes"),
        (pbkdf2(0), "number of iterations"),
        (pbkdf2(599_999), "number of iterations"),
        (pbkdf2(100_000_001), "number of iterations"),
        (pbkdf2(u32::MAX), "number of iterations"),
    ];
    for (parameters, expected) in cases {
        let refusal = derive(PASSPHRASE, SALT, &parameters).unwrap_err();
        assert_eq!(parameters.check(), Err(refusal));
        match refusal {
            PasswordError::OutOfRange { parameter, .. } => assert_eq!(parameter, expected),
            PasswordError::NoMemory { .. } => panic!("{parameters:?} was computed"),
        }
    }
    for length in [0, 15, 33, 1000] {
        let refused = derive(PASSPHRASE, &vec![0; length], &Parameters::default());
        assert!(matches!(refused, Err(PasswordError::OutOfRange { .. })), "salt of {length}");
    }
    let refused = derive(&vec![b'a'; (1 << 20) + 1], SALT, &Parameters::default());
    assert!(matches!(refused, Err(PasswordError::OutOfRange { .. })));
    assert!(started.elapsed() < Duration::from_millis(50), "{:?}", started.elapsed());
}

#[test]
fn both_ends_of_the_range_are_accepted() {
    for parameters in [
        argon2id(FLOOR.memory_kib, FLOOR.passes, FLOOR.lanes),
        argon2id(CEILING.memory_kib, CEILING.passes, CEILING.lanes),
        pbkdf2(FLOOR.iterations),
        pbkdf2(CEILING.iterations),
    ] {
        assert_eq!(parameters.check(), Ok(()));
    }
}

#[test]
fn more_callers_than_turns_all_get_their_key() {
    let parameters = argon2id(FLOOR.memory_kib, 1, 1);
    let keys: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..5).map(|_| scope.spawn(|| derive(PASSPHRASE, SALT, &parameters).unwrap())).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| key.same_as(&keys[0])));
}
