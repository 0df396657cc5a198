//! Ed25519 signatures (RFC 8032).

use core::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use strongroom_secret::SigningSeed;

/// Bytes of a public key.
pub const PUBLIC_KEY: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE: usize = 64;

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Expands a seed.
    #[must_use]
    pub fn from_seed(seed: &SigningSeed) -> SigningKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("every 32 bytes are an Ed25519 seed");
        SigningKey(pair)
    }

    /// The public key that verifies.
    #[must_use]
    pub fn public(&self) -> [u8; PUBLIC_KEY] {
        let public = self.0.public_key().as_ref();
        public.try_into().expect("an Ed25519 public key has 32 bytes")
    }

    /// The signature of a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE] {
        let signature = self.0.sign(message);
        signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(…)")
    }
}

/// Whether `signature` is the signature of `message` under `public`.
#[must_use]
pub fn verify(public: &[u8; PUBLIC_KEY], message: &[u8], signature: &[u8; SIGNATURE]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}
