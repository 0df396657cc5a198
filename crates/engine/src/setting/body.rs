//! The body of a setting's record (docs/spec/bodies.md).

use minicbor::{Decode, Encode};
use strongroom_envelope::body::Body;
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};

use super::class::Class;
use super::seal::Sealed;
use super::value::ValueType;
use crate::name::Name;

/// A setting.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SettingBody {
    #[n(0)]
    version: u32,
    /// Its name.
    #[n(1)]
    pub name: Name,
    /// What it belongs to, and so whether it is encrypted.
    #[n(2)]
    pub class: Class,
    /// When it was made.
    #[n(3)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[n(4)]
    pub updated_at: Timestamp,
    /// The key that its own key is sealed under; none when it is in clear.
    #[n(5)]
    pub key_id: Option<Id>,
    /// The version of that key.
    #[n(6)]
    pub key_version: Option<u32>,
    /// What its value is.
    #[n(7)]
    pub value_type: ValueType,
    /// The encoded value: a two-tier value, or as it is.
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
    /// How often it was changed, the first time included.
    #[n(9)]
    pub revision: u32,
}

impl Body for SettingBody {}

impl SettingBody {
    /// A new setting.
    pub(super) fn new(name: Name, class: Class, value_type: ValueType, now: Timestamp, sealed: Sealed) -> Self {
        let mut setting = Self {
            version: Self::VERSION,
            name,
            class,
            created_at: now,
            updated_at: now,
            key_id: None,
            key_version: None,
            value_type,
            value: Vec::new(),
            revision: 1,
        };
        setting.take(sealed);
        setting
    }

    /// Takes a value as it was sealed.
    pub(super) fn take(&mut self, sealed: Sealed) {
        self.key_id = sealed.key.map(|key| key.0);
        self.key_version = sealed.key.map(|key| key.1);
        self.value = sealed.value;
    }

    /// Where the setting `id` lies.
    #[must_use]
    pub const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(RecordKind::Setting, id)
    }
}
