//! The certificate with which a component on another host shows who it is, and its private key (docs/spec/credential.md).

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use strongroom_envelope::Pin;
use strongroom_secret::SecretBytes;
use zeroize::Zeroizing;

use crate::private_file::{self, NotOpened};
use crate::trust::pin_of;

/// A client certificate and its private key.
#[derive(Clone)]
pub struct ClientCertificate {
    certified: Arc<CertifiedKey>,
    pin: Pin,
}

/// A client certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientCertificateError {
    /// A file could not be read.
    #[error("could not read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others could have read the private key, put it there, or exchange it.
    #[error("{} is not safe: {what}", path.display())]
    Unsafe {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file is not the PEM it should be.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The private key is that of another certificate.
    #[error("{} is not the certificate of this private key", path.display())]
    OtherKey {
        /// The certificate.
        path: PathBuf,
    },
    /// Certificate or key is not one that TLS takes.
    #[error("{} cannot be used with its key: {source}", path.display())]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl ClientCertificateError {
    /// How to mend it.
    #[must_use]
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check its name and that this account may read it",
            Self::Unsafe { .. } => {
                "give the file of the private key to this account alone: mode 0600, no symbolic link"
            }
            Self::Pem { .. } => "give the certificate and its unencrypted private key in PEM, each in its file",
            Self::OtherKey { .. } => "give the private key that belongs to this certificate",
            Self::Unusable { .. } => "take a certificate of X.509 version 3, with a key for ECDSA, Ed25519 or RSA",
        }
    }
}

impl ClientCertificate {
    /// Reads a certificate, and those between it and its authority if there are any, and its private key, all in PEM. The file of
    /// the key must belong to this account, and nobody else may have a right on it.
    ///
    /// # Errors
    /// See [`ClientCertificateError`].
    pub fn read(certificate: &Path, private_key: &Path) -> Result<Self, ClientCertificateError> {
        let unusable = |source| ClientCertificateError::Unusable { path: certificate.to_owned(), source };
        let chain = chain(certificate)?;
        let leaf = chain.first().ok_or_else(|| no_certificate(certificate))?;
        let pin = pin_of(leaf).map_err(unusable)?;
        let key = any_supported_type(&*key(private_key)?).map_err(unusable)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(ClientCertificateError::OtherKey { path: certificate.to_owned() });
            }
            matched => matched.map_err(unusable)?,
        }
        Ok(Self { certified: Arc::new(certified), pin })
    }

    /// What the server recognises it by: an administrator binds a credential to it with
    /// `strongroom credential rebind NAME --certificate PIN`.
    #[must_use]
    pub const fn pin(&self) -> Pin {
        self.pin
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientCertificate").field("pin", &self.pin.to_string()).finish_non_exhaustive()
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientCertificateError> {
    let failed = |source| ClientCertificateError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut text = Vec::new();
    file.take(LIMIT).read_to_end(&mut text).map_err(failed)?;
    CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| no_certificate(path))
}

fn no_certificate(path: &Path) -> ClientCertificateError {
    ClientCertificateError::Pem { path: path.to_owned(), what: "certificate" }
}

/// The key, wiped when it is dropped.
fn key(path: &Path) -> Result<Zeroizing<PrivateKeyDer<'static>>, ClientCertificateError> {
    let failed = |source| ClientCertificateError::Read { path: path.to_owned(), source };
    let (file, length) = private_file::open(path).map_err(|refused| match refused {
        NotOpened::Missing => failed(io::ErrorKind::NotFound.into()),
        NotOpened::Unsafe(what) => ClientCertificateError::Unsafe { path: path.to_owned(), what },
        NotOpened::Failed(source) => failed(source),
    })?;
    if length > LIMIT {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    // One buffer of the right size: nothing is left behind by growing it.
    let mut text = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    let read = file.take(LIMIT).read_to_end(&mut text);
    let text = SecretBytes::from_vec(text);
    read.map_err(failed)?;
    let no_key = |_| ClientCertificateError::Pem { path: path.to_owned(), what: "private key" };
    PrivateKeyDer::from_pem_slice(text.expose()).map(Zeroizing::new).map_err(no_key)
}

/// More than any chain or key needs.
const LIMIT: u64 = 1 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rcgen::{CertificateParams, KeyPair, PublicKeyData};
    use strongroom_crypto::hash::sha256;
    use tempfile::TempDir;

    use super::*;

    struct Files {
        folder: TempDir,
        key: KeyPair,
    }

    impl Files {
        fn new() -> Self {
            let (folder, key) = (tempfile::tempdir().unwrap(), KeyPair::generate().unwrap());
            let made = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
            fs::write(folder.path().join("certificate.pem"), made.pem()).unwrap();
            fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
            fs::set_permissions(folder.path().join("key.pem"), Permissions::from_mode(0o600)).unwrap();
            Self { folder, key }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn read(&self) -> Result<ClientCertificate, ClientCertificateError> {
            ClientCertificate::read(&self.path("certificate.pem"), &self.path("key.pem"))
        }
    }

    #[test]
    fn it_is_recognised_by_its_public_key() {
        let files = Files::new();
        let read = files.read().unwrap();
        assert_eq!(read.pin().0, sha256(&[&files.key.subject_public_key_info()]));
        let shown = format!("{read:?}");
        assert!(shown.contains(&read.pin().to_string()) && !shown.contains("PRIVATE"), "{shown}");
    }

    #[test]
    fn a_key_that_others_could_reach_is_refused() {
        let files = Files::new();
        for mode in [0o640, 0o604, 0o620, 0o610] {
            fs::set_permissions(files.path("key.pem"), Permissions::from_mode(mode)).unwrap();
            let refused = files.read().unwrap_err();
            assert!(matches!(refused, ClientCertificateError::Unsafe { .. }), "{mode:o}: {refused}");
        }
        fs::set_permissions(files.path("key.pem"), Permissions::from_mode(0o400)).unwrap();
        files.read().unwrap();
        symlink(files.path("key.pem"), files.path("link")).unwrap();
        for name in ["link", "."] {
            let refused = ClientCertificate::read(&files.path("certificate.pem"), &files.path(name)).unwrap_err();
            assert!(matches!(refused, ClientCertificateError::Unsafe { .. }), "{refused}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_shown() {
        let (files, other) = (Files::new(), Files::new());
        let read = |certificate: &Path, key: &Path| ClientCertificate::read(certificate, key).unwrap_err();
        let (certificate, key) = (files.path("certificate.pem"), files.path("key.pem"));
        let refused = read(&other.path("certificate.pem"), &key);
        assert!(matches!(refused, ClientCertificateError::OtherKey { .. }), "{refused}");
        let refused = read(&key, &key);
        assert!(matches!(refused, ClientCertificateError::Pem { what: "certificate", .. }), "{refused}");
        let missing = read(&certificate, &files.path("none"));
        assert!(matches!(missing, ClientCertificateError::Read { .. }), "{missing}");
        fs::write(&key, "CANARY").unwrap();
        let refused = read(&certificate, &key);
        assert!(matches!(refused, ClientCertificateError::Pem { what: "private key", .. }), "{refused}");
        assert!(!format!("{refused:?}{refused}").contains("CANARY"));
    }
}
