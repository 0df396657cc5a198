//! The body of a credential's record (docs/spec/bodies.md).

use minicbor::{Decode, Encode};
use strongroom_crypto::kem;
use strongroom_envelope::body::Body;
use strongroom_envelope::credential::{Bond, HOST_ID, NO_UID};
use strongroom_envelope::{Id, Pin, RecordKey, RecordKind, Timestamp};

use super::host::{Account, Local};
use super::owner::{Owner, Pins};
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
    /// The name of the local account it is bound to.
    #[n(2)]
    pub account: Option<String>,
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
    pub uid: Option<u32>,
    /// The host of the account.
    #[n(10)]
    #[cbor(with = "minicbor::bytes")]
    pub host: Option<[u8; HOST_ID]>,
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
    /// The pins of the client certificates it is bound to.
    #[n(14)]
    pub certificates: Option<Pins>,
}

impl Body for CredentialBody {}

impl CredentialBody {
    /// A new credential.
    pub(super) fn new(name: Name, owner: Owner, now: Timestamp, sealed: Sealed) -> Self {
        let mut credential = Self {
            version: Self::VERSION,
            name,
            account: None,
            created_at: now,
            updated_at: now,
            key_id: sealed.key.0,
            key_version: sealed.key.1,
            value: sealed.value,
            uid: None,
            host: None,
            public_key: None,
            revision: 1,
            enrolled_at: None,
            certificates: None,
        };
        credential.give_to(owner);
        credential
    }

    /// To whom it belongs. A record that names part of a local account only belongs to none.
    pub(super) fn owner(&self) -> Owner {
        let named = self.account.clone().zip(self.uid).zip(self.host);
        let local = named.map(|((name, uid), host)| Local { account: Account { name, uid }, host });
        Owner { local, certificates: self.certificates.clone().unwrap_or_default() }
    }

    /// The pins of its client certificates.
    pub(super) fn pins(&self) -> &[Pin] {
        self.certificates.as_ref().map_or(&[], Pins::as_slice)
    }

    /// It belongs to somebody from now on, and to nobody else.
    pub(super) fn give_to(&mut self, owner: Owner) {
        let Owner { local, certificates } = owner;
        let (account, host) = local.map(|local| (local.account, local.host)).unzip();
        (self.account, self.uid) = account.map(|account| (account.name, account.uid)).unzip();
        self.host = host;
        self.certificates = Some(certificates).filter(|pins| !pins.as_slice().is_empty());
    }

    /// Takes a value as it was sealed.
    pub(super) fn take(&mut self, sealed: Sealed) {
        (self.key_id, self.key_version) = sealed.key;
        self.value = sealed.value;
    }

    /// What its value is bound to on its way to an enrolled account.
    pub(super) fn bond(&self, id: Id) -> Bond {
        Bond { id, revision: self.revision, uid: self.uid.unwrap_or(NO_UID) }
    }

    /// Where the credential `id` lies.
    #[must_use]
    pub const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(RecordKind::Credential, id)
    }
}
