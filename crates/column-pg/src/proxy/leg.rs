//! One side of a session: a TCP or Unix socket, perhaps with TLS on it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

/// A socket.
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

/// A side of a session.
pub enum Leg {
    /// As the socket is.
    Clear(Socket),
    /// With TLS.
    Tls(Box<TlsStream<Socket>>),
}

impl Leg {
    /// Whether it is TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether the bytes leave this host in clear.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        matches!(self, Self::Clear(Socket::Tcp(_)))
    }
}

/// Calls the same method of whichever it is.
macro_rules! each {
    ($self:expr, [$($variant:path),+], $stream:ident => $call:expr) => {
        match $self.get_mut() {
            $($variant($stream) => { let $stream = Pin::new($stream); $call })+
        }
    };
}

macro_rules! passes_through {
    ($kind:ty, $variants:tt) => {
        impl AsyncRead for $kind {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                each!(self, $variants, stream => stream.poll_read(context, buffer))
            }
        }

        impl AsyncWrite for $kind {
            fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                each!(self, $variants, stream => stream.poll_write(context, bytes))
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, $variants, stream => stream.poll_flush(context))
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, $variants, stream => stream.poll_shutdown(context))
            }
        }
    };
}

passes_through!(Socket, [Socket::Tcp, Socket::Unix]);
passes_through!(Leg, [Leg::Clear, Leg::Tls]);
