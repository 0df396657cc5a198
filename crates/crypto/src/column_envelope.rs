//! The envelope of Microsoft's Always Encrypted, in which an RSA key wraps a column encryption key (docs/spec/column-key.md).
//!
//! RSA-OAEP with SHA-1 and RSASSA-PKCS1-v1_5 are here because that format needs them, and nowhere else. Only whole
//! envelopes can be made and opened: a key of this kind never decrypts or signs anything that a caller chose.

use core::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey,
};
use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use strongroom_secret::{ColumnKey, KEY_BYTES, SecretBytes};
use thiserror::Error;

pub use parts::{Malformed, PATH_UNITS, Parts, PathTooLong};

mod parts;

/// The shortest modulus that is accepted from elsewhere.
pub const LEAST_BITS: usize = 2048;
/// The modulus of keys that are made here.
pub const NEW_BITS: usize = 3072;

/// Why a master key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not an RSA key in the expected encoding, or not a valid one.
    #[error("not a valid RSA key of {LEAST_BITS} to 8192 bits")]
    Invalid,
    /// A shorter modulus than [`LEAST_BITS`].
    #[error("the RSA key has {bits} bits; at least {LEAST_BITS} are needed")]
    TooShort {
        /// Its length.
        bits: usize,
    },
}

/// Why an envelope was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Not an envelope.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Not made under this master key, or changed since. What of it is wrong is not told, on purpose.
    #[error("the column encryption key's envelope does not open under this master key")]
    NotOpened,
}

/// A column master key: the private key that wraps and unwraps column encryption keys.
pub struct MasterKey {
    pair: RsaKeyPair,
    decrypting: PrivateDecryptingKey,
    public: PublicMasterKey,
}

/// The public half of a column master key: it tells whether an envelope is one of that master key.
pub struct PublicMasterKey {
    key: ParsedPublicKey,
    spki: Vec<u8>,
    modulus: usize,
    bits: usize,
}

impl MasterKey {
    /// Makes a key of [`NEW_BITS`]. It takes tenths of a second and more, of a kind that no caller may wait for on a runtime.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing may go on without it.
    #[must_use]
    pub fn generate() -> MasterKey {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa3072).expect("the operating system provides randomness");
        MasterKey::new(key).expect("a key that was just made is valid")
    }

    /// Reads a PKCS#8 key.
    ///
    /// # Errors
    /// [`KeyError`] for anything but an RSA key that is long enough.
    pub fn from_pkcs8(der: &SecretBytes) -> Result<MasterKey, KeyError> {
        MasterKey::new(PrivateDecryptingKey::from_pkcs8(der.expose()).map_err(|_| KeyError::Invalid)?)
    }

    fn new(decrypting: PrivateDecryptingKey) -> Result<MasterKey, KeyError> {
        let bits = decrypting.key_size_bits();
        if bits < LEAST_BITS {
            return Err(KeyError::TooShort { bits });
        }
        let pkcs8: Pkcs8V1Der<'_> = decrypting.as_der().map_err(|_| KeyError::Invalid)?;
        let pair = RsaKeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| KeyError::Invalid)?;
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Invalid)?;
        let public = PublicMasterKey::new(spki.as_ref(), bits)?;
        Ok(MasterKey { pair, decrypting, public })
    }

    /// The key as PKCS#8 (version 1) in DER.
    ///
    /// # Panics
    /// Never: a key that was read can be written.
    #[must_use]
    pub fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8: Pkcs8V1Der<'_> = self.decrypting.as_der().expect("a checked key can be written");
        SecretBytes::from_slice(pkcs8.as_ref())
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &PublicMasterKey {
        &self.public
    }

    /// The envelope of `key`, with the path by which clients find this master key.
    ///
    /// # Errors
    /// [`PathTooLong`] when the path has more than [`PATH_UNITS`] UTF-16 code units.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing may go on without it.
    pub fn seal(&self, path: &str, key: &ColumnKey) -> Result<Vec<u8>, PathTooLong> {
        let mut envelope = parts::front(path, self.public.modulus)?;
        let oaep = OaepPublicEncryptingKey::new(self.decrypting.public_key()).expect("a checked key encrypts");
        let mut ciphertext = vec![0; self.public.modulus];
        oaep.encrypt(&OAEP_SHA1_MGF1SHA1, key.expose(), &mut ciphertext, None).expect("32 bytes fit into 2048 bits");
        envelope.extend_from_slice(&ciphertext);
        let signature = self.sign(&envelope);
        envelope.extend_from_slice(&signature);
        Ok(envelope)
    }

    /// Opens an envelope: lengths, signature, and only then the key.
    ///
    /// # Errors
    /// [`OpenError`]: not an envelope, or one that this master key did not make.
    pub fn open(&self, envelope: &[u8]) -> Result<ColumnKey, OpenError> {
        let parts = Parts::parse(envelope)?;
        if !self.public.signed(&parts) {
            return Err(OpenError::NotOpened);
        }
        let oaep = OaepPrivateDecryptingKey::new(self.decrypting.clone()).map_err(|_| OpenError::NotOpened)?;
        let mut room = SecretBytes::new();
        let room = room.extend_zeroed(oaep.min_output_size());
        let opened =
            oaep.decrypt(&OAEP_SHA1_MGF1SHA1, parts.ciphertext, room, None).map_err(|_| OpenError::NotOpened)?;
        ColumnKey::from_slice(opened).map_err(|_| OpenError::NotOpened)
    }

    /// Signs this master key's metadata: the provider's name, the path, and whether enclaves may use the key.
    #[must_use]
    pub fn sign_metadata(&self, provider: &str, path: &str, enclave: bool) -> Vec<u8> {
        self.sign(&metadata(provider, path, enclave))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.public.modulus];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a checked key signs every message");
        signature
    }
}

