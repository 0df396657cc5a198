//! Connections of our own to PostgreSQL: where, as whom, and how the server is recognised.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a database is, and as whom it is opened.
#[derive(Clone)]
pub struct Dsn {
    config: Config,
    tls: Tls,
}

/// How far the server is recognised.
#[derive(Clone)]
enum Tls {
    Off,
    /// Encrypted, whoever answers: `require` without `sslrootcert`, as libpq does it.
    Unrecognised(Arc<ClientConfig>),
    /// The certificate leads to an authority of the file and shows the host's name.
    Recognised(Arc<ClientConfig>),
}

/// A database that cannot be named so.
#[derive(Debug, Error)]
pub enum DsnError {
    /// Not an address.
    #[error("not an address of a database (postgres://USER@HOST:PORT/DATABASE): {0}")]
    Malformed(#[source] tokio_postgres::Error),
    /// One host at a time.
    #[error("name one host, not several")]
    Hosts,
    /// `sslmode` is none of the known ones.
    #[error("sslmode={0} is not known here: choose disable, prefer, require or verify-full")]
    SslMode(String),
    /// `verify-full` without authorities.
    #[error("sslmode=verify-full needs sslrootcert=FILE, the certificates to recognise the server by")]
    NoAuthorities,
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no certificates.
    #[error("{} holds no certificate in PEM that can be used", path.display())]
    Authorities {
        /// Which.
        path: PathBuf,
    },
}

impl Dsn {
    /// Reads `postgres://USER@HOST:PORT/DATABASE?sslmode=…&sslrootcert=…`. A password in it is taken, though a file is better:
    /// others can see what a program was called with.
    pub fn parse(text: &str) -> Result<Self, DsnError> {
        let (plain, parameters) = without_tls_parameters(text);
        let mut config = Config::from_str(&plain).map_err(DsnError::Malformed)?;
        if config.get_hosts().len() > 1 || config.get_ports().len() > 1 {
            return Err(DsnError::Hosts);
        }
        config.connect_timeout(PATIENCE).application_name("strongroom");
        let of = |name: &str| parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let authorities = of("sslrootcert").map(|path| authorities(Path::new(path))).transpose()?;
        let (mode, tls) = match (of("sslmode").unwrap_or("prefer"), authorities) {
            ("disable", _) => (SslMode::Disable, Tls::Off),
            ("prefer" | "require" | "verify-full", Some(roots)) => {
                (SslMode::Require, Tls::Recognised(recognising(roots)))
            }
            ("prefer", None) => (SslMode::Prefer, Tls::Unrecognised(unrecognising())),
            ("require", None) => (SslMode::Require, Tls::Unrecognised(unrecognising())),
            ("verify-full", None) => return Err(DsnError::NoAuthorities),
            (other, _) => return Err(DsnError::SslMode(other.to_owned())),
        };
        config.ssl_mode(mode);
        Ok(Self { config, tls })
    }

    /// The same with the first line of a file as password.
    pub fn with_password_file(mut self, path: &Path) -> Result<Self, DsnError> {
        let text = std::fs::read_to_string(path).map_err(|source| DsnError::Read { path: path.to_owned(), source })?;
        self.config.password(text.lines().next().unwrap_or_default());
        Ok(self)
    }

    /// The same with a password, unless it has one.
    #[must_use]
    pub fn or_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    /// The same with a user, unless it names one.
    #[must_use]
    pub fn or_user(mut self, user: &str) -> Self {
        if self.config.get_user().is_none() {
            self.config.user(user);
        }
        self
    }

    /// Another database of the same server.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    /// Host, port, database and user, as a file of passwords (`.pgpass`) names them.
    #[must_use]
    pub fn place(&self) -> [String; 4] {
        let (host, port) = self.host();
        let host = match host {
            Host::Tcp(name) => name,
            Host::Unix(_) => "localhost".to_owned(),
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        [host, port.to_string(), text(self.database()), text(self.config.get_user())]
    }

    /// The database, as it is named.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.config.get_dbname().or_else(|| self.config.get_user())
    }

    /// Host and port, or the folder of the Unix socket and port.
    #[must_use]
    pub fn host(&self) -> (Host, u16) {
        let host = self.config.get_hosts().first().cloned().unwrap_or_else(|| Host::Tcp("127.0.0.1".to_owned()));
        (host, self.config.get_ports().first().copied().unwrap_or(5432))
    }

