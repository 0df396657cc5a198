//! Trail lines: one JSON object each, with its fields in one order and one way to write each text.

use crate::log::AuditEntry;
use crate::{Id, Timestamp};

mod parse;
mod render;

pub use parse::{LineRefusal, parse};
pub use render::{append_mac, render, render_for_mac, render_for_signature};

/// One line of the trail. Empty texts and `None` are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The number of the line, from 1.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// The node whose trail it is.
    pub node: String,
    /// Who asked.
    pub principal: String,
    /// From where; may be empty.
    pub remote: String,
    /// What was asked, or what the trail itself did.
    pub operation: String,
    /// About what: a name or an id, never a value; may be empty.
    pub target: String,
    /// The application key that was used.
    pub key: Option<Id>,
    /// The version of that key.
    pub key_version: Option<u32>,
    /// `ok`, or an error code.
    pub outcome: String,
    /// How many items, for a batch request.
    pub count: Option<u64>,
    /// The names of the values' contexts, without their texts.
    pub context: Vec<String>,
    /// The request's id.
    pub request: Option<Id>,
    /// The batch, for a change.
    pub epoch: Option<u64>,
    /// The place of the entry in its batch.
    pub index: Option<u32>,
    /// A(epoch), on the last line of a batch.
    pub anchor: Option<[u8; 32]>,
    /// Only on `audit.begin` and `audit.checkpoint`.
    pub checkpoint: Option<Checkpoint>,
    /// The SHA-256 of the line before; zeros on line 1.
    pub prev: [u8; 32],
    /// The stepping MAC.
    pub mac: Option<[u8; 16]>,
}

/// What a checkpoint line says about the one-time keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of the checkpoint, 0 on line 1.
    pub number: u64,
    /// The public key that signs the next one.
    pub next_key: [u8; 32],
    /// The signature with the key before; none on line 1.
    pub signature: Option<[u8; 64]>,
}

impl Line {
    /// The line of an entry of the batch `epoch`; number, node, chain and MAC are the trail's to fill in.
    #[must_use]
    pub fn of_entry(entry: &AuditEntry, epoch: u64, index: u32) -> Self {
        Self { epoch: Some(epoch), index: Some(index), ..Self::from(entry) }
    }

    /// The entry that this line tells.
    #[must_use]
    pub fn to_entry(&self) -> AuditEntry {
        AuditEntry {
            time: self.time,
            principal: self.principal.clone(),
            remote: self.remote.clone(),
            operation: self.operation.clone(),
            target: self.target.clone(),
            key: self.key,
            key_version: self.key_version.unwrap_or(0),
            outcome: self.outcome.clone(),
            count: self.count.unwrap_or(0),
            request: self.request.unwrap_or(Id::NIL),
            context: self.context.clone(),
        }
    }
}

impl From<&AuditEntry> for Line {
    /// A line without a place in a batch; key version 0, count 0 and a request id of zeros are left out.
    fn from(entry: &AuditEntry) -> Self {
        Self {
            time: entry.time,
            principal: entry.principal.clone(),
            remote: entry.remote.clone(),
            operation: entry.operation.clone(),
            target: entry.target.clone(),
            key: entry.key,
            key_version: (entry.key_version != 0).then_some(entry.key_version),
            outcome: entry.outcome.clone(),
            count: (entry.count != 0).then_some(entry.count),
            context: entry.context.clone(),
            request: (!entry.request.is_nil()).then_some(entry.request),
            ..Self::default()
        }
    }
}
