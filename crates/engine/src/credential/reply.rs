//! What is kept of a reply, so that a retry of a change is answered as the first time.

use minicbor::{Decode, Encode};
use strongroom_envelope::Id;
use strongroom_envelope::body::{self, Body};

use super::host::{Account, HostId, Local};
use super::owner::{Owner, Pins};
use crate::name::Name;

/// The replies of all changes in one form; none holds a value.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Remembered {
    #[n(0)]
    pub version: u32,
    #[n(1)]
    pub id: Id,
    #[n(2)]
    pub name: Name,
    #[n(3)]
    pub revision: u32,
    #[n(4)]
    pub uid: Option<u32>,
    #[n(5)]
    pub created: Option<bool>,
    #[n(6)]
    pub account: Option<String>,
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    pub host: Option<HostId>,
    #[n(8)]
    pub certificates: Option<Pins>,
}

impl Body for Remembered {}

impl Remembered {
    pub fn of(id: Id, name: &Name, revision: u32) -> Self {
        let (version, name) = (Self::VERSION, name.clone());
        Self { version, id, name, revision, uid: None, created: None, account: None, host: None, certificates: None }
    }

    pub fn with_owner(self, owner: &Owner) -> Self {
        let local = owner.local.as_ref();
        let account = local.map(|local| local.account.name.clone());
        let (uid, host) = local.map(|local| (local.account.uid, local.host)).unzip();
        let certificates = Some(&owner.certificates).filter(|pins| !pins.as_slice().is_empty()).cloned();
        Self { account, uid, host, certificates, ..self }
    }

    pub fn owner(&self) -> Owner {
        let named = self.account.clone().zip(self.uid).zip(self.host);
        let local = named.map(|((name, uid), host)| Local { account: Account { name, uid }, host });
        Owner { local, certificates: self.certificates.clone().unwrap_or_default() }
    }

    pub fn encode(&self) -> Vec<u8> {
        body::encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        body::decode_strict(bytes).ok()
    }
}
