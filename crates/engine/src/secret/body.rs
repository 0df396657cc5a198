//! The bodies of a secret's head and of its versions (docs/spec/bodies.md).

use minicbor::{Decode, Encode};
use strongroom_envelope::body::Body;
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};

use crate::name::Name;

/// The head of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretBody {
    #[n(0)]
    version: u32,
    /// Its name.
    #[n(1)]
    pub name: Name,
    /// When it was made.
    #[n(2)]
    pub created_at: Timestamp,
    /// When its value or its name last changed.
    #[n(3)]
    pub updated_at: Timestamp,
    /// The version that is read when none is asked for.
    #[n(4)]
    pub current: u32,
    /// How many versions are kept, the current one included.
    #[n(5)]
    pub keep: u32,
    /// When it was deleted; it can be undeleted until it is purged.
    #[n(6)]
    pub deleted_at: Option<Timestamp>,
    /// The versions that are there, rising.
    #[n(7)]
    pub versions: Vec<VersionEntry>,
    /// What another system knew of it, by name, rising.
    #[n(8)]
    pub metadata: Option<Vec<(String, String)>>,
}

/// A row of the table of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct VersionEntry {
    /// The version, from 1.
    #[n(0)]
    pub number: u32,
    /// The id of its record.
    #[n(1)]
    pub record: Id,
    /// When it was stored.
    #[n(2)]
    pub created_at: Timestamp,
}

/// One version of a secret.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretVersionBody {
    #[n(0)]
    version: u32,
    /// The secret it belongs to.
    #[n(1)]
    pub secret_id: Id,
    /// Which version it is.
    #[n(2)]
    pub number: u32,
    /// When it was stored.
    #[n(3)]
    pub created_at: Timestamp,
    /// How the value is kept.
    #[n(4)]
    pub provider: Provider,
    /// The application key it is sealed under.
    #[n(5)]
    pub key_id: Id,
    /// The version of that key.
    #[n(6)]
    pub key_version: u32,
    /// The sealed value.
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
    /// Whether another system had encrypted the value before it was brought.
    #[n(8)]
    pub already_encrypted: Option<bool>,
}

/// The field of [`SecretVersionBody`] that holds the value; it is part of the value's place.
pub(super) const VALUE_FIELD: u16 = 7;

/// How a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Sealed under an application key.
    Aes256,
    /// Without that layer; import only.
    Cleartext,
}

impl Body for SecretBody {}
impl Body for SecretVersionBody {}

impl SecretBody {
    /// The head of a new secret, without a version yet.
    pub(super) fn new(name: Name, now: Timestamp, keep: u32) -> Self {
        Self {
            version: Self::VERSION,
            name,
            created_at: now,
            updated_at: now,
            current: 0,
            keep,
            deleted_at: None,
            versions: Vec::new(),
            metadata: None,
        }
    }

    /// Where the head of the secret `id` lies.
    pub(super) const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(RecordKind::Secret, id)
    }

    /// The row of this version, or of the current one.
    #[must_use]
    pub fn entry(&self, number: Option<u32>) -> Option<&VersionEntry> {
        let number = number.unwrap_or(self.current);
        let at = self.versions.binary_search_by_key(&number, |entry| entry.number).ok()?;
        self.versions.get(at)
    }
}

impl VersionEntry {
    /// Where the version lies.
    pub(super) const fn record_key(&self) -> RecordKey {
        RecordKey::new(RecordKind::SecretVersion, self.record)
    }
}

impl SecretVersionBody {
    /// The record of a version whose value is sealed.
    pub(super) fn new(secret_id: Id, number: u32, created_at: Timestamp, key: (Id, u32), value: Vec<u8>) -> Self {
        let (key_id, key_version) = key;
        let (version, provider, already_encrypted) = (Self::VERSION, Provider::Aes256, None);
        Self { version, secret_id, number, created_at, provider, key_id, key_version, value, already_encrypted }
    }

    /// The record of a version whose value has no layer of an application key; the record itself is sealed like all others.
    pub(super) fn clear(secret_id: Id, number: u32, created_at: Timestamp, value: Vec<u8>) -> Self {
        let made = Self::new(secret_id, number, created_at, (Id::NIL, 0), value);
        Self { provider: Provider::Cleartext, ..made }
    }
}

impl Provider {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aes256 => "aes-256",
            Self::Cleartext => "cleartext",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Aes256, Self::Cleartext].into_iter().find(|provider| provider.word() == word)
    }
}

impl<C> Encode<C> for Provider {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(self.word())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Provider {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_word(decoder.str()?).ok_or_else(|| minicbor::decode::Error::message("a provider that is not known"))
    }
}
