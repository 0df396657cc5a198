//! The server: started on a keeper, stopped in order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_keeper::Keeper;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{self, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::accounts::Accounts;
use crate::archive::{self, Archive};
use crate::connection::Conversation;
use crate::door::{AccountsDoor, SocketDoor, TcpDoor, tend};
use crate::lockout::Lockout;
use crate::metrics::Metrics;
use crate::router::{accounts_router, router};
use crate::settings::{Limits, Settings};
use crate::shell::Shell;
use crate::tls::{self, Tls, TlsError};
use crate::{listen, notify};

/// The folder of archives, in the data directory.
const ARCHIVE: &str = "archive";

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No certificate to show.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket in the data directory could not be made.
    #[error("could not listen on the socket {}: {source}", path.display())]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The socket for accounts could not be made.
    #[error("could not listen on the socket for accounts {}: {source}", path.display())]
    Accounts {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address could not be listened on, or not be written down.
    #[error("could not listen on {address}: {source}")]
    Tcp {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The service manager could not be told.
    #[error("could not tell the service manager that the server is ready: {0}")]
    Notify(io::Error),
}

/// How the server can be reached.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The Unix socket.
    pub socket: PathBuf,
    /// The socket for accounts, when there is one.
    pub accounts: Option<PathBuf>,
    /// The address on TCP, when it listens there.
    pub tcp: Option<SocketAddr>,
    /// The pin of its certificate's public key: `sha256:` and 64 hexadecimal digits.
    pub spki_pin: Option<String>,
}

/// A running server. It owns every task it started; [`Server::stop`] ends them in order.
pub struct Server {
    shell: Arc<Shell>,
    settings: Settings,
    addresses: Addresses,
    stop: watch::Sender<bool>,
    /// The doors, and what the server does by itself.
    doors: JoinSet<()>,
    /// Gives the keeper's answers to the requests.
    courier: JoinSet<()>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Server {
    /// Listens. When it returns, requests are answered. The keeper holds the lock of the data directory.
    ///
    /// # Errors
    /// When a door cannot be opened; then none is open.
    pub async fn start(keeper: Keeper, settings: Settings) -> Result<Self, StartError> {
        let socket = settings.data.join(listen::SOCKET);
        let tcp = match settings.listen {
            Some(address) => Some(open_tcp(&settings, address).await?),
            None => None,
        };
        let local =
            listen::on_socket(&settings.data).map_err(|source| StartError::Socket { path: socket.clone(), source })?;
        let accounts = settings.accounts_socket.clone();
        let for_accounts = accounts.as_deref().map(|path| {
            listen::for_accounts(path).map_err(|source| StartError::Accounts { path: path.to_owned(), source })
        });
        let for_accounts = for_accounts.transpose()?;
        let addresses = Addresses {
            socket,
            accounts,
            tcp: tcp.as_ref().map(|(_, address, _)| *address),
            spki_pin: tcp.as_ref().map(|(_, _, tls)| tls.pin.clone()),
        };
        let shell = Arc::new(shell(keeper, &settings, &addresses));
        let conversation = Arc::new(Conversation::new(router(&shell), settings.limits.clone()));
        let (stop, stopped) = watch::channel(false);
        let mut doors = JoinSet::new();
        let socket_door = SocketDoor { listener: local, conversation: Arc::clone(&conversation) };
        doors.spawn(tend(socket_door, Arc::clone(&shell), stopped.clone()));
        if let Some(listener) = for_accounts {
            let conversation = Conversation::new(accounts_router(&shell), account_limits(&settings.limits));
            let (conversation, each) = (Arc::new(conversation), settings.limits.account_connections);
            let door = AccountsDoor { listener, conversation, each, open: Arc::default() };
            doors.spawn(tend(door, Arc::clone(&shell), stopped.clone()));
        }
        if let Some((listener, _, tls)) = tcp {
            let acceptor = TlsAcceptor::from(tls.settings);
            doors.spawn(tend(TcpDoor { listener, acceptor, conversation }, Arc::clone(&shell), stopped.clone()));
        }
        let mut courier = JoinSet::new();
        courier.spawn(shell.keeper.deliver());
        doors.spawn(archive::tend(Arc::clone(&shell), stopped));
        let server = Self { shell, settings, addresses, stop, doors, courier };
        server.notify(notify::READY).map_err(StartError::Notify)?;
        Ok(server)
    }

    /// How it can be reached.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Stops: takes no more connections, finishes the requests that are under way, then stops the keeper.
    pub async fn stop(mut self) {
        self.shell.stopping.store(true, Ordering::Relaxed);
        // A service manager that does not listen shall not keep the server from stopping.
        let _ = self.notify(notify::STOPPING);
        self.stop.send_replace(true);
        while self.doors.join_next().await.is_some() {}
        // What is left behind is replaced by the next start.
        let _ = listen::clear(&self.settings.data);
        let _ = self.settings.accounts_socket.as_deref().map(listen::clear_for_accounts);
        let keeper = self.shell.keeper.clone();
        let _ = task::spawn_blocking(move || keeper.stop()).await;
        self.courier.shutdown().await;
    }

    fn notify(&self, state: &str) -> io::Result<()> {
        self.settings.notify_socket.as_deref().map_or(Ok(()), |socket| notify::send(socket, state))
    }
}

async fn open_tcp(settings: &Settings, address: SocketAddr) -> Result<(TcpListener, SocketAddr, Tls), StartError> {
    let mut names = settings.names.clone();
    if !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    let tls = tls::prepare(&settings.data, settings.certificate.as_ref(), &names)?;
    let opened = listen::on_tcp(&settings.data, address).await;
    let (listener, bound) = opened.map_err(|source| StartError::Tcp { address, source })?;
    Ok((listener, bound, tls))
}

/// Everybody on this host may connect there, so nobody gets much: all accounts together cannot take every slot for requests.
fn account_limits(limits: &Limits) -> Limits {
    Limits { streams: 4, header_bytes: 16 * 1024, ..limits.clone() }
}

fn shell(keeper: Keeper, settings: &Settings, addresses: &Addresses) -> Shell {
    let limits = &settings.limits;
    let folder = settings.archive_folder.clone().unwrap_or_else(|| settings.data.join(ARCHIVE));
    Shell {
        keeper,
        lockout: Lockout::new(limits.failed_tokens, limits.lockout),
        accounts_lockout: Lockout::new(limits.account_refusals, limits.account_lockout),
        certificates_lockout: Lockout::new(limits.certificate_refusals, limits.lockout),
        accounts: Accounts::new(),
        metrics: Metrics::new(),
        slots: Semaphore::new(limits.requests),
        stopping: AtomicBool::new(false),
        service_uid: rustix::process::geteuid().as_raw(),
        versions_kept: settings.versions_kept,
        transactions_encrypt: settings.transactions_encrypt,
        archive: Archive::new(folder, settings.archive_after),
        version: settings.version,
        address: addresses.tcp.map(|address| address.to_string()),
        spki_pin: addresses.spki_pin.clone(),
        limits: limits.clone(),
    }
}
