//! ECDSA on P-256 with SHA-256 (FIPS 186-5), signatures in DER.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use strongroom_secret::SecretBytes;

use super::{Algorithm, KeyRefusal, not_pkcs8, not_spki};

const ALGORITHM: Algorithm = Algorithm::EcdsaP256Sha256;

pub(super) struct PrivateKey(EcdsaKeyPair);

impl PrivateKey {
    pub(super) fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Self(pair.expect("the operating system provides randomness"))
    }

    pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyRefusal> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8);
        Ok(Self(pair.map_err(|_| not_pkcs8(ALGORITHM))?))
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
        let signature = self.0.sign(&SystemRandom::new(), message).expect("a checked key signs every message");
        signature.as_ref().to_vec()
    }
}

pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    pub(super) fn from_spki(spki: &[u8]) -> Result<Self, KeyRefusal> {
        super::parsed(&ECDSA_P256_SHA256_ASN1, spki).map(Self).ok_or(not_spki(ALGORITHM))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}
