//! What is kept of a reply, so that a retry of a change is answered as the first time.

use minicbor::{Decode, Encode};
use strongroom_envelope::Id;
use strongroom_envelope::body::{self, Body};

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
}

impl Body for Remembered {}

impl Remembered {
    pub fn of(id: Id, name: &Name, revision: u32) -> Self {
        Self { version: Self::VERSION, id, name: name.clone(), revision, uid: None, created: None, account: None }
    }

    pub fn encode(&self) -> Vec<u8> {
        body::encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        body::decode_strict(bytes).ok()
    }
}
