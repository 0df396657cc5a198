//! One connection: HTTP on a socket or on TLS, watched while it lasts.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::peer::Peer;
use crate::settings::Limits;
use crate::tls;
use crate::watch::{Activity, Watched};

/// Which HTTP a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speech {
    /// Whatever its first bytes say.
    Any,
    Http1,
    Http2,
}

/// What all connections share.
pub(crate) struct Conversation {
    router: Router,
    limits: Limits,
}

impl Conversation {
    pub fn new(router: Router, limits: Limits) -> Self {
        Self { router, limits }
    }

    /// A connection on the Unix socket.
    pub async fn on_socket(&self, stream: UnixStream, activity: &Arc<Activity>) {
        // Without the caller's uid there is no principal to judge.
        let Ok(credentials) = stream.peer_cred() else { return };
        self.serve(stream, Peer::local(credentials.uid()), Speech::Any, activity).await;
    }

    /// A connection on the socket for accounts.
    pub async fn on_accounts_socket(&self, stream: UnixStream, uid: u32, activity: &Arc<Activity>) {
        self.serve(stream, Peer::account(uid), Speech::Any, activity).await;
    }

    /// A connection on TCP, which is TLS or nothing.
    pub async fn on_tcp(&self, stream: TcpStream, acceptor: &TlsAcceptor, activity: &Arc<Activity>) {
        let Ok(address) = stream.peer_addr() else { return };
        // A small reply shall not wait for more to send; where that cannot be set, it only comes later.
        let _ = stream.set_nodelay(true);
        let handshake = timeout(self.limits.handshake_timeout, acceptor.accept(stream));
        let stream = tokio::select! {
            shaken = handshake => match shaken {
                Ok(Ok(stream)) => stream,
                // Not TLS, or too late: there is nobody to tell.
                Ok(Err(_)) | Err(_) => return,
            },
            () = activity.stopped() => return,
        };
        let session = stream.get_ref().1;
        let speech = if session.alpn_protocol() == Some(b"h2") { Speech::Http2 } else { Speech::Http1 };
        let shown = session.peer_certificates().and_then(<[_]>::first).map(tls::client::read).transpose();
        // The handshake has read it already.
        let Ok(certificate) = shown else { return };
        self.serve(stream, Peer::remote(address, certificate), speech, activity).await;
    }

    async fn serve<S>(&self, stream: S, peer: Peer, speech: Speech, activity: &Arc<Activity>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = Arc::new(peer);
        let service = service_fn(|request: Request<Incoming>| self.answer(request, Arc::clone(&peer), activity));
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(activity)));
        let builder = builder(speech, &self.limits);
        let mut connection = pin!(builder.serve_connection(stream, service));
        let mut tick = interval(TICK.min(self.limits.header_timeout));
        if speech == Speech::Http2 {
            activity.speaks_frames();
        }
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ending = false;
        loop {
            tokio::select! {
                biased;
                // How it ended concerns the other end only; requests that were carried out are in the trail.
                _ = connection.as_mut() => return,
                () = activity.stopped(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                _ = tick.tick() => {
                    // Nothing is worked on: what is still to be sent has had the time of being idle. When the server stops
                    // nobody is waited for who does not answer a farewell, which HTTP/2 asks for.
                    let idle = if ending { TICK.min(self.limits.idle_timeout) } else { self.limits.idle_timeout };
                    if activity.is_overdue(self.limits.header_timeout, idle) {
                        return;
                    }
                }
            }
        }
    }

    fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: Arc<Peer>,
        activity: &Arc<Activity>,
    ) -> impl Future<Output = Result<Response<Body>, std::convert::Infallible>> + Send + use<> {
        let working = activity.request();
        request.extensions_mut().insert(peer);
        let answer = self.router.clone().call(request);
        async move {
            let answered = answer.await;
            drop(working);
            answered
        }
    }
}

/// How often a connection is looked at.
const TICK: Duration = Duration::from_secs(5);

fn builder(speech: Speech, limits: &Limits) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(Streams::default());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch does this without a timer per request, and tells a slow head from an idle connection.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes as usize)
        .max_headers(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    match speech {
        Speech::Any => builder,
        Speech::Http1 => builder.http1_only(),
        Speech::Http2 => builder.http2_only(),
    }
}

/// How many headers a request may have.
const HEADERS: usize = 64;
/// What one request may send before its body is read.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What all requests of a connection may send together before their bodies are read.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// The requests of one HTTP/2 connection, each a task; they end with it.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { drop(stream.await) });
    }
}
