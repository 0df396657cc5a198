//! Ed25519 (RFC 8032), keys as RFC 8410 writes them.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use strongroom_secret::SecretBytes;

use super::{Algorithm, KeyRefusal, not_pkcs8, not_spki};
use crate::weakness;

const ALGORITHM: Algorithm = Algorithm::Ed25519;

pub(super) struct PrivateKey(Ed25519KeyPair);

impl PrivateKey {
    pub(super) fn generate() -> Self {
        Self(Ed25519KeyPair::generate().expect("the operating system provides randomness"))
    }

    pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyRefusal> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| not_pkcs8(ALGORITHM))?;
        let seed = pair.seed().map_err(|_| not_pkcs8(ALGORITHM))?;
        let seed = aws_lc_rs::encoding::AsBigEndian::as_be_bytes(&seed).map_err(|_| not_pkcs8(ALGORITHM))?;
        weakness::refuse(seed.as_ref())?;
        Ok(Self(pair))
    }

    pub(super) fn to_pkcs8(&self) -> SecretBytes {
        let document = self.0.to_pkcs8v1().expect("a checked key can be written");
        SecretBytes::from_slice(document.as_ref())
    }

    pub(super) fn public_spki(&self) -> Vec<u8> {
        let spki: PublicKeyX509Der<'_> = self.0.public_key().as_der().expect("a checked key can be written");
        spki.as_ref().to_vec()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    pub(super) fn from_spki(spki: &[u8]) -> Result<Self, KeyRefusal> {
        super::parsed(&ED25519, spki).map(Self).ok_or(not_spki(ALGORITHM))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}
