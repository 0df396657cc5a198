//! A body as capabilities define theirs by derivation: what is read is written again as it was.

use minicbor::{Decode, Encode};
use strongroom_envelope::body::{self, Body};
use strongroom_envelope::{Generation, Id, RecordKey, Timestamp};

/// A field of every type that bodies have.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Sample {
    #[n(0)]
    version: u32,
    #[n(1)]
    name: String,
    #[n(2)]
    id: Id,
    #[n(3)]
    key: Option<RecordKey>,
    #[n(4)]
    at: Timestamp,
    #[n(5)]
    generation: Option<Generation>,
    #[cbor(n(6), with = "minicbor::bytes")]
    value: Vec<u8>,
    #[n(7)]
    rows: Vec<(u32, Id, Timestamp)>,
    #[n(8)]
    yes: Option<bool>,
}

impl Body for Sample {}

/// Reads `data` as a body.
pub fn target(data: &[u8]) {
    let version = body::version(data);
    if let Ok(sample) = body::decode_strict::<Sample>(data) {
        assert_eq!(version, Ok(1));
        assert_eq!(body::encode(&sample), data);
    }
}
