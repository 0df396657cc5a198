//! A data key as it travels: sealed under a master key (docs/spec/two-tier.md, docs/spec/stream.md).

use strongroom_crypto::SealingKey;
use strongroom_secret::{DataKey, KEY_BYTES, SecretBytes};

use crate::Id;
use crate::value::{self, LEAST_LENGTH, Place, Purpose, ValueError, ValueHeader, ValueRefusal};

/// A data key sealed under a master key: a sealed value of 32 bytes, parsed and not yet authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SealedDataKey {
    bytes: [u8; SEALED_DATA_KEY],
}

/// The bytes do not have the form of a sealed data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataKeyRefusal {
    /// Another length than that of a sealed value of 32 bytes.
    #[error("a sealed data key has {SEALED_DATA_KEY} bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// Not a sealed value.
    #[error("parsing a sealed data key")]
    Value(#[from] ValueRefusal),
    /// Sealed for another purpose than what it stands in.
    #[error("the data key was sealed for purpose {found:?}, not {expected:?}")]
    Purpose {
        /// The purpose of what it stands in.
        expected: Purpose,
        /// The purpose it was sealed for.
        found: Purpose,
    },
}

impl SealedDataKey {
    /// Seals a data key under a master key, for a purpose and a place.
    ///
    /// # Panics
    /// When `key_version` is 0, as [`value::seal`].
    #[must_use]
    pub fn seal(
        master: &SealingKey,
        purpose: Purpose,
        key_id: Id,
        key_version: u32,
        place: &Place<'_>,
        data_key: &DataKey,
    ) -> Self {
        let mut sealed = Vec::with_capacity(SEALED_DATA_KEY);
        value::seal(master, purpose, key_id, key_version, place, data_key.expose(), &mut sealed);
        Self { bytes: sealed.try_into().expect("a sealed value of 32 bytes has one length") }
    }

    /// Reads a sealed data key of this purpose.
    ///
    /// # Errors
    /// See [`DataKeyRefusal`]. Nothing is authenticated yet.
    pub fn from_bytes(purpose: Purpose, bytes: &[u8]) -> Result<Self, DataKeyRefusal> {
        let bytes = bytes.try_into().map_err(|_| DataKeyRefusal::Length { length: bytes.len() })?;
        let sealed = Self { bytes };
        let found = value::parse(&sealed.bytes)?.purpose;
        if found == purpose { Ok(sealed) } else { Err(DataKeyRefusal::Purpose { expected: purpose, found }) }
    }

    /// Opens it at its place; the caller chooses `master` by [`SealedDataKey::header`].
    ///
    /// # Errors
    /// [`ValueError::Unauthentic`] when it was sealed under another key or for another place, or was changed.
    pub fn open(&self, master: &SealingKey, place: &Place<'_>) -> Result<DataKey, ValueError> {
        let mut opened = SecretBytes::with_capacity(KEY_BYTES);
        value::open(master, self.header().purpose, place, &self.bytes, &mut opened)?;
        DataKey::from_slice(opened.expose()).map_err(|_| ValueError::Unauthentic)
    }

    /// Its purpose, and the master key it is sealed under.
    #[must_use]
    pub fn header(&self) -> ValueHeader {
        value::parse(&self.bytes).expect("what was sealed or parsed before parses again")
    }

    /// The sealed value.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SEALED_DATA_KEY] {
        &self.bytes
    }
}

/// Bytes of a sealed data key.
pub const SEALED_DATA_KEY: usize = LEAST_LENGTH + KEY_BYTES;
