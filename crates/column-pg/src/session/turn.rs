//! How the session goes on: bytes that wait, groups of messages, the state of the transaction.

use bytes::{Buf, Bytes, BytesMut};

use super::mode::Change;
use super::{HELD_BYTES, Session};
use crate::wire::frame::{self, Header};
use crate::wire::{Malformed, backend};

/// Bytes of one side that are no whole message yet, or wait.
#[derive(Default)]
pub(super) struct Inbox {
    held: BytesMut,
    /// Bytes of a message that go through as they come.
    passing: usize,
    /// Whether the first message waits for something other than its own end.
    pub(super) waits: bool,
}

/// Messages longer than this go through in pieces where nothing looks at them.
const PIECES_FROM: usize = 64 * 1024;

/// The messages of the client up to a Sync or Query.
#[derive(Default)]
pub(super) struct Group {
    /// Counts them.
    pub(super) number: u64,
    /// Whether anything of it was sent to the server.
    pub(super) begun: bool,
    /// Whether the rest of it is dropped, as the server does after an error.
    pub(super) skipping: bool,
    /// Whether the server was asked to send what it has since the last message.
    pub(super) flushed: bool,
}

/// What is known of the server's transaction.
pub(super) struct Transaction {
    /// As the last ReadyForQuery told: `I`, `T` or `E`.
    pub(super) status: u8,
    /// Whether a block has begun, also by a command since then.
    pub(super) in_block: bool,
    /// Whether names were changed since it began.
    pub(super) names_changed: bool,
    /// What was before mode or settings were.
    pub(super) change: Option<Change>,
}

impl Default for Transaction {
    fn default() -> Self {
        Self { status: b'I', in_block: false, names_changed: false, change: None }
    }
}

/// Whether something was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    Soon,
    Waiting,
}

/// What became of a message.
pub(super) enum Step {
    /// It was dealt with.
    Done,
    /// It waits for a key or a catalogue, and is looked at again.
    Wait,
}

impl Inbox {
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Enough waits, and not only for the end of a message.
    pub(super) fn paused(&self, waits: bool) -> bool {
        waits && self.held.len() >= HELD_BYTES
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Result<Option<(u8, Bytes)>, Malformed> {
        let Some(Header { tag, length }) = frame::header(&self.held)? else {
            return Ok(None);
        };
        if self.held.len() < length {
            self.held.reserve(length - self.held.len());
            return Ok(None);
        }
        Ok(Some((tag, self.held.split_to(length).freeze())))
    }
}

impl Session {
    /// Goes on with the client's messages as far as that is possible.
    pub(super) fn pump(&mut self) {
        while self.ending.is_none() {
            if let Some(job) = self.job.take() {
                self.resume(job);
                if self.job.is_some() {
                    return;
                }
                continue;
            }
            match self.client.next() {
                Ok(Some((tag, message))) => {
                    self.reloaded = false;
                    self.on_client(tag, message);
                }
                Ok(None) => return,
                Err(malformed) => self.end("08P01", format!("the client sent no message of the protocol: {malformed}")),
            }
        }
    }

    /// Goes on with the server's messages: those that wait, then `bytes`.
    pub(super) fn take_server(&mut self, bytes: &[u8]) {
        if self.ending.is_some() {
            return;
        }
        if self.server.held.is_empty() {
            let used = self.read_server(bytes);
            self.server.extend(bytes.get(used..).unwrap_or_default());
            return;
        }
        let mut held = std::mem::take(&mut self.server.held);
        held.extend_from_slice(bytes);
        let used = self.read_server(&held);
        held.advance(used.min(held.len()));
        self.server.held = held;
    }

    /// Reads messages from the front of `bytes`; how many bytes were dealt with. Messages that nothing looks at are sent on
    /// together.
    fn read_server(&mut self, bytes: &[u8]) -> usize {
        self.server.waits = false;
        let mut at = self.server.passing.min(bytes.len());
        self.server.passing -= at;
        let mut run = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty() && self.ending.is_none()) {
            let header = match frame::header(rest) {
                Ok(Some(header)) => header,
                Ok(None) => break,
                Err(malformed) => {
                    self.broken_server(malformed);
                    break;
                }
            };
            let passes = self.passes(header.tag);
            let Some(message) = rest.get(..header.length) else {
                if passes && header.length >= PIECES_FROM {
                    self.server.passing = header.length - rest.len();
                    at = bytes.len();
                }
                break;
            };
            if passes {
                at += header.length;
                continue;
            }
            self.to_client.extend_from_slice(bytes.get(run..at).unwrap_or_default());
            run = at;
            match self.on_server(header.tag, message) {
                Ok(Step::Done) => {
                    at += header.length;
                    run = at;
                }
                Ok(Step::Wait) => {
                    self.server.waits = true;
                    break;
                }
                Err(malformed) => self.broken_server(malformed),
            }
        }
        self.to_client.extend_from_slice(bytes.get(run..at).unwrap_or_default());
        at
    }

    /// Whether a message of the server goes through unread.
    fn passes(&self, tag: u8) -> bool {
        match tag {
            backend::DATA_ROW => !self.draining && self.rows_pass(),
            backend::COPY_DATA => {
                !self.draining && self.copying.as_ref().is_some_and(super::copying::Copying::passes_out)
            }
            backend::NOTICE | backend::NOTIFICATION => true,
            _ => false,
        }
    }

    pub(super) fn broken_server(&mut self, malformed: Malformed) {
        self.end("08P01", format!("the server sent what is not understood: {malformed}"));
    }
}
