//! How a client comes in: TLS or not, what it wants, who it proves to be.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use strongroom_crypto::hash;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::frame::{self, First, Start};
use super::leg::{Leg, Socket};
use super::scram::{self, Acceptor, Proven, ScramError, Verifier};

/// First byte of a TLS handshake, with which PostgreSQL 17's clients may begin at once.
const HANDSHAKE: u8 = 0x16;
/// How often a client may ask for encryption before it says what it wants.
const QUESTIONS: usize = 3;

/// TLS towards clients.
#[derive(Clone)]
pub struct ClientTls {
    acceptor: TlsAcceptor,
    /// Hash of our certificate, for channel binding; none where its signature algorithm names no hash that is known here.
    binding: Option<Arc<[u8]>>,
}

/// Why TLS towards clients cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// A file could not be read, or is not the PEM it should be.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// Certificate and key cannot be used, or not together.
    #[error("{} cannot be used: {source}", path.display())]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl ClientTls {
    /// From files in PEM: the certificate with those it was issued by, and its private key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsFileError> {
        let read = |path: &Path, source| TlsFileError::Read { path: path.to_owned(), source };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|source| read(certificate, source))?;
        let own = chain.first().cloned().ok_or_else(|| read(certificate, pem::Error::NoItemsFound))?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|source| read(key, source))?;
        let unusable = |source| TlsFileError::Unusable { path: certificate.to_owned(), source };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut settings = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(unusable)?;
        // What clients that begin with TLS at once have to ask for.
        settings.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(settings)), binding: binding(&own).map(Arc::from) })
    }
}

/// RFC 5929: the hash of the certificate, by the hash of its signature. Only certificates signed with SHA-256 are bound here; for
/// others channel binding is not offered.
fn binding(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    /// sha256WithRSAEncryption and ecdsa-with-SHA256.
    const WITH_SHA_256: [&str; 2] = ["1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"];
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    WITH_SHA_256.contains(&algorithm.as_str()).then(|| hash::sha256(&[certificate]))
}

/// What came in.
pub enum Arrival {
    /// A session is to begin.
    Session {
        /// The client's side.
        leg: Leg,
        /// What it asked for.
        start: Start,
    },
    /// A packet that asks to cancel something.
    Cancel(Bytes),
}

/// Hears what a client wants, over TLS if it asks for that.
pub async fn arrive(socket: Socket, tls: Option<&ClientTls>) -> io::Result<Arrival> {
    let mut leg = match (&socket, tls) {
        (Socket::Tcp(stream), Some(tls)) if begins_with_handshake(stream).await? => encrypt(socket, tls).await?,
        _ => Leg::Clear(socket),
    };
    for _ in 0..QUESTIONS {
        match (frame::first(&mut leg).await?, leg) {
            (First::Start(start), arrived) => return Ok(Arrival::Session { leg: arrived, start }),
            (First::Cancel(packet), _) => return Ok(Arrival::Cancel(packet)),
            (First::Tls, Leg::Clear(mut socket)) if tls.is_some() => {
                socket.write_all(b"S").await?;
                let Some(tls) = tls else { break };
                leg = encrypt(socket, tls).await?;
            }
            (First::Tls | First::Gss, mut other) => {
                other.write_all(b"N").await?;
                leg = other;
            }
        }
    }
    Err(frame::malformed("the client asks for encryption again and again"))
}

async fn begins_with_handshake(stream: &tokio::net::TcpStream) -> io::Result<bool> {
    let mut byte = [0];
    Ok(stream.peek(&mut byte).await? == 1 && byte == [HANDSHAKE])
}

async fn encrypt(socket: Socket, tls: &ClientTls) -> io::Result<Leg> {
    let stream = tls.acceptor.accept(socket).await?;
    Ok(Leg::Tls(Box::new(tokio_rustls::TlsStream::Server(stream))))
}

/// Why somebody was not let in. The client hears the same of every password that is not right.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The log-in failed.
    #[error(transparent)]
    Scram(#[from] ScramError),
    /// Something else came than a log-in.
    #[error("expected an answer to the log-in, got a message of type {0:?}")]
    Unexpected(char),
}

/// Asks the client to prove its password.
pub async fn log_in<L>(leg: &mut L, tls: Option<&ClientTls>, verifier: Verifier) -> Result<Proven, Denied>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    let binding = tls.and_then(|tls| tls.binding.as_deref());
    leg.write_all(&offer(binding.is_some())).await?;
    let (mechanism, first) = initial(&response(leg).await?)?;
    let (acceptor, answer) = Acceptor::begin(verifier, &mechanism, binding, &first)?;
    leg.write_all(&authentication(11, answer.as_bytes())).await?;
    let (answer, proven) = acceptor.finish(&response(leg).await?)?;
    leg.write_all(&authentication(12, answer.as_bytes())).await?;
    Ok(proven)
}

fn offer(bound: bool) -> Bytes {
    let mut names = Vec::new();
    for name in if bound { vec![scram::PLUS, scram::PLAIN] } else { vec![scram::PLAIN] } {
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    }
    names.push(0);
    authentication(10, &names)
}

/// An `Authentication…` message.
#[must_use]
pub fn authentication(kind: u32, data: &[u8]) -> Bytes {
    frame::message(b'R', |body| {
        body.put_u32(kind);
        body.extend_from_slice(data);
    })
}

async fn response(leg: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, Denied> {
    match frame::read(leg).await? {
        (b'p', body) => Ok(body),
        (other, _) => Err(Denied::Unexpected(char::from(other))),
    }
}

/// Mechanism and first message of a `SASLInitialResponse`.
fn initial(mut body: &[u8]) -> Result<(String, Vec<u8>), Denied> {
    let mechanism = frame::take_text(&mut body)?;
    let (length, message) = body.split_first_chunk::<4>().ok_or_else(|| frame::malformed("no first message"))?;
    if usize::try_from(u32::from_be_bytes(*length)).ok() != Some(message.len()) {
        return Err(frame::malformed("the first message has another length than it says").into());
    }
    Ok((mechanism, message.to_vec()))
}
