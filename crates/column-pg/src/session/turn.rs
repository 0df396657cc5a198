//! How the session goes on: bytes that wait, groups of messages, the state of the transaction.

use bytes::{Buf, BytesMut};

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
}

impl Session {
    /// Takes bytes of the client's behind those that wait.
    pub(super) fn take_client(&mut self, bytes: &[u8]) {
        let used = if self.client.held.is_empty() && self.job.is_none() { self.read_client(bytes) } else { 0 };
        self.client.extend(bytes.get(used..).unwrap_or_default());
        self.pump();
    }

    /// Goes on with the client's messages as far as that is possible.
    pub(super) fn pump(&mut self) {
        while self.ending.is_none() {
            if let Some(job) = self.job.take() {
                self.resume(job);
                if self.job.is_some() {
                    return;
                }
            }
            if self.client.held.is_empty() {
                return;
            }
            let mut held = std::mem::take(&mut self.client.held);
            let used = self.read_client(&held);
            held.advance(used);
            if !held.is_empty() {
                self.client.held = held;
            }
            if self.job.is_none() {
                return;
            }
        }
    }

    /// Deals with messages at the front of `bytes` until one has to wait; how many bytes were dealt with.
    fn read_client(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while self.ending.is_none() && self.job.is_none() {
            let rest = bytes.get(at..).unwrap_or_default();
            match frame::header(rest) {
                Ok(Some(Header { tag, length })) => {
                    let Some(message) = rest.get(..length) else { break };
                    at += length;
                    self.reloaded = false;
                    self.on_client(tag, message.into());
                }
                Ok(None) => break,
                Err(malformed) => self.end("08P01", format!("the client sent no message of the protocol: {malformed}")),
            }
        }
        at
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
