//! The blob of an RSA protector: which certificate, and the secret under its public key.

use minicbor::{Decode, Encode};
use strongroom_envelope::protector::{LONGEST_TEXT, ProtectorKind as Kind};

use super::certificate::Certificate;
use super::{LEAST_CIPHERTEXT, MOST_CIPHERTEXT};
use crate::binding;
use crate::random_secret::decode_blob;
use crate::unwrap::UnwrapError;

/// See `docs/spec/protector.md`, "Blobs".
#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct Blob {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) fingerprint: [u8; 32],
    #[n(1)]
    pub(super) issuer: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(super) serial: Vec<u8>,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(super) ciphertext: Vec<u8>,
}

impl Blob {
    pub(super) fn new(certificate: &Certificate, ciphertext: Vec<u8>) -> Self {
        Self {
            fingerprint: certificate.fingerprint,
            issuer: binding::shown(&certificate.issuer),
            serial: certificate.serial.clone(),
            ciphertext,
        }
    }

    /// The certificate it was made for, for people.
    pub(super) fn named(&self) -> String {
        let [fingerprint, serial] = [&self.fingerprint[..], &self.serial].map(binding::hex);
        format!("{fingerprint} (serial {serial}, issuer {})", binding::shown(&self.issuer))
    }

    /// Reads hostile bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, UnwrapError> {
        let blob: Self = decode_blob(bytes, Kind::Rsa)?;
        let fits = blob.issuer.len() <= LONGEST_TEXT
            && (1..=LONGEST_SERIAL).contains(&blob.serial.len())
            && (LEAST_CIPHERTEXT..=MOST_CIPHERTEXT).contains(&blob.ciphertext.len());
        if fits { Ok(blob) } else { Err(UnwrapError::Blob { kind: Kind::Rsa }) }
    }
}

/// X.509 allows 20 bytes; some issuers do not care.
pub(super) const LONGEST_SERIAL: usize = 32;
