//! DHKEM(X25519, HKDF-SHA-256) of RFC 9180, section 4.1: a secret that only the holder of a private key shares.

use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519};
use strongroom_secret::{AgreementKey, SharedSecret};
use thiserror::Error;

use crate::{derive, random};

/// Bytes of a public key.
pub const PUBLIC_KEY: usize = 32;
/// Bytes of what is sent: an ephemeral public key.
pub const ENCAPSULATED: usize = 32;

/// A public key of low order: with it every private key gives the same, so nothing can be agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no key can be agreed on with this public key")]
pub struct LowOrder;

/// A new private key.
#[must_use]
pub fn generate() -> AgreementKey {
    AgreementKey::fill_with(|slot| random::fill(slot))
}

/// The public key of a private one.
#[must_use]
pub fn public(private: &AgreementKey) -> [u8; PUBLIC_KEY] {
    let public = expanded(private).compute_public_key().expect("an X25519 private key has a public one");
    public.as_ref().try_into().expect("an X25519 public key has 32 bytes")
}

/// A fresh secret, and what the holder of the private key needs to find it, which is sent in clear.
///
/// # Errors
/// [`LowOrder`] for such a public key.
pub fn encapsulate(recipient: &[u8; PUBLIC_KEY]) -> Result<(SharedSecret, [u8; ENCAPSULATED]), LowOrder> {
    encapsulate_with(&generate(), recipient)
}

/// The same with a given ephemeral key, which may serve once only.
pub(crate) fn encapsulate_with(
    ephemeral: &AgreementKey,
    recipient: &[u8; PUBLIC_KEY],
) -> Result<(SharedSecret, [u8; ENCAPSULATED]), LowOrder> {
    let encapsulated = public(ephemeral);
    let shared = agree(ephemeral, recipient, &[&encapsulated, recipient])?;
    Ok((shared, encapsulated))
}

/// The secret that [`encapsulate`] made for the holder of this private key.
///
/// # Errors
/// [`LowOrder`] for such bytes. Another private key finds another secret, without an error.
pub fn decapsulate(recipient: &AgreementKey, encapsulated: &[u8; ENCAPSULATED]) -> Result<SharedSecret, LowOrder> {
    agree(recipient, encapsulated, &[encapsulated, &public(recipient)])
}

/// `ExtractAndExpand(DH(private, other), kem_context)` of RFC 9180.
fn agree(private: &AgreementKey, other: &[u8; 32], context: &[&[u8; 32]; 2]) -> Result<SharedSecret, LowOrder> {
    let other = UnparsedPublicKey::new(&X25519, other);
    agreement::agree(&expanded(private), other, LowOrder, |agreed| {
        let secret: [&[u8]; 4] = [VERSION, SUITE, b"eae_prk", agreed];
        let [encapsulated, recipient] = context;
        let info: [&[u8]; 6] = [LENGTH, VERSION, SUITE, b"shared_secret", *encapsulated, *recipient];
        Ok(SharedSecret::fill_with(|slot| derive::expand(b"", &secret, &info, slot)))
    })
}

fn expanded(private: &AgreementKey) -> agreement::PrivateKey {
    agreement::PrivateKey::from_private_key(&X25519, private.expose())
        .expect("every 32 bytes are an X25519 private key")
}

const VERSION: &[u8] = b"HPKE-v1";
/// `"KEM"` and the number of this one.
const SUITE: &[u8] = b"KEM\x00\x20";
/// Bytes of the shared secret.
const LENGTH: &[u8] = &[0, 32];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hex(text: &str) -> [u8; 32] {
        core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    fn key(text: &str) -> AgreementKey {
        AgreementKey::from_slice(&hex(text)).unwrap()
    }

    /// RFC 9180, appendices A.1.1 and A.2.1: skEm, skRm, pkRm, enc, shared_secret.
    const ANSWERS: [[&str; 5]; 2] = [
        [
            "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
            "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
            "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
            "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
            "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
        ],
        [
            "f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600",
            "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
            "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
            "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
            "0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7",
        ],
    ];

    #[test]
    fn answers_of_rfc_9180() {
        for [ephemeral, private, recipient, encapsulated, shared] in ANSWERS {
            assert_eq!(public(&key(private)), hex(recipient));
            let (found, sent) = encapsulate_with(&key(ephemeral), &hex(recipient)).unwrap();
            assert_eq!(sent, hex(encapsulated));
            assert_eq!(found.expose(), &hex(shared));
            assert_eq!(decapsulate(&key(private), &hex(encapsulated)).unwrap().expose(), &hex(shared));
        }
    }

    #[test]
    fn every_secret_is_fresh_and_another_key_does_not_find_it() {
        let (recipient, other) = (generate(), generate());
        let (shared, sent) = encapsulate(&public(&recipient)).unwrap();
        assert!(shared.same_as(&decapsulate(&recipient, &sent).unwrap()));
        assert!(!shared.same_as(&decapsulate(&other, &sent).unwrap()));
        let (again, sent_again) = encapsulate(&public(&recipient)).unwrap();
        assert!(sent != sent_again && !shared.same_as(&again));
    }

    /// The points of low order on Curve25519, as RFC 7748's security considerations speak of them: 0, 1, the two of order 8,
    /// and -1.
    #[test]
    fn points_of_low_order_are_refused() {
        for text in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            assert_eq!(encapsulate(&hex(text)).err(), Some(LowOrder), "{text}");
            assert_eq!(decapsulate(&generate(), &hex(text)).err(), Some(LowOrder), "{text}");
        }
    }
}
