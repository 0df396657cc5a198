//! Messages while a session is set up: few, small, each read whole. What follows a log-in is the machine's.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// No message of a start or a log-in is longer.
const SETUP_BYTES: usize = 64 * 1024;
/// PostgreSQL's own limit for the first packet.
const FIRST_BYTES: usize = 10_000;

/// The codes in the place of a version.
const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// What a client's first packet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// It asks for TLS.
    Tls,
    /// It asks for GSSAPI encryption, which is not spoken here.
    Gss,
    /// It asks to cancel what another connection does; the whole packet, to be handed on.
    Cancel(Bytes),
    /// It begins a session.
    Start(Start),
}

/// A start-up message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The protocol's minor version; the major one is 3.
    pub minor: u16,
    /// Parameters in the order in which they came.
    pub parameters: Vec<(String, String)>,
}

impl Start {
    /// The last value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// As a packet of protocol 3.0; extensions of the protocol that begin with `_pq_.` are left out.
    #[must_use]
    pub fn packet(&self) -> Bytes {
        let mut body = BytesMut::new();
        body.put_u32(3 << 16);
        for (name, value) in self.parameters.iter().filter(|(name, _)| !is_extension(name)) {
            put_text(&mut body, name);
            put_text(&mut body, value);
        }
        body.put_u8(0);
        let mut packet = BytesMut::with_capacity(body.len() + 4);
        packet.put_u32(length(body.len() + 4));
        packet.extend_from_slice(&body);
        packet.freeze()
    }

    /// What is to be told to a client that asks for more than protocol 3.0: `NegotiateProtocolVersion`.
    #[must_use]
    pub fn negotiation(&self) -> Option<Bytes> {
        let extensions: Vec<&str> =
            self.parameters.iter().map(|(name, _)| name.as_str()).filter(|name| is_extension(name)).collect();
        if self.minor == 0 && extensions.is_empty() {
            return None;
        }
        Some(message(b'v', |body| {
            body.put_u32(3 << 16);
            body.put_u32(length(extensions.len()));
            for name in extensions {
                put_text(body, name);
            }
        }))
    }
}

fn is_extension(name: &str) -> bool {
    name.starts_with("_pq_.")
}

/// Reads the packet with which a connection begins.
pub async fn first(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<First> {
    let long = stream.read_u32().await? as usize;
    if !(8..=FIRST_BYTES).contains(&long) {
        return Err(malformed("the first packet has an impossible length: is this a client of PostgreSQL?"));
    }
    let mut body = vec![0; long - 4];
    stream.read_exact(&mut body).await?;
    let mut rest = body.as_slice();
    match rest.get_u32() {
        TLS => Ok(First::Tls),
        GSS => Ok(First::Gss),
        CANCEL => {
            let mut packet = BytesMut::with_capacity(long);
            packet.put_u32(length(long));
            packet.extend_from_slice(&body);
            Ok(First::Cancel(packet.freeze()))
        }
        version if version >> 16 == 3 => {
            Ok(First::Start(Start { minor: (version & 0xffff) as u16, parameters: parameters(rest)? }))
        }
        _ => Err(malformed("only version 3 of the protocol is spoken")),
    }
}

fn parameters(mut rest: &[u8]) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    loop {
        let name = take_text(&mut rest)?;
        if name.is_empty() {
            return Ok(found);
        }
        found.push((name, take_text(&mut rest)?));
    }
}

/// Reads one message: its type and what is in it.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Bytes)> {
    let kind = stream.read_u8().await?;
    let long = stream.read_u32().await? as usize;
    if !(4..=SETUP_BYTES).contains(&long) {
        return Err(malformed("a message of the log-in has an impossible length"));
    }
    let mut body = vec![0; long - 4];
    stream.read_exact(&mut body).await?;
    Ok((kind, body.into()))
}

/// A message, made by what it holds.
pub fn message(kind: u8, fill: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut whole = BytesMut::new();
    whole.put_u8(kind);
    whole.put_u32(0);
    fill(&mut whole);
    let long = length(whole.len() - 1);
    if let Some(place) = whole.get_mut(1..5) {
        place.copy_from_slice(&long.to_be_bytes());
    }
    whole.freeze()
}

