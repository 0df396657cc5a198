//! RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt as long as the digest (RFC 8017), for keys of at least 3072 bits.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicEncryptingKey, PublicKey as RsaPublicKey};
use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256};
use strongroom_secret::SecretBytes;

use super::{Algorithm, KeyRefusal, LEAST_RSA_BITS, not_pkcs8, not_spki};

const ALGORITHM: Algorithm = Algorithm::RsaPss3072Sha256;

pub(super) struct PrivateKey(RsaKeyPair);

impl PrivateKey {
    pub(super) fn generate() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa3072).expect("the operating system provides randomness"))
    }

    pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyRefusal> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| not_pkcs8(ALGORITHM))?;
        check(pair.public_key())?;
        Ok(Self(pair))
    }

    pub(super) fn to_pkcs8(&self) -> SecretBytes {
        let document: Pkcs8V1Der<'_> = self.0.as_der().expect("a checked key can be written");
        SecretBytes::from_slice(document.as_ref())
    }

    pub(super) fn public_spki(&self) -> Vec<u8> {
        let spki: PublicKeyX509Der<'_> = self.0.public_key().as_der().expect("a checked key can be written");
        spki.as_ref().to_vec()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a checked key signs every message");
        signature
    }
}

pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    pub(super) fn from_spki(spki: &[u8]) -> Result<Self, KeyRefusal> {
        let key = super::parsed(&RSA_PSS_2048_8192_SHA256, spki).ok_or(not_spki(ALGORITHM))?;
        check(&RsaPublicKey::from_der(spki).map_err(|_| not_spki(ALGORITHM))?)?;
        Ok(Self(key))
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// Length and exponent; the library has judged the rest.
fn check(public: &RsaPublicKey) -> Result<(), KeyRefusal> {
    let spki: PublicKeyX509Der<'_> = public.as_der().map_err(|_| not_spki(ALGORITHM))?;
    let bits = PublicEncryptingKey::from_der(spki.as_ref()).map_err(|_| not_spki(ALGORITHM))?.key_size_bits();
    if bits < LEAST_RSA_BITS {
        return Err(KeyRefusal::TooShort { bits });
    }
    // RSAPublicKey ends with the exponent as INTEGER. The library refuses one of more than 33 bits, so that these bytes
    // cannot be the end of a longer one.
    if public.as_ref().ends_with(&[0x02, 0x03, 0x01, 0x00, 0x01]) { Ok(()) } else { Err(KeyRefusal::Exponent) }
}
