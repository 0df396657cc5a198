//! Bodies of the records that describe the store itself, and what the shell keeps in memory of any body.

use minicbor::{Decode, Encode};
use strongroom_envelope::body::{self, Body, BodyError};
use strongroom_envelope::{Id, RecordKey, RecordKeyRefusal, RecordKind, Timestamp};

use crate::credential::CredentialBody;
use crate::key::KeyBody;
use crate::name::Name;
use crate::secret::SecretBody;
use crate::setting::SettingBody;

/// The instance record: what the store says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InstanceBody {
    #[n(0)]
    version: u32,
    /// Names this store for good.
    #[n(1)]
    pub store_id: Id,
    /// Names this life of the store.
    #[n(2)]
    pub incarnation: Id,
    /// When the store was made.
    #[n(3)]
    pub created_at: Timestamp,
    /// What every program that writes here can read.
    #[n(4)]
    pub feature_level: u32,
    /// SHA-256 of the program that was last accepted.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub program_sha256: [u8; 32],
}

/// The feature level this program writes.
pub const FEATURE_LEVEL: u32 = 1;

impl Body for InstanceBody {}

impl InstanceBody {
    /// The body of a new store.
    #[must_use]
    pub fn new(store_id: Id, incarnation: Id, created_at: Timestamp, program_sha256: [u8; 32]) -> Self {
        let feature_level = FEATURE_LEVEL;
        Self { version: Self::VERSION, store_id, incarnation, created_at, feature_level, program_sha256 }
    }
}

/// The proof record: when each protector last opened.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ProofBody {
    #[n(0)]
    version: u32,
    #[n(1)]
    proven: Vec<Proven>,
    /// How many starts needed another protector than the first.
    #[n(2)]
    pub fallback_starts: u64,
}

/// When one protector last opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Proven {
    /// Which protector.
    #[n(0)]
    pub protector: Id,
    /// When it opened.
    #[n(1)]
    pub at: Timestamp,
}

impl Body for ProofBody {}

impl Default for ProofBody {
    fn default() -> Self {
        Self { version: Self::VERSION, proven: Vec::new(), fallback_starts: 0 }
    }
}

impl ProofBody {
    /// Every note, rising by protector.
    #[must_use]
    pub fn proven(&self) -> &[Proven] {
        &self.proven
    }

    /// When this protector last opened.
    #[must_use]
    pub fn last_proven_at(&self, protector: Id) -> Option<Timestamp> {
        let at = self.place(protector).ok()?;
        self.proven.get(at).map(|proven| proven.at)
    }

    /// Notes that a protector opened.
    pub fn note(&mut self, protector: Id, at: Timestamp) {
        match self.place(protector) {
            Ok(known) => {
                if let Some(proven) = self.proven.get_mut(known) {
                    proven.at = at;
                }
            }
            Err(place) => self.proven.insert(place, Proven { protector, at }),
        }
    }

    /// Forgets a protector that is gone.
    pub fn forget(&mut self, protector: Id) {
        self.proven.retain(|proven| proven.protector != protector);
    }

    fn place(&self, protector: Id) -> Result<usize, usize> {
        self.proven.binary_search_by_key(&protector, |proven| proven.protector)
    }
}

/// A quarantine record: what failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct QuarantineBody {
    #[n(0)]
    version: u32,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    record: [u8; RecordKey::LENGTH],
    /// The word of the finding, as in the specification's table.
    #[n(2)]
    pub finding: String,
    /// When it was found.
    #[n(3)]
    pub found_at: Timestamp,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    found_sha256: Vec<u8>,
}

impl Body for QuarantineBody {}

impl QuarantineBody {
    /// The body about a record; `found_sha256` is none when there was nothing to find.
    #[must_use]
    pub fn new(record: RecordKey, finding: &str, found_at: Timestamp, found_sha256: Option<[u8; 32]>) -> Self {
        Self {
            version: Self::VERSION,
            record: record.to_bytes(),
            finding: finding.to_owned(),
            found_at,
            found_sha256: found_sha256.map_or_else(Vec::new, |digest| digest.to_vec()),
        }
    }

    /// The record it is about.
    ///
    /// # Errors
    /// When this program does not know such a record key.
    pub fn record(&self) -> Result<RecordKey, RecordKeyRefusal> {
        RecordKey::from_bytes(&self.record)
    }

    /// SHA-256 of the bytes that were found, if there were any.
    #[must_use]
    pub fn found_sha256(&self) -> Option<[u8; 32]> {
        self.found_sha256.as_slice().try_into().ok()
    }
}

/// The kinds of records that have names.
pub const NAMED: [RecordKind; 4] = [RecordKind::Secret, RecordKind::Key, RecordKind::Setting, RecordKind::Credential];

/// What the shell keeps in memory of a body, beside generation and tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// The name the record takes among those of its kind.
    pub name: Option<Name>,
    /// The record of a secret's current version, which is mostly wanted with it.
    pub newest: Option<Id>,
    /// When a secret was deleted: it is due for [`crate::secret::Purge`] some time later.
    pub deleted_at: Option<Timestamp>,
}

/// Reads out of a body what the shell keeps in memory of it.
///
/// # Errors
/// When a body of a kind with names is malformed, or written by a newer program.
pub fn note(kind: RecordKind, bytes: &[u8]) -> Result<Noted, BodyError> {
    match kind {
        RecordKind::Secret => {
            let head: SecretBody = body::decode_strict(bytes)?;
            let newest = head.entry(None).map(|entry| entry.record);
            Ok(Noted { name: Some(head.name), newest, deleted_at: head.deleted_at })
        }
        RecordKind::Key => {
            let key: KeyBody = body::decode_strict(bytes)?;
            Ok(Noted { name: Some(key.name), ..Noted::default() })
        }
        RecordKind::Setting => {
            let setting: SettingBody = body::decode_strict(bytes)?;
            Ok(Noted { name: Some(setting.name), ..Noted::default() })
        }
        RecordKind::Credential => {
            let credential: CredentialBody = body::decode_strict(bytes)?;
            Ok(Noted { name: Some(credential.name), ..Noted::default() })
        }
        _ => Ok(Noted::default()),
    }
}
