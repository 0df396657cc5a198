//! Bytes between the two legs of a session, through the machine or as they are, with bounded memory on both sides.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Read at once; lies on the stack, so a session that waits holds no buffer.
const READ_BYTES: usize = 16 * 1024;
/// When so much waits to be written to one side, the other is not read.
const WAITING_BYTES: usize = 256 * 1024;

/// What the relay asks of whatever stands between the legs.
pub trait Between {
    /// Takes bytes that the client sent.
    fn client_bytes(&mut self, bytes: &[u8]);
    /// Takes bytes that the server sent.
    fn server_bytes(&mut self, bytes: &[u8]);
    /// What is to be sent to the client; what was sent is taken off its front.
    fn to_client(&mut self) -> &mut BytesMut;
    /// What is to be sent to the server.
    fn to_server(&mut self) -> &mut BytesMut;
    /// Whether the client is not to be read for now.
    fn client_paused(&self) -> bool;
    /// Whether the server is not to be read for now.
    fn server_paused(&self) -> bool;
}

/// What a turn of the relay came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Bytes went one way or another.
    Moved,
    /// The client has ended its side.
    ClientEnded,
    /// The server has ended its side.
    ServerEnded,
}

/// Which side failed.
#[derive(Debug)]
pub enum Broken {
    /// The client's.
    Client(io::Error),
    /// The server's.
    Server(io::Error),
}

/// Waits until bytes can be moved, and moves what can be moved without waiting.
pub async fn turn<C, S>(client: &mut C, server: &mut S, between: &mut impl Between) -> Result<Turn, Broken>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|context| {
        let mut moved = write_both(client, server, context, between)?;
        let mut heard = false;
        if between.to_client().len() < WAITING_BYTES && !between.server_paused() {
            match read(server, context, |bytes| between.server_bytes(bytes)).map_err(Broken::Server)? {
                Some(0) => return Poll::Ready(Ok(Turn::ServerEnded)),
                Some(_) => heard = true,
                None => {}
            }
        }
        if between.to_server().len() < WAITING_BYTES && !between.client_paused() {
            match read(client, context, |bytes| between.client_bytes(bytes)).map_err(Broken::Client)? {
                Some(0) => return Poll::Ready(Ok(Turn::ClientEnded)),
                Some(_) => heard = true,
                None => {}
            }
        }
        if heard {
            write_both(client, server, context, between)?;
            moved = true;
        }
        if moved { Poll::Ready(Ok(Turn::Moved)) } else { Poll::Pending }
    })
    .await
}

fn write_both<C, S>(
    client: &mut C,
    server: &mut S,
    context: &mut Context<'_>,
    between: &mut impl Between,
) -> Result<bool, Broken>
where
    C: AsyncWrite + Unpin,
    S: AsyncWrite + Unpin,
{
    let to_server = write(server, context, between.to_server()).map_err(Broken::Server)?;
    let to_client = write(client, context, between.to_client()).map_err(Broken::Client)?;
    Ok(to_server || to_client)
}

/// Writes what is there, so far as the side takes it now. Flushes when all is written.
fn write(side: &mut (impl AsyncWrite + Unpin), context: &mut Context<'_>, bytes: &mut BytesMut) -> io::Result<bool> {
    let mut sent = 0;
    while bytes.has_remaining() {
        match Pin::new(&mut *side).poll_write(context, bytes) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(written)) => {
                bytes.advance(written);
                sent += written;
            }
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => return Ok(sent > 0),
        }
    }
    if sent > READ_BYTES {
        // A session that rests keeps no large buffer of what it once sent.
        *bytes = BytesMut::new();
    }
    match Pin::new(side).poll_flush(context) {
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(())) | Poll::Pending => Ok(sent > 0),
    }
}

/// Reads once; nothing when nothing is there now.
fn read(
    side: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]),
) -> io::Result<Option<usize>> {
    let mut space = [std::mem::MaybeUninit::uninit(); READ_BYTES];
    let mut buffer = ReadBuf::uninit(&mut space);
    match Pin::new(side).poll_read(context, &mut buffer) {
        Poll::Ready(Ok(())) => {
            let bytes = buffer.filled();
            if !bytes.is_empty() {
                take(bytes);
            }
            Ok(Some(bytes.len()))
        }
        Poll::Ready(Err(error)) => Err(error),
        Poll::Pending => Ok(None),
    }
}

/// Nothing between the legs: each side hears what the other says.
#[derive(Default)]
pub struct Nothing {
    to_client: BytesMut,
    to_server: BytesMut,
}

impl Between for Nothing {
    fn client_bytes(&mut self, bytes: &[u8]) {
        self.to_server.extend_from_slice(bytes);
    }

    fn server_bytes(&mut self, bytes: &[u8]) {
        self.to_client.extend_from_slice(bytes);
    }

    fn to_client(&mut self) -> &mut BytesMut {
        &mut self.to_client
    }

    fn to_server(&mut self) -> &mut BytesMut {
        &mut self.to_server
    }

    fn client_paused(&self) -> bool {
        false
    }

    fn server_paused(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Both sides send a megabyte before they read anything: nobody waits for the other for ever.
    #[tokio::test]
    async fn both_sides_may_send_much_before_they_read() {
        const MUCH: usize = 1 << 20;
        let (mut client, mut inner) = duplex(1024);
        let (mut server, mut outer) = duplex(1024);
        let sides = async {
            let one = async |side: &mut tokio::io::DuplexStream, byte: u8| {
                let (mut from, mut to) = tokio::io::split(side);
                let mut heard = vec![0; MUCH];
                let (sent, read) = tokio::join!(to.write_all(&[1; MUCH]), from.read_exact(&mut heard));
                sent.unwrap();
                read.unwrap();
                assert!(heard.iter().all(|found| *found == byte));
            };
            tokio::join!(one(&mut client, 1), one(&mut server, 1));
            drop(client);
        };
        let relay = async {
            let mut between = Nothing::default();
            while turn(&mut inner, &mut outer, &mut between).await.unwrap() == Turn::Moved {}
        };
        tokio::join!(sides, relay);
    }
}
