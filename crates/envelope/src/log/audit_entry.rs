//! Audit entries as log records carry them.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::Write;
use minicbor::{Encoder, encode};

use crate::body;
use crate::{Id, Timestamp};

/// What a trail line says, before the trail gives it a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it happened.
    pub time: Timestamp,
    /// Who asked.
    pub principal: String,
    /// From where; empty when nobody outside asked.
    pub remote: String,
    /// What was asked.
    pub operation: String,
    /// About what: a name or an id, never a value; may be empty.
    pub target: String,
    /// The application key that was used.
    pub key: Option<Id>,
    /// The version of that key; 0 without one.
    pub key_version: u32,
    /// `ok`, or an error code.
    pub outcome: String,
    /// How many items, for a batch request; else 0.
    pub count: u64,
    /// The request's id; zeros when nobody asked.
    pub request: Id,
    /// The names of the values' contexts, without their texts.
    pub context: Vec<String>,
}

impl AuditEntry {
    /// Array head and ten fields, of which one has sixteen bytes.
    pub(super) const LEAST: usize = 1 + 9 + 17;

    pub(super) fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
        let key = self.key.as_ref().map_or(&[][..], |key| &key.0);
        encoder.array(10 + u64::from(!self.context.is_empty()))?.i64(self.time.0)?;
        encoder.str(&self.principal)?.str(&self.remote)?;
        encoder.str(&self.operation)?.str(&self.target)?;
        encoder.bytes(key)?.u32(self.key_version)?;
        encoder.str(&self.outcome)?.u64(self.count)?;
        encoder.bytes(&self.request.0)?;
        if !self.context.is_empty() {
            encoder.array(self.context.len() as u64)?;
            for name in &self.context {
                encoder.str(name)?;
            }
        }
        Ok(())
    }

    pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let fields = decoder.array()?;
        if !matches!(fields, Some(10 | 11)) {
            return Err(DecodeError::message("an array of another length"));
        }
        Ok(Self {
            time: decoder.decode()?,
            principal: decoder.str()?.to_owned(),
            remote: decoder.str()?.to_owned(),
            operation: decoder.str()?.to_owned(),
            target: decoder.str()?.to_owned(),
            key: match decoder.bytes()? {
                [] => None,
                id => Some(Id::from_slice(id).map_err(DecodeError::message)?),
            },
            key_version: decoder.u32()?,
            outcome: decoder.str()?.to_owned(),
            count: decoder.u64()?,
            request: decoder.decode()?,
            context: match fields {
                Some(11) => body::items(decoder, 1, |decoder| Ok(decoder.str()?.to_owned()))?,
                _ => Vec::new(),
            },
        })
    }
}
