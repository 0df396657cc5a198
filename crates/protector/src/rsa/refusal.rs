//! Why a certificate or its private key cannot be used.

use std::io;
use std::path::PathBuf;

use strongroom_crypto::oaep::{EncryptError, KeyError};
use thiserror::Error;

use super::MOST_BITS;
use crate::secret_file::ReadError;

/// A certificate or its private key cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// The certificate cannot be read.
    #[error("certificate {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no X.509 certificate.
    #[error("{} is not an X.509 certificate in PEM or DER", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Its public key is not RSA or too short.
    #[error("certificate {}: {source}", path.display())]
    PublicKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// Its public key is longer than a record can hold.
    #[error("certificate {}: the RSA key has {bits} bits; at most {MOST_BITS} are accepted", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bits: usize,
    },
    /// The private key's file cannot be used.
    #[error(transparent)]
    PrivateKeyFile(ReadError),
    /// The file holds something else than a private key in PKCS#8.
    #[error("private key {} is not PKCS#8 in PEM or DER: {found}", path.display())]
    NotPkcs8 {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The private key is not RSA or too short.
    #[error("private key {}: {source}", path.display())]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// The private key is another certificate's.
    #[error("private key {} does not belong to the certificate of [protector.rsa.{name}]", path.display())]
    Mismatch {
        /// The section of the configuration.
        name: String,
        /// The private key's file.
        path: PathBuf,
    },
    /// The PKCS#12 file cannot be used.
    #[cfg(feature = "pkcs12")]
    #[error("PKCS#12 file {}: {problem}", path.display())]
    Pkcs12 {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: Pkcs12Problem,
    },
    /// The record was made for another certificate.
    #[error(
        "the record was made for the certificate with spki_sha256 {recorded}; [protector.rsa.{name}] has spki_sha256 \
         {configured}"
    )]
    Other {
        /// The section of the configuration.
        name: String,
        /// Fingerprint of the configured certificate.
        configured: String,
        /// Fingerprint, serial number and issuer in the record.
        recorded: String,
    },
    /// The public key does not encrypt.
    #[error(transparent)]
    Encrypt {
        /// Why.
        source: EncryptError,
    },
}

/// Why a PKCS#12 file cannot be used.
#[cfg(feature = "pkcs12")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Pkcs12Problem {
    /// It is no PKCS#12 file, or a damaged one.
    #[error("it is not a PKCS#12 file, or it is damaged")]
    Malformed,
    /// It is protected in a way that is not strong any more.
    #[error("it uses {0}, which is not accepted")]
    Legacy(&'static str),
    /// It is protected in a way that is not known here.
    #[error("it uses an algorithm or a structure that is not supported")]
    Unknown,
    /// Nothing shows that it is authentic.
    #[error("it has no MAC")]
    NoMac,
    /// The password is another one, or the file was changed.
    #[error("the password in password_file does not open it, or it was changed")]
    DoesNotOpen,
    /// The password is no text.
    #[error("the password in password_file is not UTF-8")]
    NotUtf8,
    /// There is no private key in it, or more than one.
    #[error("it does not hold exactly one private key")]
    NotOneKey,
    /// None of its certificates belongs to the key.
    #[error("it holds no certificate for its private key")]
    NoCertificate,
}

impl CertificateError {
    /// What the operator can do about it, as one sentence without a final stop.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => {
                format!("make {} readable for the service, or name another file in the configuration", path.display())
            }
            Self::Malformed { .. } => "name a certificate in the configuration, in PEM or DER".to_owned(),
            Self::PublicKey { .. } | Self::PrivateKey { .. } | Self::TooLong { .. } => {
                format!("use a certificate with an RSA key of 3072 to {MOST_BITS} bits")
            }
            Self::PrivateKeyFile(refusal) => refusal.how_to_mend(),
            Self::NotPkcs8 { path, .. } => {
                format!("convert it: openssl pkcs8 -topk8 -nocrypt -in {} -out NEW, mode 0600", path.display())
            }
            #[cfg(feature = "pkcs12")]
            Self::Pkcs12 { problem: Pkcs12Problem::DoesNotOpen | Pkcs12Problem::NotUtf8, .. } => {
                "write the file's password into password_file, mode 0600".to_owned()
            }
            #[cfg(feature = "pkcs12")]
            Self::Pkcs12 { .. } => "make it anew with OpenSSL 3: openssl pkcs12 -export -inkey KEY -in CERTIFICATE \
                                    -out NEW, mode 0600"
                .to_owned(),
            Self::Mismatch { name, .. } => {
                format!("name the certificate's own private key in [protector.rsa.{name}]")
            }
            Self::Other { .. } => "configure the certificate that the record was made for under this name, or open \
                                   the store with another protector and replace this one with `protector replace`"
                .to_owned(),
            Self::Encrypt { .. } => "use a certificate with a longer RSA key".to_owned(),
        }
    }
}
