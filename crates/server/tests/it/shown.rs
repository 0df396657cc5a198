//! TLS by hand, with a client certificate or without one, and with HTTP/1.1 on it.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::site::Site;

/// What is shown, in PEM: a certificate, and a key that may be that of another one.
pub struct Shown {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// How to connect; sessions of the same value are resumed.
#[derive(Clone)]
pub struct Settings {
    shown: Option<Arc<CertifiedKey>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    made: Arc<std::sync::OnceLock<Arc<ClientConfig>>>,
}

pub fn settings(shown: Option<&Shown>) -> Settings {
    settings_of(shown, rustls::DEFAULT_VERSIONS)
}

pub fn settings_of(shown: Option<&Shown>, versions: &[&'static SupportedProtocolVersion]) -> Settings {
    let certified = |shown: &Shown| {
        let key = PrivateKeyDer::from_pem_slice(&shown.key).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(&shown.certificate).unwrap()];
        Arc::new(CertifiedKey::new(chain, any_supported_type(&key).unwrap()))
    };
    Settings { shown: shown.map(certified), versions: versions.to_vec(), made: Arc::default() }
}

/// Connects to the site's address, whose certificate is trusted.
pub async fn connect(site: &Site, settings: Settings) -> std::io::Result<TlsStream<TcpStream>> {
    let made = settings.made.get_or_init(|| Arc::new(client_config(site, &settings)));
    let stream = TcpStream::connect(site.address()).await?;
    TlsConnector::from(Arc::clone(made)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

fn client_config(site: &Site, settings: &Settings) -> ClientConfig {
    let pem = std::fs::read(site.folders.data().join("tls/certificate.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&settings.versions)
        .unwrap()
        .with_root_certificates(roots);
    match &settings.shown {
        Some(shown) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(shown)))),
        None => builder.with_no_client_auth(),
    }
}
