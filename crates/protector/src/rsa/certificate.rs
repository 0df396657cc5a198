//! The certificate of an RSA protector, as far as it matters here: its public key, and what people call it by.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use strongroom_crypto::hash;
use strongroom_crypto::oaep::PublicKey;
use strongroom_envelope::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::MOST_BITS;
use super::blob::LONGEST_SERIAL;
use super::refusal::CertificateError;

pub(super) struct Certificate {
    pub(super) public_key: PublicKey,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub(super) fingerprint: [u8; 32],
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) serial: Vec<u8>,
    /// For people: what was wrapped must open after it, too.
    pub(super) valid_until: Timestamp,
}

impl Certificate {
    /// Reads PEM or DER; of a chain the first.
    pub(super) fn read(path: &Path) -> Result<Self, CertificateError> {
        let bytes = contents(path)?;
        let malformed = || CertificateError::Malformed { path: path.to_path_buf() };
        let pem;
        let der = if bytes.trim_ascii_start().starts_with(b"-----BEGIN") || !bytes.starts_with(&[DER_SEQUENCE]) {
            pem = x509_parser::pem::parse_x509_pem(&bytes).map_err(|_| malformed())?.1;
            if pem.label == "CERTIFICATE" { &pem.contents } else { return Err(malformed()) }
        } else {
            &bytes
        };
        Self::of(der, path)
    }

    /// The certificate in this DER, which came from the file `path`.
    pub(super) fn of(der: &[u8], path: &Path) -> Result<Self, CertificateError> {
        let malformed = || CertificateError::Malformed { path: path.to_path_buf() };
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| malformed())?;
        let spki = parsed.public_key().raw;
        let refused = |source| CertificateError::PublicKey { path: path.to_path_buf(), source };
        let public_key = PublicKey::from_spki(spki).map_err(refused)?;
        if public_key.bits() > MOST_BITS {
            return Err(CertificateError::TooLong { path: path.to_path_buf(), bits: public_key.bits() });
        }
        let serial = parsed.raw_serial().to_vec();
        if !(1..=LONGEST_SERIAL).contains(&serial.len()) {
            return Err(malformed());
        }
        Ok(Self {
            public_key,
            fingerprint: hash::sha256(&[spki]),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            serial,
            valid_until: Timestamp(parsed.validity().not_after.timestamp().saturating_mul(1000)),
        })
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { path: path.to_path_buf(), source };
    // Without NONBLOCK a pipe of that name would hold the start up forever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| unreadable(errno.into()))?;
    let found = rustix::fs::fstat(&handle).map_err(|errno| unreadable(errno.into()))?;
    let is_regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    let mut bytes = Vec::new();
    if is_regular {
        File::from(handle).take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.is_empty() || bytes.len() as u64 > LONGEST {
        return Err(CertificateError::Malformed { path: path.to_path_buf() });
    }
    Ok(bytes)
}

const DER_SEQUENCE: u8 = 0x30;
const LONGEST: u64 = 64 * 1024;
