//! A TLS server that notes what it is sent, and never answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{CertificateParams, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use strongroom_client::{Client, ClientError, Patience, Pin, Target, Trust, pin_of};
use strongroom_secret::AccessToken;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A key and a self-signed certificate for it.
pub struct Identity {
    pub key: KeyPair,
    pub certificate: CertificateDer<'static>,
    pub pem: String,
}

impl Identity {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.is_ca = IsCa::ExplicitNoCa;
        let certificate = parameters.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), certificate: certificate.der().clone(), key }
    }

    pub fn pin(&self) -> Pin {
        pin_of(&self.certificate).unwrap()
    }
}

/// What the server saw of the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// The handshake failed: nothing that was encrypted for an application arrived.
    NoHandshake,
    /// So many bytes of application data.
    Bytes(usize),
}

/// Shows a certificate and signs with a key, which may be that of another certificate.
pub async fn serve(shown: &CertificateDer<'static>, key: &KeyPair) -> (SocketAddr, tokio::task::JoinHandle<Seen>) {
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let certified = CertifiedKey::new(vec![shown.clone()], any_supported_type(&key).unwrap());
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    settings.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        match TlsAcceptor::from(Arc::new(settings)).accept(stream).await {
            Err(_) => Seen::NoHandshake,
            Ok(mut stream) => {
                let mut received = Vec::new();
                let _ = stream.read_to_end(&mut received).await;
                Seen::Bytes(received.len())
            }
        }
    });
    (address, seen)
}

pub async fn connect(address: SocketAddr, trust: Option<Trust>, patience: Patience) -> Result<Client, ClientError> {
    let token = AccessToken::from_text("srt_CANARY".to_owned());
    Client::connect_with(Target::Tcp { address: address.to_string(), token, trust }, patience).await
}
