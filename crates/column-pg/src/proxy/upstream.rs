//! The server behind the proxy: reached over TCP or its Unix socket, with TLS, logged in to as the client's own role.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_rustls::TlsConnector;

use super::frame::{self, Start};
use super::leg::{Leg, Socket};
use super::scram::{self, Initiator, Proven, ScramError};
use crate::connect::Dsn;

/// `SSLRequest`.
const ASK_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];

/// Where the server is.
#[derive(Debug, Clone)]
pub enum Place {
    /// Host and port.
    Tcp(String, u16),
    /// Its Unix socket.
    Unix(PathBuf),
}

/// How it is reached.
#[derive(Clone)]
pub struct Upstream {
    /// Where.
    pub place: Place,
    /// TLS towards it, and the name that its certificate must show; without it the connection is in clear.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// Why a session could not begin at the server.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// It could not be reached.
    #[error("the database server cannot be reached: {0}")]
    Reach(#[source] io::Error),
    /// It speaks no TLS.
    #[error("the database server speaks no TLS; mend its `ssl` setting, or reach it over a Unix socket")]
    NoTls,
    /// TLS failed.
    #[error("TLS to the database server failed: {0}")]
    Tls(#[source] io::Error),
    /// The connection ended, or said what it should not.
    #[error("the database server broke off the log-in: {0}")]
    Broken(#[from] io::Error),
    /// Another kind of log-in is asked for.
    #[error(
        "the database server asks for another log-in than scram-sha-256 (kind {0}); have pg_hba.conf ask for \
         scram-sha-256 on connections of the proxy"
    )]
    Method(u32),
    /// The log-in failed.
    #[error(transparent)]
    Scram(#[from] ScramError),
    /// It answered with an error, which goes to the client as it is.
    #[error("the database server answered {sqlstate}: {text}")]
    Refused {
        /// Its SQLSTATE.
        sqlstate: String,
        /// Its message.
        text: String,
        /// The whole message.
        message: Bytes,
    },
}

impl Upstream {
    /// The server of an address; in clear unless the address asks for TLS.
    #[must_use]
    pub fn of(dsn: &Dsn) -> Self {
        let place = match dsn.host() {
            (Host::Tcp(host), port) => Place::Tcp(host, port),
            (Host::Unix(folder), port) => Place::Unix(folder.join(format!(".s.PGSQL.{port}"))),
        };
        Self { place, tls: dsn.required_tls() }
    }

    /// Connects.
    pub async fn connect(&self) -> Result<Leg, UpstreamError> {
        let mut socket = match &self.place {
            Place::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(UpstreamError::Reach)?;
                stream.set_nodelay(true).map_err(UpstreamError::Reach)?;
                Socket::Tcp(stream)
            }
            Place::Unix(path) => Socket::Unix(UnixStream::connect(path).await.map_err(UpstreamError::Reach)?),
        };
        let Some((settings, name)) = &self.tls else { return Ok(Leg::Clear(socket)) };
        socket.write_all(&ASK_FOR_TLS).await?;
        if socket.read_u8().await? != b'S' {
            return Err(UpstreamError::NoTls);
        }
        let connector = TlsConnector::from(Arc::clone(settings));
        let stream = connector.connect(name.clone(), socket).await.map_err(UpstreamError::Tls)?;
        Ok(Leg::Tls(Box::new(tokio_rustls::TlsStream::Client(stream))))
    }

    /// Hands a request to cancel on; the server answers none.
    pub async fn cancel(&self, packet: &[u8]) -> Result<(), UpstreamError> {
        let mut leg = self.connect().await?;
        leg.write_all(packet).await?;
        leg.shutdown().await?;
        Ok(())
    }
}

/// Begins a session as the role that was proven. Answers with what the server said since, up to and with its first
/// `ReadyForQuery`.
pub async fn begin<L>(leg: &mut L, start: &Start, proven: &Proven) -> Result<BytesMut, UpstreamError>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    leg.write_all(&start.packet()).await?;
    authenticate(leg, proven).await?;
    until_ready(leg).await
}

async fn authenticate<L>(leg: &mut L, proven: &Proven) -> Result<(), UpstreamError>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    let (kind, _) = authentication(leg).await?;
    match kind {
        0 => return Ok(()),
        10 => {}
        other => return Err(UpstreamError::Method(other)),
    }
    let (initiator, first) = Initiator::begin(proven);
    let message = frame::message(b'p', |body| {
        frame::put_text(body, scram::PLAIN);
        body.put_u32(u32::try_from(first.len()).unwrap_or(u32::MAX));
        body.extend_from_slice(first.as_bytes());
    });
    leg.write_all(&message).await?;
    let (last, expected) = initiator.prove(&expect(leg, 11).await?)?;
    leg.write_all(&frame::message(b'p', |body| body.extend_from_slice(last.as_bytes()))).await?;
    expected.meet(&expect(leg, 12).await?)?;
    expect(leg, 0).await?;
    Ok(())
}

async fn expect(leg: &mut (impl AsyncRead + Unpin), wanted: u32) -> Result<Bytes, UpstreamError> {
    match authentication(leg).await? {
        (kind, data) if kind == wanted => Ok(data),
        (kind, _) => Err(UpstreamError::Method(kind)),
    }
}

/// Kind and data of an `Authentication…` message.
async fn authentication(leg: &mut (impl AsyncRead + Unpin)) -> Result<(u32, Bytes), UpstreamError> {
    loop {
        match frame::read(leg).await? {
            (b'R', body) => {
                let (kind, data) =
                    body.split_first_chunk::<4>().ok_or_else(|| frame::malformed("an empty authentication message"))?;
                return Ok((u32::from_be_bytes(*kind), Bytes::copy_from_slice(data)));
            }
            (b'E', body) => return Err(refused(&body)),
            // Notices, and which version is spoken.
            (b'N' | b'v', _) => {}
            _ => return Err(frame::malformed("a message out of place during the log-in").into()),
        }
    }
}

async fn until_ready(leg: &mut (impl AsyncRead + Unpin)) -> Result<BytesMut, UpstreamError> {
    let mut heard = BytesMut::new();
    loop {
        let (kind, body) = frame::read(leg).await?;
        if kind == b'E' {
            return Err(refused(&body));
        }
        heard.extend_from_slice(&frame::message(kind, |whole| whole.extend_from_slice(&body)));
        if kind == b'Z' {
            return Ok(heard);
        }
    }
}

fn refused(body: &Bytes) -> UpstreamError {
    let (sqlstate, text) = frame::read_error(body);
    let message = frame::message(b'E', |whole| whole.extend_from_slice(body));
    UpstreamError::Refused { sqlstate, text, message }
}
