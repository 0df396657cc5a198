//! Key envelopes: column encryption keys, wrapped under an RSA master key (docs/spec/column-key.md).

use core::fmt;

use strongroom_crypto::column_envelope::Parts;
use strongroom_secret::ColumnKey;

use crate::master::{MasterKey, PublicMasterKey};

pub use strongroom_crypto::column_envelope::{Malformed, OpenError, PathTooLong};

/// An envelope whose parts have been found; nothing of it is verified.
#[derive(Clone, Copy)]
pub struct KeyEnvelope<'envelope> {
    bytes: &'envelope [u8],
    parts: Parts<'envelope>,
}

impl<'envelope> KeyEnvelope<'envelope> {
    /// Finds the parts of an envelope.
    ///
    /// # Errors
    /// [`Malformed`] when version or lengths are not those of an envelope.
    pub fn parse(bytes: &'envelope [u8]) -> Result<Self, Malformed> {
        Ok(Self { bytes, parts: Parts::parse(bytes)? })
    }

    /// The path of the master key, for people to read: it says where whoever made the envelope had the key, no more.
    #[must_use]
    pub fn key_path(&self) -> Option<String> {
        self.parts.path_text()
    }

    /// Whether this master key made the envelope, unchanged since.
    #[must_use]
    pub fn signed_by(&self, master: &PublicMasterKey) -> bool {
        master.signed(&self.parts)
    }

    /// Opens it: lengths, signature, then the key, which has 32 bytes.
    ///
    /// # Errors
    /// [`OpenError`] when this master key did not make it.
    pub fn open(&self, master: &MasterKey) -> Result<ColumnKey, OpenError> {
        master.open(self.bytes)
    }
}

/// Wraps a column encryption key under a master key that clients find at `path`.
///
/// # Errors
/// [`PathTooLong`].
pub fn seal(master: &MasterKey, path: &str, key: &ColumnKey) -> Result<Vec<u8>, PathTooLong> {
    master.seal(path, key)
}

impl fmt::Debug for KeyEnvelope<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyEnvelope({:?}, {} bytes)", self.key_path(), self.bytes.len())
    }
}
