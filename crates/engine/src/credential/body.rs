//! The body of a credential's record (docs/spec/bodies.md).

use minicbor::{Decode, Encode};
use strongroom_crypto::kem;
use strongroom_envelope::body::Body;
use strongroom_envelope::credential::{Bond, HOST_ID};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};

use super::host::{Account, HostId};
use super::seal::Sealed;
use crate::name::Name;

/// A credential.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CredentialBody {
    #[n(0)]
    version: u32,
    /// Its name.
    #[n(1)]
    pub name: Name,
    /// The name of the account it is bound to.
    #[n(2)]
    pub account: String,
    /// When it was made.
    #[n(3)]
    pub created_at: Timestamp,
    /// When its value or its binding last changed.
    #[n(4)]
    pub updated_at: Timestamp,
    /// The key that its own key is sealed under.
    #[n(5)]
    pub key_id: Id,
    /// The version of that key.
    #[n(6)]
    pub key_version: u32,
    /// A two-tier value.
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    pub value: Vec<u8>,
    /// The number of the account.
    #[n(9)]
    pub uid: u32,
    /// The host of the account.
    #[n(10)]
    #[cbor(with = "minicbor::bytes")]
    pub host: [u8; HOST_ID],
    /// The public key of the account, once it is enrolled.
    #[n(11)]
    #[cbor(with = "minicbor::bytes")]
    pub public_key: Option<[u8; kem::PUBLIC_KEY]>,
    /// How often value or binding were changed, the first time included.
    #[n(12)]
    pub revision: u32,
    /// When the account was enrolled.
    #[n(13)]
    pub enrolled_at: Option<Timestamp>,
}

impl Body for CredentialBody {}

impl CredentialBody {
    /// A new credential.
    pub(super) fn new(name: Name, account: &Account, host: &HostId, now: Timestamp, sealed: Sealed) -> Self {
        Self {
            version: Self::VERSION,
            name,
            account: account.name.clone(),
            created_at: now,
            updated_at: now,
            key_id: sealed.key.0,
            key_version: sealed.key.1,
            value: sealed.value,
            uid: account.uid,
            host: *host,
            public_key: None,
            revision: 1,
            enrolled_at: None,
        }
    }

    /// Takes a value as it was sealed.
    pub(super) fn take(&mut self, sealed: Sealed) {
        (self.key_id, self.key_version) = sealed.key;
        self.value = sealed.value;
    }

    /// What its value is bound to on its way to an enrolled account.
    pub(super) const fn bond(&self, id: Id) -> Bond {
        Bond { id, revision: self.revision, uid: self.uid }
    }

    /// Where the credential `id` lies.
    #[must_use]
    pub const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(RecordKind::Credential, id)
    }
}