/// An `ErrorResponse`; text and hint hold no values.
#[must_use]
pub fn error(severity: &str, sqlstate: &str, text: &str, hint: Option<&str>) -> Bytes {
    message(b'E', |body| {
        for (field, value) in [(b'S', severity), (b'V', severity), (b'C', sqlstate), (b'M', text)] {
            body.put_u8(field);
            put_text(body, value);
        }
        if let Some(hint) = hint {
            body.put_u8(b'H');
            put_text(body, hint);
        }
        body.put_u8(0);
    })
}

/// SQLSTATE and message of an `ErrorResponse`.
#[must_use]
pub fn read_error(mut body: &[u8]) -> (String, String) {
    let (mut sqlstate, mut text) = (String::new(), String::new());
    while body.first().is_some_and(|field| *field != 0) {
        let field = body.get_u8();
        let Ok(value) = take_text(&mut body) else { break };
        match field {
            b'C' => sqlstate = value,
            b'M' => text = value,
            _ => {}
        }
    }
    (sqlstate, text)
}

/// Takes a text that ends with a zero byte.
pub fn take_text(rest: &mut &[u8]) -> io::Result<String> {
    let end = memchr::memchr(0, rest).ok_or_else(|| malformed("a text has no end"))?;
    let (text, behind) = rest.split_at(end);
    let text = std::str::from_utf8(text).map_err(|_| malformed("a text is not UTF-8"))?.to_owned();
    *rest = behind.get(1..).unwrap_or_default();
    Ok(text)
}

/// Appends a text and its zero byte; what follows a zero byte in it is left out.
pub fn put_text(body: &mut BytesMut, text: &str) {
    body.extend_from_slice(text.split('\0').next().unwrap_or_default().as_bytes());
    body.put_u8(0);
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Bytes that are not what the protocol says.
pub fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(version: u32, parameters: &[u8]) -> Vec<u8> {
        let mut packet = u32::try_from(8 + parameters.len()).unwrap().to_be_bytes().to_vec();
        packet.extend(version.to_be_bytes());
        packet.extend(parameters);
        packet
    }

    #[tokio::test]
    async fn a_start_is_read_and_written_without_what_is_newer() {
        let packet = start(3 << 16 | 2, b"user\0anna\0_pq_.x\x001\0database\0app\0\0");
        let First::Start(found) = first(&mut packet.as_slice()).await.unwrap() else { panic!("no start") };
        assert_eq!((found.minor, found.parameter("user"), found.parameter("database")), (2, Some("anna"), Some("app")));
        assert_eq!(found.packet(), start(3 << 16, b"user\0anna\0database\0app\0\0"));
        assert_eq!(
            found.negotiation().as_deref(),
            Some(b"v\x00\x00\x00\x13\x00\x03\x00\x00\x00\x00\x00\x01_pq_.x\x00".as_slice())
        );
    }

    #[tokio::test]
    async fn other_first_packets_are_told_apart() {
        assert_eq!(first(&mut start(TLS, b"").as_slice()).await.unwrap(), First::Tls);
        assert_eq!(first(&mut start(GSS, b"").as_slice()).await.unwrap(), First::Gss);
        let cancel = start(CANCEL, &[0, 0, 0, 9, 1, 2, 3, 4]);
        assert_eq!(first(&mut cancel.as_slice()).await.unwrap(), First::Cancel(cancel.clone().into()));
        for bad in [start(2 << 16, b"\0"), start(3 << 16, b"user"), b"GET / HTTP/1.1\r\n".to_vec(), vec![0, 0, 0, 4]] {
            first(&mut bad.as_slice()).await.unwrap_err();
        }
    }

    #[test]
    fn an_error_is_read_as_it_was_written() {
        let written = error("FATAL", "28P01", "no", Some("do"));
        assert_eq!(read_error(written.get(5..).unwrap()), ("28P01".to_owned(), "no".to_owned()));
    }
}
