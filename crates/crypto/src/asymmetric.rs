//! Keys that sign: Ed25519, ECDSA on P-256, RSA-PSS; made, brought in, written out, used and checked.
//!
//! A private key travels as PKCS#8 (RFC 5208, RFC 5958), a public one as SubjectPublicKeyInfo (RFC 5280). Ed25519 with a
//! bare seed, as the audit trail has it, is in [`crate::signature`].

use core::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use strongroom_secret::SecretBytes;
use thiserror::Error;

use crate::weakness::Weakness;

mod ecdsa_p256;
mod ed25519;
mod rsa_pss;

/// How a key signs. Each key is of one algorithm and signs with no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032); a signature has 64 bytes.
    Ed25519,
    /// ECDSA on the curve P-256 with SHA-256 (FIPS 186-5). A signature is the DER form `SEQUENCE { r, s }` (RFC 3279,
    /// section 2.2.3), which is what X.509, OpenSSL and KMIP use; the fixed form of JOSE is the same two numbers.
    EcdsaP256Sha256,
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes (RFC 8017), 3072 bits. A key that is brought in
    /// may have up to 8192 bits.
    RsaPss3072Sha256,
}

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRefusal {
    /// Not a key of this algorithm in the expected encoding, or its parts do not belong together.
    #[error(
        "not a valid {} key, or private and public part do not belong together; give it as unencrypted {} in DER",
        .algorithm.name(), .encoding
    )]
    Invalid {
        /// What it should have been.
        algorithm: Algorithm,
        /// How it should have been written.
        encoding: &'static str,
    },
    /// A shorter modulus than [`LEAST_RSA_BITS`].
    #[error("the RSA key has {bits} bits; at least {LEAST_RSA_BITS} are needed")]
    TooShort {
        /// Its length.
        bits: usize,
    },
    /// Another public exponent than 65537.
    #[error("the RSA key has another public exponent than 65537; make a new one, as every current program does")]
    Exponent,
    /// A seed that can be guessed.
    #[error("the key is weak: {0}")]
    Weak(#[from] Weakness),
}

/// A private key, checked, ready to sign.
pub struct PrivateKey(Private);

enum Private {
    Ed25519(ed25519::PrivateKey),
    EcdsaP256(ecdsa_p256::PrivateKey),
    RsaPss(rsa_pss::PrivateKey),
}

/// A public key, checked, ready to verify.
pub struct PublicKey(Public);

enum Public {
    Ed25519(ed25519::PublicKey),
    EcdsaP256(ecdsa_p256::PublicKey),
    RsaPss(rsa_pss::PublicKey),
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::EcdsaP256Sha256, Self::RsaPss3072Sha256];

    /// The name in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256Sha256 => "ECDSA P-256",
            Self::RsaPss3072Sha256 => "RSA",
        }
    }
}

impl PrivateKey {
    /// Makes a key. For RSA this takes tenths of a second and more, of a kind that no caller may wait for on a runtime.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing may go on without it.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Ed25519 => Private::Ed25519(ed25519::PrivateKey::generate()),
            Algorithm::EcdsaP256Sha256 => Private::EcdsaP256(ecdsa_p256::PrivateKey::generate()),
            Algorithm::RsaPss3072Sha256 => Private::RsaPss(rsa_pss::PrivateKey::generate()),
        })
    }

    /// Reads PKCS#8 in DER, without a password.
    ///
    /// # Errors
    /// [`KeyRefusal`] for anything but a sound key of this algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &SecretBytes) -> Result<Self, KeyRefusal> {
        let pkcs8 = pkcs8.expose();
        Ok(Self(match algorithm {
            Algorithm::Ed25519 => Private::Ed25519(ed25519::PrivateKey::from_pkcs8(pkcs8)?),
            Algorithm::EcdsaP256Sha256 => Private::EcdsaP256(ecdsa_p256::PrivateKey::from_pkcs8(pkcs8)?),
            Algorithm::RsaPss3072Sha256 => Private::RsaPss(rsa_pss::PrivateKey::from_pkcs8(pkcs8)?),
        }))
    }

    /// The key as PKCS#8 (version 1) in DER.
    #[must_use]
    pub fn to_pkcs8(&self) -> SecretBytes {
        match &self.0 {
            Private::Ed25519(key) => key.to_pkcs8(),
            Private::EcdsaP256(key) => key.to_pkcs8(),
            Private::RsaPss(key) => key.to_pkcs8(),
        }
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Private::Ed25519(_) => Algorithm::Ed25519,
            Private::EcdsaP256(_) => Algorithm::EcdsaP256Sha256,
            Private::RsaPss(_) => Algorithm::RsaPss3072Sha256,
        }
    }

    /// The public key as SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn public_spki(&self) -> Vec<u8> {
        match &self.0 {
            Private::Ed25519(key) => key.public_spki(),
            Private::EcdsaP256(key) => key.public_spki(),
            Private::RsaPss(key) => key.public_spki(),
        }
    }

    /// The signature of a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Private::Ed25519(key) => key.sign(message),
            Private::EcdsaP256(key) => key.sign(message),
            Private::RsaPss(key) => key.sign(message),
        }
    }
}

impl PublicKey {
    /// Reads SubjectPublicKeyInfo in DER. A key has one form only: what would be written differently is refused.
    ///
    /// # Errors
    /// [`KeyRefusal`] for anything but a sound key of this algorithm.
    pub fn from_spki(algorithm: Algorithm, spki: &[u8]) -> Result<Self, KeyRefusal> {
        Ok(Self(match algorithm {
            Algorithm::Ed25519 => Public::Ed25519(ed25519::PublicKey::from_spki(spki)?),
            Algorithm::EcdsaP256Sha256 => Public::EcdsaP256(ecdsa_p256::PublicKey::from_spki(spki)?),
            Algorithm::RsaPss3072Sha256 => Public::RsaPss(rsa_pss::PublicKey::from_spki(spki)?),
        }))
    }

    /// Whether `signature` is a signature of `message` under this key.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Public::Ed25519(key) => key.verify(message, signature),
            Public::EcdsaP256(key) => key.verify(message, signature),
            Public::RsaPss(key) => key.verify(message, signature),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "asymmetric::PrivateKey({:?}, …)", self.algorithm())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.0 {
            Public::Ed25519(_) => Algorithm::Ed25519,
            Public::EcdsaP256(_) => Algorithm::EcdsaP256Sha256,
            Public::RsaPss(_) => Algorithm::RsaPss3072Sha256,
        };
        write!(formatter, "asymmetric::PublicKey({algorithm:?})")
    }
}

/// The shortest RSA modulus that is accepted.
pub const LEAST_RSA_BITS: usize = 3072;

const fn not_pkcs8(algorithm: Algorithm) -> KeyRefusal {
    KeyRefusal::Invalid { algorithm, encoding: "PKCS#8" }
}

const fn not_spki(algorithm: Algorithm) -> KeyRefusal {
    KeyRefusal::Invalid { algorithm, encoding: "SubjectPublicKeyInfo" }
}

/// The key that `spki` is the one and only way to write.
fn parsed(algorithm: &'static dyn VerificationAlgorithm, spki: &[u8]) -> Option<ParsedPublicKey> {
    let key = ParsedPublicKey::new(algorithm, spki).ok()?;
    let written: PublicKeyX509Der<'_> = key.as_der().ok()?;
    (written.as_ref() == spki).then_some(key)
}
