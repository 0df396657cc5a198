//! What is kept of a reply, so that a retry of a change is answered as the first time.

use minicbor::{Decode, Encode};
use strongroom_envelope::Id;
use strongroom_envelope::body::{self, Body};

use super::body::TransactionState;

/// The replies of all changes in one form; none holds data of a transaction.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Remembered {
    #[n(0)]
    pub version: u32,
    #[n(1)]
    pub id: Id,
    #[n(2)]
    pub state: TransactionState,
    #[n(3)]
    pub number: Option<u32>,
    #[n(4)]
    pub sensitive: Option<bool>,
    #[n(5)]
    pub encrypted: Option<bool>,
}

impl Body for Remembered {}

impl Remembered {
    pub fn of(id: Id, state: TransactionState) -> Self {
        Self { version: Self::VERSION, id, state, number: None, sensitive: None, encrypted: None }
    }

    pub fn encode(&self) -> Vec<u8> {
        body::encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        body::decode_strict(bytes).ok()
    }
}
