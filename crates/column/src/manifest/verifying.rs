//! The public key that manifests are signed under.

use core::fmt;

use strongroom_crypto::asymmetric::{Algorithm, KeyRefusal, PublicKey};
use thiserror::Error;

/// An Ed25519 public key.
pub struct VerifyingKey {
    key: PublicKey,
    spki: Vec<u8>,
}

/// Why a public key was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadVerifyingKey {
    /// No PEM block of that kind.
    #[error("not a public key in PEM: it begins with -----BEGIN PUBLIC KEY-----, as `strongroom key show` prints it")]
    NotPem,
    /// Not a key, or not one of Ed25519.
    #[error("not a key that manifests are signed with: {0}")]
    Refused(#[from] KeyRefusal),
}

impl VerifyingKey {
    /// Reads SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    /// [`BadVerifyingKey`] for anything but an Ed25519 key.
    pub fn from_pem(text: &str) -> Result<Self, BadVerifyingKey> {
        let (_, rest) = text.split_once(BEGIN).ok_or(BadVerifyingKey::NotPem)?;
        let (inside, _) = rest.split_once(END).ok_or(BadVerifyingKey::NotPem)?;
        let digits: String = inside.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        use base64::Engine;
        let spki = base64::engine::general_purpose::STANDARD.decode(digits).map_err(|_| BadVerifyingKey::NotPem)?;
        Self::from_spki(&spki)
    }

    /// Reads SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`BadVerifyingKey::Refused`] for anything but an Ed25519 key.
    pub fn from_spki(spki: &[u8]) -> Result<Self, BadVerifyingKey> {
        Ok(Self { key: PublicKey::from_spki(Algorithm::Ed25519, spki)?, spki: spki.to_vec() })
    }

    /// The key as SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify(message, signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerifyingKey")
    }
}

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