impl PublicMasterKey {
    /// Reads an X.509 SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`KeyError`] for anything but an RSA key that is long enough.
    pub fn from_spki(spki: &[u8]) -> Result<PublicMasterKey, KeyError> {
        let key = aws_lc_rs::rsa::PublicEncryptingKey::from_der(spki).map_err(|_| KeyError::Invalid)?;
        let bits = key.key_size_bits();
        if bits < LEAST_BITS {
            return Err(KeyError::TooShort { bits });
        }
        PublicMasterKey::new(spki, bits)
    }

    fn new(spki: &[u8], bits: usize) -> Result<PublicMasterKey, KeyError> {
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki).map_err(|_| KeyError::Invalid)?;
        Ok(PublicMasterKey { key, spki: spki.to_vec(), modulus: bits.div_ceil(8), bits })
    }

    /// The key as SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Length of the modulus.
    #[must_use]
    pub const fn bits(&self) -> usize {
        self.bits
    }

    /// Whether an envelope was made under this master key and not changed since.
    #[must_use]
    pub fn signed(&self, envelope: &Parts<'_>) -> bool {
        envelope.ciphertext.len() == self.modulus && self.key.verify_sig(envelope.signed, envelope.signature).is_ok()
    }

    /// Whether `signature` is that of this master key's metadata.
    #[must_use]
    pub fn signed_metadata(&self, provider: &str, path: &str, enclave: bool, signature: &[u8]) -> bool {
        self.key.verify_sig(&metadata(provider, path, enclave), signature).is_ok()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "column_envelope::MasterKey({} bits, …)", self.public.bits)
    }
}

impl fmt::Debug for PublicMasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "column_envelope::PublicMasterKey({} bits)", self.bits)
    }
}

/// What is signed of a master key's metadata: all in small letters, in UTF-16LE, one after the other.
fn metadata(provider: &str, path: &str, enclave: bool) -> Vec<u8> {
    let text = [provider.to_lowercase(), path.to_lowercase(), enclave.to_string()].concat();
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

// The ciphertext is checked to have 32 bytes by the type of the key.
const _: () = assert!(KEY_BYTES == 32);
