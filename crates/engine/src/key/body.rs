//! The body of an application key's record (docs/spec/bodies.md).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use strongroom_envelope::body::Body;
use strongroom_envelope::value::{Place, Purpose};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};

use super::algorithm::Algorithm;
use super::state::State;
use crate::find::Named;
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
    /// What it is used with; none for a key that seals values.
    #[n(8)]
    pub algorithm: Option<Algorithm>,
    /// How the wrapping key of its versions is found; none for [`ROOT_PROTECTOR`].
    #[n(9)]
    pub protection: Option<Protection>,
    /// After how long the server makes a new version by itself, milliseconds.
    #[n(10)]
    pub rotation_period: Option<i64>,
    /// How often each version may protect something.
    #[n(11)]
    pub usage_limit: Option<u64>,
}

/// How the wrapping key of a key's versions is found: what a protector needs besides its local configuration.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Protection {
    /// Names this protection; the wrapped versions carry it as the id of what they are sealed under.
    #[n(0)]
    pub id: Id,
    /// 16 to 32 bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: Vec<u8>,
    /// What the kind of protector needs to find its wrapping key again.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub blob: Vec<u8>,
    /// Algorithm and cost of a password's derivation.
    #[n(3)]
    pub derivation: Option<(u8, u32, u32, u32)>,
    /// Whether each version is also wrapped under a wrap key of the keyring, so that the key is ready without a person.
    #[n(4)]
    pub recovery: Option<bool>,
}

/// The protector kind of keys that are wrapped under the keyring's wrap key.
pub const ROOT_PROTECTOR: &str = "root";
/// The protector kind of keys that a password opens.
pub const PASSWORD_PROTECTOR: &str = "password";
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
    /// The key, wrapped: a sealed value; empty once it is destroyed.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub wrapped: Vec<u8>,
    /// When it was declared compromised.
    #[n(6)]
    pub compromised_at: Option<Timestamp>,
    /// When it will be destroyed, or was.
    #[n(7)]
    pub destroy_at: Option<Timestamp>,
    /// Whether it was brought by the user.
    #[n(8)]
    pub imported: Option<bool>,
    /// The public key of a version that signs, or of an RSA master key: X.509 SubjectPublicKeyInfo.
    #[n(9)]
    pub public: Option<ByteVec>,
    /// The key, wrapped a second time, under a wrap key of the keyring; see [`Protection::recovery`].
    #[n(10)]
    pub wrapped_under_root: Option<ByteVec>,
    /// How many of its limited uses are taken, those included that are set aside to be counted in memory.
    #[n(11)]
    pub reserved: Option<u64>,
}

impl Body for KeyBody {}

impl Named for KeyBody {
    const KIND: RecordKind = RecordKind::Key;
    const WHAT: &'static str = "key";

    fn name(&self) -> &Name {
        &self.name
    }
}

impl KeyBody {
    pub(super) fn new(
        name: Name,
        purpose: Purpose,
        algorithm: Option<Algorithm>,
        now: Timestamp,
        first: KeyVersion,
    ) -> Self {
        Self {
            version: Self::VERSION,
            name,
            purpose,
            created_at: now,
            updated_at: now,
            protector: ROOT_PROTECTOR.to_owned(),
            protector_parameter: String::new(),
            versions: vec![first],
            algorithm,
            protection: None,
            rotation_period: None,
            usage_limit: None,
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

    /// Whether its versions are wrapped a second time, under a wrap key of the keyring.
    #[must_use]
    pub fn has_recovery(&self) -> bool {
        self.protection.as_ref().is_some_and(|protection| protection.recovery == Some(true))
    }

    /// The number of the next version.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.versions.last().map_or(1, |version| version.number.saturating_add(1))
    }

    /// The version with this number, to be changed.
    pub(super) fn version_mut(&mut self, number: u32) -> Option<&mut KeyVersion> {
        self.versions.iter_mut().find(|version| version.number == number)
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
