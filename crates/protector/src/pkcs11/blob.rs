//! The blob of a PKCS#11 protector: which key on which token, and the secret as the token wrapped it.

use minicbor::{Decode, Encode};
use strongroom_envelope::protector::ProtectorKind as Kind;

use super::TokenKey;
use super::wire::Mechanism;
use crate::random_secret::decode_blob;
use crate::unwrap::UnwrapError;

/// See `docs/spec/protector.md`, "Blobs".
#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct Blob {
    #[n(0)]
    pub(super) token: String,
    #[n(1)]
    pub(super) label: String,
    #[n(2)]
    pub(super) mechanism: Mechanism,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(super) wrapped: Vec<u8>,
}

impl Blob {
    /// Reads hostile bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, UnwrapError> {
        let blob: Self = decode_blob(bytes, Kind::Pkcs11)?;
        let key = TokenKey { token: blob.token.clone(), label: blob.label.clone() };
        let fits = is_possible(&key) && (LEAST_WRAPPED..=MOST_WRAPPED).contains(&blob.wrapped.len());
        if fits { Ok(blob) } else { Err(UnwrapError::Blob { kind: Kind::Pkcs11 }) }
    }
}

/// Whether both labels are of a possible length and printable.
pub(super) fn is_possible(key: &TokenKey) -> bool {
    let fits = |text: &str, most| (1..=most).contains(&text.len()) && !text.chars().any(char::is_control);
    fits(&key.token, LONGEST_TOKEN) && fits(&key.label, LONGEST_LABEL)
}

const LONGEST_TOKEN: usize = 32;
const LONGEST_LABEL: usize = 128;
/// 32 bytes under AES key wrap; with padding it is as much.
const LEAST_WRAPPED: usize = 40;
const MOST_WRAPPED: usize = 1024;
