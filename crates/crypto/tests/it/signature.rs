//! Proves Ed25519 against RFC 8032.

use strongroom_crypto::signature::{SigningKey, verify};
use strongroom_secret::SigningSeed;

use crate::hex;

/// RFC 8032, section 7.1, tests 1 and 3: seed, public key, message, signature.
const TESTS: [[&str; 4]; 2] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

#[test]
fn answers_of_rfc_8032() {
    for [seed, public, message, signature] in TESTS {
        let key = SigningKey::from_seed(&SigningSeed::from_slice(&hex::decode(seed)).unwrap());
        let message = hex::decode(message);
        assert_eq!(hex::encode(&key.public()), public);
        assert_eq!(hex::encode(&key.sign(&message)), signature);
        assert!(verify(&hex::array(public), &message, &hex::array(signature)));
    }
}

#[test]
fn changes_are_refused() {
    let [_, public, message, signature] = TESTS[1];
    let (public, message, signature) = (hex::array(public), hex::decode(message), hex::array::<64>(signature));
    for position in 0..signature.len() {
        let mut changed = signature;
        changed[position] ^= 1;
        assert!(!verify(&public, &message, &changed), "byte {position}");
    }
    assert!(!verify(&public, b"", &signature));
    assert!(!verify(&[0; 32], &message, &signature));
    assert!(!verify(&hex::array(TESTS[0][1]), &message, &signature));
}

#[test]
fn a_signing_key_does_not_print_itself() {
    let key = SigningKey::from_seed(&SigningSeed::fill_with(|seed| seed.fill(1)));
    assert_eq!(format!("{key:?}"), "SigningKey(…)");
}
