//! The body of an application key's record (docs/spec/bodies.md).

use minicbor::{Decode, Encode};
use strongroom_envelope::body::Body;
use strongroom_envelope::value::{Place, Purpose};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};

use crate::name::Name;

/// An application key.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyBody {
    #[n(0)]
    version: u32,
    /// Its name.
    #[n(1)]
    pub name: Name,
    /// The one thing it is for.
    #[n(2)]
    #[cbor(with = "purpose_byte")]
    pub purpose: Purpose,
    /// When it was made.
    #[n(3)]
    pub created_at: Timestamp,
    /// When anything about it last changed.
    #[n(4)]
    pub updated_at: Timestamp,
    /// The kind of protector that its versions are wrapped by.
    #[n(5)]
    pub protector: String,
    /// Which one of that kind; empty for [`ROOT_PROTECTOR`].
    #[n(6)]
    pub protector_parameter: String,
    /// Its versions, rising.
    #[n(7)]
    pub versions: Vec<KeyVersion>,
}

/// The protector kind of keys that are wrapped under the keyring's wrap key.
pub const ROOT_PROTECTOR: &str = "root";
/// The field of [`KeyBody`] that holds the wrapped versions; it is part of their place.
const VERSIONS_FIELD: u16 = 7;

/// One version of an application key.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct KeyVersion {
    /// The version, from 1.
    #[n(0)]
    pub number: u32,
    /// Where in its life it is.
    #[n(1)]
    pub state: State,
    /// When it was made.
    #[n(2)]
    pub created_at: Timestamp,
    /// When it was activated, or 0.
    #[n(3)]
    pub activated_at: Timestamp,
    /// When it was deactivated, or 0.
    #[n(4)]
    pub deactivated_at: Timestamp,
    /// The key, wrapped: a sealed value.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub wrapped: Vec<u8>,
}

/// The life of a key version (NIST SP 800-57 part 1, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// Made, and not used yet.
    PreActive = 1,
    /// Seals and opens.
    Active = 2,
    /// Opens what it sealed.
    Deactivated = 3,
    /// Not used for now.
    Suspended = 4,
    /// Not trusted any more.
    Compromised = 5,
    /// Gone.
    Destroyed = 6,
}

impl Body for KeyBody {}

impl KeyBody {
    pub(super) fn new(name: Name, purpose: Purpose, now: Timestamp, first: KeyVersion) -> Self {
        Self {
            version: Self::VERSION,
            name,
            purpose,
            created_at: now,
            updated_at: now,
            protector: ROOT_PROTECTOR.to_owned(),
            protector_parameter: String::new(),
            versions: vec![first],
        }
    }

    /// Where the key `id` lies.
    #[must_use]
    pub const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(RecordKind::Key, id)
    }

    /// The version that seals; there is one at most.
    #[must_use]
    pub fn active(&self) -> Option<&KeyVersion> {
        self.versions.iter().rev().find(|version| version.state.seals())
    }

    /// The version with this number.
    #[must_use]
    pub fn version(&self, number: u32) -> Option<&KeyVersion> {
        self.versions.iter().find(|version| version.number == number)
    }
}

/// Where a wrapped version belongs: nowhere else does it unwrap.
pub(super) const fn place(key_id: Id, number: u32) -> Place<'static> {
    Place::Record { key: KeyBody::record_key(key_id), field: VERSIONS_FIELD, version: number }
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::PreActive, Self::Active, Self::Deactivated, Self::Suspended, Self::Compromised, Self::Destroyed];

    /// Whether a version in this state seals new values.
    #[must_use]
    pub const fn seals(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether a version in this state opens values.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::Active | Self::Deactivated)
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PreActive => "pre-active",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Suspended => "suspended",
            Self::Compromised => "compromised",
            Self::Destroyed => "destroyed",
        }
    }
}

impl<C> Encode<C> for State {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.u8(*self as u8)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for State {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let byte = decoder.u8()?;
        let state = Self::ALL.into_iter().find(|state| *state as u8 == byte);
        state.ok_or_else(|| minicbor::decode::Error::message("a state that is not known"))
    }
}

/// A purpose as its number.
mod purpose_byte {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};
    use strongroom_envelope::value::Purpose;

    pub fn encode<C, W: Write>(
        purpose: &Purpose,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.u8(purpose.byte())?.ok()
    }

    pub fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Purpose, DecodeError> {
        Purpose::from_byte(decoder.u8()?).ok_or_else(|| DecodeError::message("a purpose that is not known"))
    }
}
