//! How one server listens, and what it puts up with.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use strongroom_engine::transaction::Encrypt;

/// How one server listens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory; holds the socket, the address file and the certificate that is made at first start.
    pub data: PathBuf,
    /// Where the socket for accounts is made: other accounts of this host reach their credentials on it, and nothing else.
    pub accounts_socket: Option<PathBuf>,
    /// Where to listen on TCP; port 0 takes a free one. `None`: on the Unix socket only.
    pub listen: Option<SocketAddr>,
    /// The certificate to show; `None`: one is made.
    pub certificate: Option<CertificateFiles>,
    /// Names and addresses for the certificate that is made, beside the usual ones.
    pub names: Vec<String>,
    /// How many versions a new secret keeps when its creator does not say.
    pub versions_kept: u32,
    /// Which transactions are sealed under keys of their own.
    pub transactions_encrypt: Encrypt,
    /// The folder of archives; `None`: `archive` in the data directory.
    pub archive_folder: Option<PathBuf>,
    /// How long a transaction is closed before the server archives it by itself; `None`: it does not.
    pub archive_after: Option<Duration>,
    /// What the server puts up with.
    pub limits: Limits,
    /// Where the service manager wants to hear of start and stop (`NOTIFY_SOCKET`).
    pub notify_socket: Option<OsString>,
    /// Version of the program, for `status`.
    pub version: &'static str,
}

impl Settings {
    /// The usual settings: the Unix socket only.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            accounts_socket: None,
            listen: None,
            certificate: None,
            names: Vec::new(),
            versions_kept: strongroom_engine::secret::DEFAULT_KEEP,
            transactions_encrypt: Encrypt::default(),
            archive_folder: None,
            archive_after: None,
            limits: Limits::default(),
            notify_socket: None,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// A certificate that was given.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// PEM file with the certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub private_key: PathBuf,
}

/// What the server puts up with.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open TCP connections; who comes later waits.
    pub tcp_connections: usize,
    /// Open connections on the Unix socket.
    pub socket_connections: usize,
    /// Open connections on the socket for accounts.
    pub accounts_connections: usize,
    /// Of them, those of one account.
    pub account_connections: usize,
    /// Refused requests of one account on that socket, before it is locked out.
    pub account_refusals: u32,
    /// For how long they are counted, and an account is locked out.
    pub account_lockout: Duration,
    /// Requests worked on at once; more are answered `busy`.
    pub requests: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of the headers of one request.
    pub header_bytes: u32,
    /// Bytes of one body.
    pub body_bytes: usize,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// For the headers of a request, from their first byte; for the first request, from the connection.
    pub header_timeout: Duration,
    /// For the body of a request.
    pub body_timeout: Duration,
    /// For an operation.
    pub request_timeout: Duration,
    /// A connection without a request is closed after this time.
    pub idle_timeout: Duration,
    /// How long a stop waits for what is under way.
    pub stop_timeout: Duration,
    /// Failed tokens from one address, before it is locked out.
    pub failed_tokens: u32,
    /// Refused requests by client certificates from one address, before it is locked out for these.
    pub certificate_refusals: u32,
    /// For how long failed tokens and refused certificates are counted, and an address is locked out.
    pub lockout: Duration,
    /// The most transactions in one archive.
    pub archive_transactions: usize,
    /// An archive that has so many bytes takes no further transaction.
    pub archive_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tcp_connections: 4096,
            socket_connections: 256,
            accounts_connections: 256,
            account_connections: 16,
            account_refusals: 20,
            account_lockout: Duration::from_secs(60),
            requests: 2048,
            streams: 128,
            header_bytes: 32 * 1024,
            body_bytes: strongroom_api::BODY_LIMIT,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(300),
            stop_timeout: Duration::from_secs(30),
            failed_tokens: 5,
            certificate_refusals: 20,
            lockout: Duration::from_secs(15 * 60),
            archive_transactions: 10_000,
            archive_bytes: 256 << 20,
        }
    }
}
