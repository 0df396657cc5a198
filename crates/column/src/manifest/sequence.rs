//! Manifests of one database follow one another, and never go back.

use strongroom_crypto::hash::sha256;
use thiserror::Error;

use super::Manifest;

/// The newest manifest that was seen, by its sequence and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// The database's id.
    pub database: String,
    /// Its sequence.
    pub sequence: u64,
    /// SHA-256 of the document.
    pub digest: [u8; 32],
}

/// A manifest that does not follow the one seen before.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OlderManifest {
    /// Its sequence went back.
    #[error(
        "the manifest went back from sequence {seen} to {found}: the database was restored from an older backup, or tampered with"
    )]
    WentBack {
        /// The one seen before.
        seen: u64,
        /// The one found.
        found: u64,
    },
    /// Two manifests have one sequence.
    #[error(
        "two manifests have the sequence {sequence}: whoever signs them signed twice, or the database was restored"
    )]
    Forked {
        /// Their sequence.
        sequence: u64,
    },
    /// It is another database's.
    #[error("the manifest is one of the database {found}, not of {expected}")]
    OtherDatabase {
        /// Whose it was before.
        expected: String,
        /// Whose it is.
        found: String,
    },
}

impl Newest {
    /// A manifest as the newest, with the document that it was read from.
    #[must_use]
    pub fn of(manifest: &Manifest, document: &[u8]) -> Self {
        Self { database: manifest.database.clone(), sequence: manifest.sequence, digest: sha256(&[document]) }
    }

    /// Takes a manifest that was verified as the newest, and answers whether it is another one than before.
    ///
    /// # Errors
    /// [`OlderManifest`] when it does not follow; then nothing changes.
    pub fn advance(&mut self, manifest: &Manifest, document: &[u8]) -> Result<bool, OlderManifest> {
        let next = Self::of(manifest, document);
        if next.database != self.database {
            return Err(OlderManifest::OtherDatabase { expected: self.database.clone(), found: next.database });
        }
        if next.sequence < self.sequence {
            return Err(OlderManifest::WentBack { seen: self.sequence, found: next.sequence });
        }
        if next.sequence == self.sequence && next.digest != self.digest {
            return Err(OlderManifest::Forked { sequence: self.sequence });
        }
        let is_new = next.sequence > self.sequence;
        *self = next;
        Ok(is_new)
    }
}
