//! One connection to the server: a socket or TLS, with HTTP/2 on it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::error::{ClientError, REACH_ACCOUNTS, REACH_SOCKET};
use crate::target::{SOCKET, Target, TargetRefusal, parse_address};
use crate::trust::{is_distrust, tls_settings};

/// Where to connect to, checked.
pub(crate) enum Endpoint {
    Socket(PathBuf),
    Accounts(PathBuf),
    Tls { host: String, port: u16, name: ServerName<'static>, settings: Arc<ClientConfig> },
}

impl Endpoint {
    pub fn of(target: &Target) -> Result<Self, ClientError> {
        let (address, trust, certificate) = match target {
            Target::Socket(directory) => return Ok(Self::Socket(directory.clone())),
            Target::Accounts(socket) => return Ok(Self::Accounts(socket.clone())),
            Target::Tcp { address, trust, .. } => (address, trust, None),
            Target::Certified { address, trust, certificate, .. } => (address, trust, Some(certificate)),
        };
        let unusable = |source| ClientError::Address { address: address.clone(), source };
        let parts = parse_address(address).map_err(unusable)?;
        let name = ServerName::try_from(parts.host.to_owned()).map_err(|_| unusable(TargetRefusal::Host))?;
        let trust = trust.as_ref().ok_or_else(|| ClientError::NoTrust { address: address.clone() })?;
        let settings = Arc::new(tls_settings(trust, certificate)?);
        Ok(Self::Tls { host: parts.host.to_owned(), port: parts.port, name, settings })
    }
}

/// An open connection. Requests on it run side by side.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub async fn open(endpoint: &Endpoint, target: &str) -> Result<Self, ClientError> {
        match endpoint {
            Endpoint::Socket(directory) => {
                let stream =
                    reach_socket(directory).await.map_err(|source| unreachable(target, REACH_SOCKET, source))?;
                Self::over(stream, target).await
            }
            Endpoint::Accounts(socket) => {
                let reached = UnixStream::connect(socket).await;
                Self::over(reached.map_err(|source| unreachable(target, REACH_ACCOUNTS, source))?, target).await
            }
            Endpoint::Tls { host, port, name, settings } => {
                let stream = TcpStream::connect((host.as_str(), *port))
                    .await
                    .map_err(|source| unreachable(target, "connect to", source))?;
                // Small requests shall not wait for more to send.
                stream.set_nodelay(true).map_err(|source| unreachable(target, "connect to", source))?;
                let connector = TlsConnector::from(Arc::clone(settings));
                let stream = connector.connect(name.clone(), stream).await.map_err(|error| handshake(target, error))?;
                Self::over(stream, target).await
            }
        }
    }

    async fn over<S>(stream: S, target: &str) -> Result<Self, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|source| ClientError::Broken { target: target.to_owned(), source })?;
        // How the connection ended is told to the requests that were on it.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, driver })
    }

    pub fn sender(&self) -> SendRequest<Full<Bytes>> {
        self.sender.clone()
    }

    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }
}

/// Through the open directory, because the path of a socket may have 108 bytes only.
async fn reach_socket(directory: &Path) -> io::Result<UnixStream> {
    let directory = File::open(directory)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd())).await
}

fn unreachable(target: &str, attempted: &'static str, source: io::Error) -> ClientError {
    ClientError::Unreachable { target: target.to_owned(), attempted, source }
}

fn handshake(target: &str, error: io::Error) -> ClientError {
    let distrust =
        error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).filter(|inner| is_distrust(inner));
    match distrust {
        Some(source) => ClientError::Distrusted { target: target.to_owned(), source: source.clone() },
        None => unreachable(target, "agree on TLS with", error),
    }
}
