//! Reading a trail line back, in the one form that it is written in.

use serde::Deserialize;

use super::{Checkpoint, Line, render};
use crate::{Id, Timestamp, hexadecimal};

/// The bytes are not a trail line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineRefusal {
    /// Not JSON, or not the object of a trail line: perhaps torn.
    #[error("the bytes are not a JSON object of a trail line")]
    Json,
    /// A field does not hold what it must.
    #[error("the field {field} of the trail line is malformed")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// It says something, but not in the form in which a trail line is written.
    #[error("the trail line is not written in the one form it has")]
    Form,
}

/// Reads a line, without its line feed; what [`render`] would write otherwise in one byte is refused.
///
/// # Errors
/// See [`LineRefusal`].
pub fn parse(bytes: &[u8]) -> Result<Line, LineRefusal> {
    let written: Written = serde_json::from_slice(bytes).map_err(|_| LineRefusal::Json)?;
    let line = written.into_line()?;
    let mut again = Vec::with_capacity(bytes.len() + 1);
    render(&line, &mut again);
    if again == bytes { Ok(line) } else { Err(LineRefusal::Form) }
}

/// The fields as JSON holds them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    seq: u64,
    time: String,
    node: String,
    principal: String,
    remote: Option<String>,
    operation: String,
    target: Option<String>,
    key: Option<String>,
    key_version: Option<u32>,
    outcome: String,
    count: Option<u64>,
    context: Option<Vec<String>>,
    request: Option<String>,
    epoch: Option<u64>,
    index: Option<u32>,
    anchor: Option<String>,
    checkpoint: Option<WrittenCheckpoint>,
    prev: String,
    mac: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCheckpoint {
    number: u64,
    next_key: String,
    signature: Option<String>,
}

impl Written {
    fn into_line(self) -> Result<Line, LineRefusal> {
        Ok(Line {
            seq: self.seq,
            time: Timestamp::parse(&self.time).map_err(|_| LineRefusal::Field { field: "time" })?,
            node: self.node,
            principal: self.principal,
            remote: self.remote.unwrap_or_default(),
            operation: self.operation,
            target: self.target.unwrap_or_default(),
            key: id("key", self.key)?,
            key_version: self.key_version,
            outcome: self.outcome,
            count: self.count,
            context: self.context.unwrap_or_default(),
            request: id("request", self.request)?,
            epoch: self.epoch,
            index: self.index,
            anchor: optional_bytes("anchor", self.anchor)?,
            checkpoint: self.checkpoint.map(WrittenCheckpoint::into_checkpoint).transpose()?,
            prev: bytes("prev", &self.prev)?,
            mac: optional_bytes("mac", self.mac)?,
        })
    }
}

impl WrittenCheckpoint {
    fn into_checkpoint(self) -> Result<Checkpoint, LineRefusal> {
        Ok(Checkpoint {
            number: self.number,
            next_key: bytes("next_key", &self.next_key)?,
            signature: optional_bytes("signature", self.signature)?,
        })
    }
}

fn id(field: &'static str, text: Option<String>) -> Result<Option<Id>, LineRefusal> {
    text.map(|text| Id::parse(&text).map_err(|_| LineRefusal::Field { field })).transpose()
}

fn optional_bytes<const N: usize>(field: &'static str, text: Option<String>) -> Result<Option<[u8; N]>, LineRefusal> {
    text.map(|text| bytes(field, &text)).transpose()
}

fn bytes<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], LineRefusal> {
    hexadecimal::parse(text).ok_or(LineRefusal::Field { field })
}
