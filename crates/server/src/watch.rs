//! What a connection is doing, so that one that does nothing, or that sends its headers byte by byte, is closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// What one connection is doing. Times are milliseconds since it began, plus one; 0 is never.
pub(crate) struct Activity {
    began: Instant,
    /// Requests that are worked on.
    requests: AtomicU32,
    /// Since when the head of a request has been arriving.
    head_since: AtomicU64,
    /// Since when nothing has been going on.
    idle_since: AtomicU64,
    /// Whether it speaks HTTP/2, whose frames come at any time and are no requests.
    frames: AtomicBool,
    /// Set when the connection shall finish what is under way and end.
    stop: Notify,
}

impl Activity {
    /// A new connection: the head of its first request is due.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            requests: AtomicU32::new(0),
            head_since: AtomicU64::new(1),
            idle_since: AtomicU64::new(1),
            frames: AtomicBool::new(false),
            stop: Notify::new(),
        }
    }

    /// Asks the connection to finish what is under way and to end.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits until somebody asks it to end.
    pub async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// A request has been read up to its body; it ends when what is returned is dropped.
    pub fn request(self: &Arc<Self>) -> Working {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        Working(Arc::clone(self))
    }

    /// The connection speaks HTTP/2.
    pub fn speaks_frames(&self) {
        self.frames.store(true, Ordering::Relaxed);
    }

    /// Whether it has been idle, or busy with one head, for too long.
    pub fn is_overdue(&self, head: Duration, idle: Duration) -> bool {
        if self.requests.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let now = self.now();
        let longer =
            |since: u64, limit: Duration| since != 0 && u128::from(now.saturating_sub(since)) >= limit.as_millis();
        longer(self.idle_since.load(Ordering::Relaxed), idle)
            || (!self.frames.load(Ordering::Relaxed) && longer(self.head_since.load(Ordering::Relaxed), head))
    }

    fn received(&self) {
        if self.requests.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// A request that is worked on.
pub(crate) struct Working(Arc<Activity>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that notes when bytes arrive.
pub(crate) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
    /// Nothing has arrived yet.
    is_new: bool,
}

/// What an HTTP/2 client that agreed on nothing before sends first (RFC 9113 §3.4), in one piece.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl<S> Watched<S> {
    pub fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, is_new: true }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let arrived = &buffer.filled()[before..];
        if !arrived.is_empty() {
            if self.is_new && arrived.starts_with(PREFACE) {
                self.activity.speaks_frames();
            }
            self.is_new = false;
            self.activity.received();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