    /// TLS towards the server and the name its certificate shows, where TLS is required; `None` for a connection in clear.
    /// `prefer` counts as none: who wants TLS says so.
    #[must_use]
    pub fn required_tls(&self) -> Option<(Arc<ClientConfig>, ServerName<'static>)> {
        let (Host::Tcp(host), _) = self.host() else { return None };
        let settings = match &self.tls {
            _ if self.config.get_ssl_mode() != SslMode::Require => return None,
            Tls::Off => return None,
            Tls::Unrecognised(settings) | Tls::Recognised(settings) => Arc::clone(settings),
        };
        ServerName::try_from(host).ok().map(|name| (settings, name))
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = self.host();
        formatter
            .debug_struct("Dsn")
            .field("host", &host)
            .field("port", &port)
            .field("database", &self.database())
            .finish()
    }
}

/// An open connection: to ask with, and to be driven.
pub type Opened = (Client, Connection<Socket, Encrypted>);

/// Opens a connection. Whoever asks with the client has to drive the connection beside it.
///
/// # Errors
/// When the server cannot be reached or recognised, or lets nobody in.
pub async fn open(dsn: &Dsn) -> Result<Opened, tokio_postgres::Error> {
    dsn.config.connect(MakeTls(dsn.tls.clone())).await
}

/// Takes `sslmode` and `sslrootcert` out of an address; the rest is for [`Config`].
fn without_tls_parameters(text: &str) -> (String, Vec<(String, String)>) {
    let Some((address, query)) = text.split_once('?') else { return (text.to_owned(), Vec::new()) };
    let mut ours = Vec::new();
    let mut others = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((name @ ("sslmode" | "sslrootcert"), value)) => ours.push((name.to_owned(), unescaped(value))),
            _ => others.push(pair),
        }
    }
    let rest = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    (rest, ours)
}

/// A value of a query with `%XX` for bytes.
fn unescaped(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn authorities(path: &Path) -> Result<RootCertStore, DsnError> {
    let unusable = || DsnError::Authorities { path: path.to_owned() };
    let text = std::fs::read(path).map_err(|source| DsnError::Read { path: path.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
    }
    if roots.is_empty() { Err(unusable()) } else { Ok(roots) }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn recognising(roots: RootCertStore) -> Arc<ClientConfig> {
    let settings = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(settings)
}

fn unrecognising() -> Arc<ClientConfig> {
    let settings = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider())))
        .with_no_client_auth();
    Arc::new(settings)
}

/// Takes every certificate; what is signed with it has to be signed.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Makes TLS for `tokio_postgres`.
struct MakeTls(Tls);

impl MakeTlsConnect<Socket> for MakeTls {
    type Stream = Encrypted;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, io::Error> {
        let settings = match &self.0 {
            Tls::Off => None,
            Tls::Unrecognised(settings) | Tls::Recognised(settings) => Some(Arc::clone(settings)),
        };
        Ok(Connect { settings, host: host.to_owned() })
    }
}

/// TLS on one socket.
pub struct Connect {
    settings: Option<Arc<ClientConfig>>,
    host: String,
}

impl TlsConnect<Socket> for Connect {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted, io::Error>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
            let settings = self.settings.ok_or_else(|| wrong("TLS is off"))?;
            let name = ServerName::try_from(self.host).map_err(|_| wrong("the host is no name for a certificate"))?;
            TlsConnector::from(settings).connect(name, socket).await.map(|stream| Encrypted(Box::new(stream)))
        })
    }
}

/// A connection with TLS.
pub struct Encrypted(Box<client::TlsStream<Socket>>);

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_its_tls() {
        let dsn = Dsn::parse("postgres://anna@db.example:5433/app?sslmode=require&application_name=x").unwrap();
        assert_eq!((dsn.host(), dsn.database()), ((Host::Tcp("db.example".into()), 5433), Some("app")));
        assert!(dsn.required_tls().is_some());
        assert_eq!(dsn.with_database("other").database(), Some("other"));
        assert!(Dsn::parse("postgres://anna@db.example/app").unwrap().required_tls().is_none());
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        let wrong = |text: &str| Dsn::parse(text).map(|_| ()).unwrap_err().to_string();
        assert!(wrong("postgres://a,b/app").contains("one host"));
        assert!(wrong("postgres://a/app?sslmode=verify-full").contains("sslrootcert"));
        assert!(wrong("postgres://a/app?sslmode=allow").contains("sslmode=allow"));
        assert!(wrong("mysql://a/app").contains("postgres://"));
        assert!(wrong("postgres://a/app?sslrootcert=%2Fnowhere%2Fca.pem").contains("/nowhere/ca.pem"));
    }

    #[test]
    fn a_password_is_not_shown() {
        let dsn = Dsn::parse("postgres://anna:canary-7@h/app").unwrap();
        assert!(!format!("{dsn:?}").contains("canary-7"));
    }
}
