//! TLS: the certificate that is shown, and how it is spoken.

mod certificate;
pub(crate) mod client;
mod file;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use strongroom_envelope::Pin;

use crate::settings::CertificateFiles;

pub(crate) use file::replace as replace_file;

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("could not read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("could not write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not the PEM it should be.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A certificate could not be made.
    #[error("could not make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// Key and certificate cannot be used, or not together.
    #[error("{} cannot be used: {source}", path.display())]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// What is needed to speak TLS.
pub(crate) struct Tls {
    pub settings: Arc<ServerConfig>,
    /// `sha256:` and the digest of the public key, in hex.
    pub pin: String,
}

/// Reads the certificate that was given, or the one in the data directory, which is made or renewed when needed.
pub(crate) fn prepare(data: &Path, given: Option<&CertificateFiles>, names: &[String]) -> Result<Tls, TlsError> {
    let files = match given {
        Some(files) => files.clone(),
        None => certificate::keep_current(data, names, SystemTime::now())?,
    };
    load(&files)
}

fn load(files: &CertificateFiles) -> Result<Tls, TlsError> {
    let unusable = |source| TlsError::Unusable { path: files.certificate.clone(), source };
    let text = file::read(&files.certificate)?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(text.expose())
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::Pem { path: files.certificate.clone(), what: "certificate" })?;
    let Some(leaf) = chain.first() else {
        return Err(TlsError::Pem { path: files.certificate.clone(), what: "certificate" });
    };
    let pin = pin(leaf).map_err(unusable)?;
    let text = file::read(&files.private_key)?;
    let key = PrivateKeyDer::from_pem_slice(text.expose())
        .map_err(|_| TlsError::Pem { path: files.private_key.clone(), what: "private key" })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let any_certificate = Arc::new(client::AnyCertificate(Arc::clone(&provider)));
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_client_cert_verifier(any_certificate)
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Tls { settings: Arc::new(settings), pin })
}

fn pin(certificate: &CertificateDer<'_>) -> Result<String, rustls::Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(Pin::of_public_key(parsed.subject_public_key_info().as_ref()).to_string())
}
