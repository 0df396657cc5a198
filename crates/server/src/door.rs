//! A door: takes connections up to a number, and lets them end when the server stops.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::connection::Conversation;
use crate::metrics::Metrics;
use crate::settings::Limits;
use crate::shell::Shell;
use crate::watch::Activity;

/// Where connections come in.
pub(crate) trait Door: Send + Sync + 'static {
    /// A connection that has just been opened.
    type Stream: Send;
    /// Waits for a connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Serves a connection until it ends.
    fn serve(&self, stream: Self::Stream, activity: Arc<Activity>) -> impl Future<Output = ()> + Send + 'static;
    /// How many connections may be open.
    fn capacity(limits: &Limits) -> usize;
    /// Where they are counted.
    fn gauge(metrics: &Metrics) -> &AtomicI64;
}

/// The Unix socket in the data directory.
pub(crate) struct SocketDoor {
    pub listener: UnixListener,
    pub conversation: Arc<Conversation>,
}

impl Door for SocketDoor {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
    fn serve(&self, stream: UnixStream, activity: Arc<Activity>) -> impl Future<Output = ()> + Send + 'static {
        let conversation = Arc::clone(&self.conversation);
        async move { conversation.on_socket(stream, &activity).await }
    }
    fn capacity(limits: &Limits) -> usize {
        limits.socket_connections
    }
    fn gauge(metrics: &Metrics) -> &AtomicI64 {
        &metrics.socket_connections
    }
}

/// The socket for accounts. No account may take all of its connections.
pub(crate) struct AccountsDoor {
    pub listener: UnixListener,
    pub conversation: Arc<Conversation>,
    pub each: usize,
    pub open: Arc<Mutex<HashMap<u32, usize>>>,
}

impl Door for AccountsDoor {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
    fn serve(&self, stream: UnixStream, activity: Arc<Activity>) -> impl Future<Output = ()> + Send + 'static {
        let conversation = Arc::clone(&self.conversation);
        let uid = stream.peer_cred().map(|credentials| credentials.uid()).ok();
        let place = uid.and_then(|uid| Place::take(&self.open, uid, self.each));
        async move {
            // Without a place, or without a uid, there is nobody to tell.
            if let Some(place) = place {
                conversation.on_accounts_socket(stream, place.uid, &activity).await;
            }
        }
    }
    fn capacity(limits: &Limits) -> usize {
        limits.accounts_connections
    }
    fn gauge(metrics: &Metrics) -> &AtomicI64 {
        &metrics.accounts_connections
    }
}

/// One connection among those of an account; it is free again when it is dropped.
struct Place {
    uid: u32,
    open: Arc<Mutex<HashMap<u32, usize>>>,
}

impl Place {
    fn take(open: &Arc<Mutex<HashMap<u32, usize>>>, uid: u32, most: usize) -> Option<Self> {
        let mut counts = open.lock();
        let count = counts.entry(uid).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { uid, open: Arc::clone(open) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.lock();
        if let Some(count) = counts.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

/// TLS over TCP.
pub(crate) struct TcpDoor {
    pub listener: TcpListener,
    pub acceptor: TlsAcceptor,
    pub conversation: Arc<Conversation>,
}

impl Door for TcpDoor {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
    fn serve(&self, stream: TcpStream, activity: Arc<Activity>) -> impl Future<Output = ()> + Send + 'static {
        let (conversation, acceptor) = (Arc::clone(&self.conversation), self.acceptor.clone());
        async move { conversation.on_tcp(stream, &acceptor, &activity).await }
    }
    fn capacity(limits: &Limits) -> usize {
        limits.tcp_connections
    }
    fn gauge(metrics: &Metrics) -> &AtomicI64 {
        &metrics.tcp_connections
    }
}

/// Takes connections until the server stops, then waits until those that are open have ended, or ends them.
pub(crate) async fn tend<D: Door>(door: D, shell: Arc<Shell>, mut stopped: watch::Receiver<bool>) {
    let capacity = D::capacity(&shell.limits);
    let gauge = D::gauge(&shell.metrics);
    let mut open = Open { tasks: JoinSet::new(), activities: HashMap::new() };
    loop {
        tokio::select! {
            biased;
            // Also when the server was dropped without being stopped.
            _ = stopped.changed() => break,
            Some(ended) = open.tasks.join_next_with_id() => open.forget(ended),
            accepted = door.accept(), if open.tasks.len() < capacity => match accepted {
                Ok(stream) => open.begin(&door, stream),
                // No descriptors or no memory: one refused connection must not end the door, nor make it spin.
                Err(_) => sleep(PAUSE).await,
            },
        }
        gauge.store(i64::try_from(open.tasks.len()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
    // The listener goes first: who connects now is told at once that nobody listens.
    drop(door);
    open.end(shell.limits.stop_timeout).await;
}

/// How long the door rests after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// The connections that are open. Dropping it ends them.
struct Open {
    tasks: JoinSet<()>,
    activities: HashMap<Id, Arc<Activity>>,
}

impl Open {
    fn begin<D: Door>(&mut self, door: &D, stream: D::Stream) {
        let activity = Arc::new(Activity::new());
        let task = self.tasks.spawn(door.serve(stream, Arc::clone(&activity)));
        self.activities.insert(task.id(), activity);
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.activities.remove(&id);
    }

    async fn end(mut self, patience: Duration) {
        for activity in self.activities.values() {
            activity.stop();
        }
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        // Whoever has not ended by now is cut off when the set is dropped.
        let _ = timeout(patience, drained).await;
    }
}
