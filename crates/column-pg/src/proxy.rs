//! The proxy: for clients in any language it is the database, with columns that are decrypted on the way.

pub mod door;
pub mod frame;
pub mod keys;
pub mod metrics;
pub mod opt_in;
pub mod relay;
pub mod scram;
pub mod upstream;

mod control;
mod heartbeat;
mod leg;
mod local;
mod metrics_page;
mod serve;
mod source;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::catalogue::Loader;
use crate::connect::Dsn;
use crate::session::{Encryption, StatementCache};

use control::{Common, Databases};
use door::ClientTls;
use heartbeat::Identity;
use keys::{KeyCache, Unwrap};
use leg::Socket;
use local::LocalListener;
use metrics::Metrics;
use scram::Verifier;
use upstream::Upstream;

/// How long sessions may take to hear that the proxy stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// Between two looks at keys whose time is over.
const LOOK_AT_KEYS: Duration = Duration::from_secs(1);
/// After an error of `accept`, say because there are no more file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// What a proxy is started with.
pub struct Settings {
    /// Where clients are awaited.
    pub listen: SocketAddr,
    /// Where besides: the folder of a Unix socket.
    pub socket_folder: Option<PathBuf>,
    /// TLS towards clients.
    pub client_tls: Option<ClientTls>,
    /// Whether clients without TLS are turned away that come from the network.
    pub require_tls: bool,
    /// The server behind the proxy.
    pub upstream: Upstream,
    /// How the proxy itself logs in there, to read catalogues and verifiers.
    pub control: Dsn,
    /// Knows by whose signature a manifest is known.
    pub loader: Loader,
    /// What a session gets that says nothing.
    pub encryption: Encryption,
    /// How long a column encryption key is kept.
    pub key_time_to_live: Duration,
    /// How many connections are taken at the same time.
    pub connections: usize,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// Under which name the proxy says in the database that it is there.
    pub name: String,
}

/// Why a proxy did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A Unix socket cannot be listened at.
    #[error("cannot listen at {}: {source}", path.display())]
    ListenLocally {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What all sessions have in common.
struct Shared {
    rules: Rules,
    client_tls: RwLock<Option<ClientTls>>,
    upstream: Upstream,
    databases: Databases,
    statements: Arc<StatementCache>,
    keys: Arc<KeyCache>,
    metrics: Arc<Metrics>,
    pretence: [u8; 32],
    stopped: watch::Receiver<bool>,
}

/// What every session is held to.
struct Rules {
    require_tls: bool,
    encryption: Encryption,
}

impl Shared {
    fn client_tls(&self) -> Option<ClientTls> {
        self.client_tls.read().clone()
    }

    /// Whether the proxy was told to stop, or is gone.
    fn is_stopped(&self) -> bool {
        self.stopped.has_changed().unwrap_or(true)
    }

    /// A verifier for a role that has none.
    fn pretended(&self, role: &str) -> Verifier {
        Verifier::pretended(role, &self.pretence)
    }
}

/// A proxy that runs.
pub struct Proxy {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    address: SocketAddr,
    socket: Option<PathBuf>,
    metrics_address: Option<SocketAddr>,
}

impl Proxy {
    /// Listens and serves from now on.
    pub async fn start(settings: Settings, source: Arc<dyn Unwrap>) -> Result<Self, StartError> {
        let listener = bind(settings.listen).await?;
        let metrics_listener = match settings.metrics {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let local = |listener: &TcpListener, asked| listener.local_addr().unwrap_or(asked);
        let address = local(&listener, settings.listen);
        let socket = settings.socket_folder.map(|folder| local::path(&folder, address.port()));
        let local_listener = socket.clone().map(bind_locally).transpose()?;
        let metrics_address =
            metrics_listener.as_ref().zip(settings.metrics).map(|(listener, asked)| local(listener, asked));
        let (stop, stopped) = watch::channel(false);
        let keys = Arc::new(KeyCache::new(source, settings.key_time_to_live));
        let mut pretence = [0; 32];
        strongroom_crypto::random::fill(&mut pretence);
        let shared = Arc::new(Shared {
            rules: Rules { require_tls: settings.require_tls, encryption: settings.encryption },
            client_tls: RwLock::new(settings.client_tls),
            upstream: settings.upstream,
            databases: Databases::new(Common {
                dsn: settings.control,
                loader: settings.loader,
                identity: Identity { name: settings.name, listen: address.to_string() },
                keys: Arc::clone(&keys),
            }),
            statements: Arc::new(StatementCache::default()),
            keys: Arc::clone(&keys),
            metrics: Arc::new(Metrics::default()),
            pretence,
            stopped: stopped.clone(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, local_listener, Arc::clone(&shared), settings.connections));
        tasks.spawn(expire(Arc::clone(&keys), stopped.clone()));
        if let Some(listener) = metrics_listener {
            tasks.spawn(metrics_page::serve(listener, Arc::clone(&shared.metrics), keys, stopped));
        }
        Ok(Self { shared, stop, tasks, address, socket, metrics_address })
    }

    /// Where clients are awaited.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The Unix socket at which clients are awaited.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Where metrics are served.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Takes another certificate for connections from now on, drops all keys, and reads every catalogue anew.
    pub fn reload(&self, client_tls: Option<ClientTls>) {
        *self.shared.client_tls.write() = client_tls;
        self.shared.keys.clear();
        self.shared.databases.reload();
    }

    /// Tells every session that the proxy stops, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _ = timeout(FAREWELL, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn bind_locally(path: PathBuf) -> Result<LocalListener, StartError> {
    LocalListener::bind(path.clone()).map_err(|source| StartError::ListenLocally { path, source })
}

/// The next client, from the network or this host.
async fn next(listener: &TcpListener, local: Option<&LocalListener>) -> io::Result<Socket> {
    let from_here = async {
        match local {
            Some(local) => local.accept().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        accepted = listener.accept() => accepted.map(|(stream, _)| {
            let _ = stream.set_nodelay(true);
            Socket::Tcp(stream)
        }),
        accepted = from_here => accepted,
    }
}

/// Takes connections until the proxy stops; then waits for the sessions that say farewell.
async fn accept(listener: TcpListener, local: Option<LocalListener>, shared: Arc<Shared>, most: usize) {
    let mut sessions = JoinSet::new();
    let mut stopped = shared.stopped.clone();
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, local.as_ref()) => accepted,
            Some(_) = sessions.join_next() => continue,
            () = stop(&mut stopped) => break,
        };
        match accepted {
            Ok(socket) if sessions.len() < most => {
                sessions.spawn(serve::serve(socket, Arc::clone(&shared)));
            }
            // There is no room even to say so in an orderly way: the client has not said yet what it speaks.
            Ok(_) => Metrics::add(&shared.metrics.turned_away),
            Err(_) => sleep(BREATH).await,
        }
    }
    // Nobody new comes while the others are told.
    drop((listener, local));
    while sessions.join_next().await.is_some() {}
}

/// Drops keys when their time is over.
async fn expire(keys: Arc<KeyCache>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(LOOK_AT_KEYS) => { keys.expire(); }
            () = stop(&mut stopped) => return,
        }
    }
}

/// Waits until the proxy is told to stop, or is gone.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
