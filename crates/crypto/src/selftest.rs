//! Known answers for every algorithm, run at each start before anything is unlocked.

use strongroom_secret::{SecretBytes, SigningSeed};
use thiserror::Error;

use crate::cipher::{NONCE, OVERHEAD, OpenError, SealingKey};
use crate::signature::SigningKey;
use crate::{derive, hash, mac, oaep, password, random, signature};

mod columns;
mod keys;

/// An algorithm that gave a wrong answer; nothing may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the self-test of {algorithm} failed: this program or machine computes wrongly")]
pub struct SelfTestFailure {
    /// Which one.
    pub algorithm: &'static str,
}

/// Checks a known answer of every algorithm; takes a few milliseconds.
///
/// # Errors
/// [`SelfTestFailure`] names the first algorithm that failed.
pub fn run() -> Result<(), SelfTestFailure> {
    run_all(ALGORITHMS)
}

/// A name and a check that answers whether the algorithm is right.
type SelfTest = (&'static str, fn() -> bool);

fn run_all(algorithms: &[SelfTest]) -> Result<(), SelfTestFailure> {
    for (algorithm, is_right) in algorithms {
        if !is_right() {
            return Err(SelfTestFailure { algorithm });
        }
    }
    Ok(())
}

const ALGORITHMS: &[SelfTest] = &[
    ("SHA-256", sha256),
    ("HMAC-SHA-256", hmac_sha256),
    ("HKDF-SHA-256", hkdf_sha256),
    ("KC-XAES-256-GCM (seal)", cipher_seals),
    ("KC-XAES-256-GCM (open)", cipher_opens),
    ("KC-XAES-256-GCM (refuse)", cipher_refuses),
    ("Argon2id", argon2id),
    ("PBKDF2-HMAC-SHA-256", pbkdf2),
    ("Ed25519", ed25519),
    ("RSA-OAEP-SHA-256", rsa_oaep),
    ("ECDSA P-256 SHA-256", keys::ecdsa_p256),
    ("RSA-PSS SHA-256", keys::rsa_pss),
    ("AES-KWP", keys::aes_kwp),
    ("DHKEM(X25519, HKDF-SHA-256)", keys::dhkem),
    ("STREAM over AES-256-GCM", keys::stream),
    ("AEAD_AES_256_CBC_HMAC_SHA256", columns::cell),
    ("RSA-OAEP-SHA-1 and RSASSA-PKCS1-v1_5 SHA-256", columns::envelope),
    ("random generator", random_generator),
];

/// FIPS 180-4, the one-block message.
fn sha256() -> bool {
    hash::sha256(&[b"a", b"bc"])
        == *b"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\
              \xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad"
}

/// RFC 4231, test case 2.
fn hmac_sha256() -> bool {
    let parts: &[&[u8]] = &[b"what do ya want ", b"for nothing?"];
    let answer = b"\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7\
                   \x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43";
    let mut wrong = *answer;
    wrong[31] ^= 1;
    mac::verify(b"Jefe", parts, answer) && !mac::verify(b"Jefe", parts, &wrong)
}

/// RFC 5869, test case 3: no salt, no info.
fn hkdf_sha256() -> bool {
    let okm: [u8; 42] = derive::bytes(b"", &[&[0x0b; 20], &[0x0b; 2]], "", b"");
    okm == *b"\x8d\xa4\xe7\x75\xa5\x63\xc1\x8f\x71\x5f\x80\x2a\x06\x3c\x5a\x31\
              \xb8\xa1\x1f\x5c\x5e\xe1\x87\x9e\xc3\x45\x4e\x5f\x3c\x73\x8d\x2d\
              \x9d\x20\x13\x95\xfa\xa4\xb6\x1a\x96\xc8"
}

/// docs/spec/cipher.md, the second known answer.
const CIPHER_KEY: [u8; 32] = [3; 32];
const CIPHER_AAD: &[u8] = b"c2sp.org/XAES-256-GCM";
const CIPHER_PLAINTEXT: &[u8] = b"XAES-256-GCM";
const CIPHER_SEALED: &[u8; OVERHEAD + 12] = b"ABCDEFGHIJKLMNOPQRSTUVWX\
    \x98\x6e\xc1\x83\x25\x93\xdf\x54\x43\xa1\x79\x43\
    \x7f\xd0\x83\xbf\x3f\xdb\x41\xab\xd7\x40\xa2\x1f\x71\xeb\x76\x9d\
    \x55\x53\xcd\x21\xd1\x59\x2b\x42\x2e\x31\x29\x63\x2a\x31\x87\xee\
    \xe8\xa6\x58\xcd\xca\x5c\x5b\x32\xce\x86\x30\x8d\xcc\x18\xe9\xd1";

fn cipher_seals() -> bool {
    let mut buffer = [0; OVERHEAD + CIPHER_PLAINTEXT.len()];
    buffer[NONCE..NONCE + CIPHER_PLAINTEXT.len()].copy_from_slice(CIPHER_PLAINTEXT);
    SealingKey::new(&CIPHER_KEY).seal_with_nonce(b"ABCDEFGHIJKLMNOPQRSTUVWX", &[CIPHER_AAD], &mut buffer);
    buffer == *CIPHER_SEALED
}

fn cipher_opens() -> bool {
    let mut out = SecretBytes::new();
    let opened = SealingKey::new(&CIPHER_KEY).open_append(&[CIPHER_AAD], CIPHER_SEALED, &mut out);
    opened.is_ok() && out.expose() == CIPHER_PLAINTEXT
}

/// A changed byte of ciphertext, tag and commitment each.
fn cipher_refuses() -> bool {
    let key = SealingKey::new(&CIPHER_KEY);
    [NONCE, OVERHEAD - 32, CIPHER_SEALED.len() - 1].iter().all(|changed| {
        let mut sealed = *CIPHER_SEALED;
        sealed[*changed] ^= 1;
        key.open_in_place(&[CIPHER_AAD], &mut sealed) == Err(OpenError)
    })
}

/// Answer of the reference implementation (libargon2), at a cost that is not noticed.
fn argon2id() -> bool {
    let mut out = [0; 32];
    let salt: [u8; 16] = core::array::from_fn(|position| position as u8);
    password::argon2id(b"four plain words here", &salt, [64, 2, 2], &mut out).is_ok()
        && out
            == *b"\x43\xe8\x99\x16\x71\x49\x86\x69\xbc\xe7\xee\xdc\xb7\x72\x96\x19\
                  \x98\x97\xbc\x36\x4f\x75\x6e\x3b\x88\xc9\x97\xc1\xee\x4e\xa4\x05"
}

/// RFC 7914, section 11.
fn pbkdf2() -> bool {
    let mut out = [0; 64];
    password::pbkdf2_hmac_sha256(b"passwd", b"salt", 1, &mut out);
    out == *b"\x55\xac\x04\x6e\x56\xe3\x08\x9f\xec\x16\x91\xc2\x25\x44\xb6\x05\
              \xf9\x41\x85\x21\x6d\xde\x04\x65\xe6\x8b\x9d\x57\xc2\x0d\xac\xbc\
              \x49\xca\x9c\xcc\xf1\x79\xb6\x45\x99\x16\x64\xb3\x9d\x77\xef\x31\
              \x7c\x71\xb8\x45\xb1\xe3\x0b\xd5\x09\x11\x20\x41\xd3\xa1\x97\x83"
}

/// RFC 8032, section 7.1, test 2.
fn ed25519() -> bool {
    let seed = SigningSeed::fill_with(|seed| {
        *seed = *b"\x4c\xcd\x08\x9b\x28\xff\x96\xda\x9d\xb6\xc3\x46\xec\x11\x4e\x0f\
                   \x5b\x8a\x31\x9f\x35\xab\xa6\x24\xda\x8c\xf6\xed\x4f\xb8\xa6\xfb";
    });
    let key = SigningKey::from_seed(&seed);
    let mut signature = key.sign(b"\x72");
    let answer = b"\x92\xa0\x09\xa9\xf0\xd4\xca\xb8\x72\x0e\x82\x0b\x5f\x64\x25\x40\
                   \xa2\xb2\x7b\x54\x16\x50\x3f\x8f\xb3\x76\x22\x23\xeb\xdb\x69\xda\
                   \x08\x5a\xc1\xe4\x3e\x15\x99\x6e\x45\x8f\x36\x13\xd0\xf1\x1d\x8c\
                   \x38\x7b\x2e\xae\xb4\x30\x2a\xee\xb0\x0d\x29\x16\x12\xbb\x0c\x00";
    let is_right = signature == *answer && signature::verify(&key.public(), b"\x72", &signature);
    signature[0] ^= 1;
    is_right && !signature::verify(&key.public(), b"\x72", &signature)
}

/// Wycheproof, 3072 bits, test 2: twenty zero bytes, no label. The key is public knowledge.
fn rsa_oaep() -> bool {
    let key = include_bytes!("selftest/oaep_key.der");
    let ciphertext = include_bytes!("selftest/oaep_ciphertext.bin");
    let mut wrong = *ciphertext;
    wrong[100] ^= 1;
    oaep::PrivateKey::from_pkcs8(key).is_ok_and(|key| {
        key.decrypt(b"", ciphertext).is_ok_and(|opened| opened.expose() == [0; 20]) && key.decrypt(b"", &wrong).is_err()
    })
}

/// Two draws differ, as do two nonces: a generator that is stuck is worse than none.
fn random_generator() -> bool {
    let mut draws = [[0; 32]; 2];
    draws.iter_mut().for_each(|draw| random::fill(draw));
    draws[0] != draws[1] && draws[0] != [0; 32] && random::nonce() != random::nonce()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_right() {
        for (algorithm, is_right) in ALGORITHMS {
            assert!(is_right(), "{algorithm}");
        }
        assert_eq!(run(), Ok(()));
    }

    #[test]
    fn the_first_wrong_one_is_named() {
        let failure = run_all(&[("right", || true), ("wrong", || false), ("later", || false)]);
        assert_eq!(failure, Err(SelfTestFailure { algorithm: "wrong" }));
    }
}
