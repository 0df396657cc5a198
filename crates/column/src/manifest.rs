//! The manifest: what of a database is encrypted, and how, signed so that the database cannot say otherwise.
//!
//! The normative page is `docs/spec/manifest.md`.

mod document;
mod sequence;
mod verifying;

use thiserror::Error;

pub use sequence::{Newest, OlderManifest};
pub use verifying::{BadVerifyingKey, VerifyingKey};

use crate::cell::KEY_CHECK;
use crate::class::Class;

/// What of a database is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The database's id: a UUID in small letters, made when the database was set up.
    pub database: String,
    /// Rises with every manifest of this database; the first is 1.
    pub sequence: u64,
    /// The column encryption keys, by name.
    pub keys: Vec<ManifestKey>,
    /// The encrypted columns, by schema, table and column.
    pub columns: Vec<ManifestColumn>,
    /// Those tables of theirs whose columns stand in another order since, by schema and table: where values are given without
    /// names, they are not for the columns that they were for.
    pub reordered: Vec<ManifestTable>,
}

/// A table with encrypted columns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestTable {
    /// The schema's name.
    pub schema: String,
    /// The table's name.
    pub table: String,
}

/// A column encryption key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestKey {
    /// Its name.
    pub name: String,
    /// What the key is recognised by ([`crate::key_check`]).
    pub check: [u8; KEY_CHECK],
    /// The master keys that it is wrapped under: one, or two while they change.
    pub masters: Vec<MasterRef>,
}

/// A column master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterRef {
    /// Its name in the catalogue.
    pub name: String,
    /// The key store that has it; [`crate::master::PROVIDER`] for Strongroom.
    pub provider: String,
    /// Where in the key store; `NAME#VERSION` in Strongroom.
    pub path: String,
}

/// An encrypted column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestColumn {
    /// The schema's name.
    pub schema: String,
    /// The table's.
    pub table: String,
    /// The column's.
    pub column: String,
    /// What its cells are.
    pub class: Class,
    /// How far its encryption is.
    pub state: State,
}

/// How far a column's encryption is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The column holds cells only.
    Encrypted,
    /// The column holds clear text still, and is being replaced.
    Encrypting,
}

/// Why a manifest was refused.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Not signed by this key, or changed since.
    #[error("the manifest is not signed by the key given: it was changed, or is signed by another key")]
    Signature,
    /// Too large to be read.
    #[error("the manifest has {found} bytes; at most {LONGEST} are read")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// Not JSON of this shape.
    #[error("not a manifest: {0}")]
    Shape(#[source] serde_json::Error),
    /// The same content would be written differently.
    #[error("the manifest is not in its canonical form (docs/spec/manifest.md)")]
    NotCanonical,
    /// Written by a newer program.
    #[error("the manifest has version {found}; this program reads version 1: use a newer one")]
    Newer {
        /// Its version.
        found: u64,
    },
    /// Content that contradicts itself or is beyond a limit.
    #[error("the manifest's {place} {problem}")]
    Content {
        /// Where.
        place: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Manifest {
    /// The manifest's one and only form, to be signed with [`Manifest::signed_bytes`]. Its lists are put in order.
    ///
    /// # Errors
    /// [`ManifestError::Content`] and [`ManifestError::TooLong`] for what could not be read again.
    pub fn to_canonical(&self) -> Result<Vec<u8>, ManifestError> {
        let mut ordered = self.clone();
        ordered.keys.sort_by(|left, right| left.name.cmp(&right.name));
        ordered.columns.sort_by(|left, right| left.place().cmp(&right.place()));
        ordered.reordered.sort();
        let bytes = document::print(&ordered);
        document::parse(&bytes)?;
        Ok(bytes)
    }

    /// What the signature is of: a prefix that nothing else has, and the document.
    #[must_use]
    pub fn signed_bytes(document: &[u8]) -> Vec<u8> {
        [SIGNED_PREFIX, document].concat()
    }

    /// Reads a manifest whose signature is one of `public`.
    ///
    /// # Errors
    /// [`ManifestError`]: the signature first, then the content.
    pub fn verify(document: &[u8], signature: &[u8], public: &VerifyingKey) -> Result<Self, ManifestError> {
        if document.len() > LONGEST {
            return Err(ManifestError::TooLong { found: document.len() });
        }
        if !public.verify(&Self::signed_bytes(document), signature) {
            return Err(ManifestError::Signature);
        }
        document::parse(document)
    }

    /// Reads a manifest without asking who wrote it: for showing it, never for acting on it.
    ///
    /// # Errors
    /// [`ManifestError`] for anything but a manifest in its canonical form.
    pub fn parse_unverified(document: &[u8]) -> Result<Self, ManifestError> {
        document::parse(document)
    }

    /// The key of that name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&ManifestKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, schema: &str, table: &str, column: &str) -> Option<&ManifestColumn> {
        self.columns.iter().find(|listed| listed.place() == (schema, table, column))
    }
}

impl ManifestColumn {
    fn place(&self) -> (&str, &str, &str) {
        (&self.schema, &self.table, &self.column)
    }
}

/// What the signature's input begins with.
pub const SIGNED_PREFIX: &[u8] = b"strongroom.columns.manifest.v1\0";
/// Bytes of the longest document.
pub const LONGEST: usize = 16 << 20;
