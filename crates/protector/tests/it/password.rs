//! The password protector: which passwords, which cost, and that the right one is needed.

use std::time::{Duration, Instant};

use strongroom_crypto::password::{Algorithm, CEILING, FLOOR, Parameters, PasswordError};
use strongroom_envelope::Id;
use strongroom_protector::{
    Password, Protector, StrengthRefusal, UnwrapError, WrapError, WrappingTerms, check_strength,
};
use strongroom_secret::Passphrase;

use crate::fixture::{CHEAP, STORE, new_root, opens, refusal, wrap};

fn with(password: &str, parameters: Parameters) -> Password {
    Password::with_parameters(STORE, Passphrase::from_slice(password.as_bytes()), parameters)
}

fn argon2id(memory_kib: u32, passes: u32, lanes: u32) -> Parameters {
    Parameters { algorithm: Algorithm::Argon2id { memory_kib, passes, lanes } }
}

fn pbkdf2(iterations: u32) -> Parameters {
    Parameters { algorithm: Algorithm::Pbkdf2HmacSha256 { iterations } }
}

#[test]
fn only_the_same_bytes_open() {
    let root = new_root();
    let record = wrap(&with("four plain words here", CHEAP), &root).unwrap();
    assert!(opens(&with("four plain words here", CHEAP), &record, &root));
    for wrong in ["four plain words her", "four plain words here\n", "Four plain words here", ""] {
        let found = refusal(&with(wrong, CHEAP), &record);
        assert!(matches!(found, UnwrapError::NotAuthentic { .. }), "{found}");
        assert!(found.to_string().contains("password"), "{found}");
    }
}

/// What was recorded decides the derivation, not what would be chosen today.
#[test]
fn it_opens_with_the_recorded_cost() {
    let root = new_root();
    let record = wrap(&with("four plain words here", CHEAP), &root).unwrap();
    let today = with("four plain words here", argon2id(64 * 1024, 2, 1));
    assert!(opens(&today, &record, &root));
    assert_eq!(
        today.outdated(&record).unwrap(),
        "the derivation was Argon2id (65536 KiB, 1 passes, 1 lanes) and would be Argon2id (65536 KiB, 2 passes, 1 lanes)"
    );
    let raised = wrap(&today, &root).unwrap();
    assert_eq!(today.outdated(&raised), None);
    assert_eq!(with("x", CHEAP).outdated(&raised), None, "never lowered");
    assert_eq!(with("x", pbkdf2(600_000)).outdated(&raised), None, "another algorithm is a choice");
}

#[test]
fn the_fips_derivation_works_too() {
    let root = new_root();
    let protector = with("four plain words here", pbkdf2(600_000));
    let record = wrap(&protector, &root).unwrap();
    assert!(opens(&protector, &record, &root));
    assert!(with("x", pbkdf2(700_000)).outdated(&record).is_some());
}

#[test]
fn the_default_is_256_mib_three_passes_four_lanes() {
    assert_eq!(Parameters::default(), argon2id(256 * 1024, 3, 4));
}

/// Below the floor a guess is cheap, above the ceiling a forged record would stop the host.
#[test]
fn costs_outside_floor_and_ceiling_are_refused_both_ways() {
    let record = wrap(&with("four plain words here", CHEAP), &new_root()).unwrap();
    let refused = [
        argon2id(FLOOR.memory_kib - 1, 1, 1),
        argon2id(CEILING.memory_kib + 1, 1, 1),
        argon2id(u32::MAX, u32::MAX, u32::MAX),
        argon2id(64 * 1024, 0, 1),
        argon2id(64 * 1024, CEILING.passes + 1, 1),
        argon2id(64 * 1024, 1, 0),
        argon2id(64 * 1024, 1, CEILING.lanes + 1),
        pbkdf2(FLOOR.iterations - 1),
        pbkdf2(CEILING.iterations + 1),
        pbkdf2(0),
    ];
    for parameters in refused {
        let out_of_range = with("four plain words here", parameters);
        let not_made = wrap(&out_of_range, &new_root());
        assert!(matches!(not_made, Err(WrapError::Password(PasswordError::OutOfRange { .. }))));
        let mut hostile = record.clone();
        hostile.parameters = Some(parameters);
        let found = refusal(&out_of_range, &hostile);
        assert!(matches!(found, UnwrapError::Password(PasswordError::OutOfRange { .. })), "{found}");
    }
}

/// What a key's record says is refused as fast as what a protector's does: nothing is derived, whatever it asks for.
#[test]
fn terms_of_a_key_outside_floor_and_ceiling_are_refused_at_once() {
    let protector = with("four plain words here", CHEAP);
    let terms = |parameters, salt: usize| WrappingTerms {
        salt: vec![7; salt],
        parameters,
        parameter: String::new(),
        blob: Vec::new(),
    };
    let edited = [
        terms(Some(argon2id(FLOOR.memory_kib - 1, 3, 4)), 16),
        terms(Some(argon2id(CEILING.memory_kib + 1, 3, 4)), 16),
        terms(Some(argon2id(256 * 1024, CEILING.passes + 1, 4)), 16),
        terms(Some(argon2id(256 * 1024, 3, 0)), 16),
        terms(Some(pbkdf2(FLOOR.iterations - 1)), 16),
        terms(Some(pbkdf2(u32::MAX)), 16),
        terms(Some(CHEAP), FLOOR.salt - 1),
        terms(Some(CHEAP), CEILING.salt + 1),
        terms(None, 16),
        WrappingTerms { blob: vec![1], ..terms(Some(CHEAP), 16) },
    ];
    for terms in edited {
        let begun = Instant::now();
        let refused = protector.wrapping_key(Id([1; 16]), &terms).map(drop);
        let took = begun.elapsed();
        assert!(refused.is_err(), "{:?}", terms.parameters);
        assert!(took < Duration::from_millis(50), "{:?}: {took:?}", terms.parameters);
    }
}

#[test]
fn weak_passwords_are_refused_before_anything_is_derived() {
    for (weak, strong) in [("thirteenchars", "fourteen chars"), ("ab cd ef", "ab cd ef gh")] {
        let refused = wrap(&with(weak, Parameters::default()), &new_root());
        assert!(matches!(refused, Err(WrapError::Weak(StrengthRefusal::TooShort { .. }))), "{weak}");
        assert_eq!(check_strength(&Passphrase::from_slice(strong.as_bytes())), Ok(()));
        assert!(wrap(&with(strong, CHEAP), &new_root()).is_ok());
    }
}

#[test]
fn it_is_bound_to_nothing_but_the_person() {
    let protector = with("four plain words here", CHEAP);
    assert_eq!(protector.bound_to(), []);
    assert!(protector.attended());
}
