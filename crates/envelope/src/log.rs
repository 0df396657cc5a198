//! Log records: the sealed account of one batch, chained by hash.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::Write;
use minicbor::{Decode, Encode, Encoder, encode};
use strongroom_crypto::{SealingKey, hash};
use strongroom_secret::SecretBytes;

use crate::body::{self, Body};
use crate::record::{self, Header, OpenBodyError, Tag};
use crate::{Generation, Id, RecordKey, RecordKind, Timestamp};

mod audit_entry;

pub use audit_entry::AuditEntry;

/// What one batch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// The number of the batch.
    pub epoch: u64,
    /// The life of the store it belongs to.
    pub incarnation: Id,
    /// When it was composed.
    pub time: Timestamp,
    /// The log hash of the batch before; zeros for the first of a store.
    pub previous: [u8; 32],
    /// The commits it held.
    pub commits: Vec<LoggedCommit>,
    /// The records it changed, in order.
    pub changes: Vec<LoggedChange>,
    /// The entries for the trail, in order.
    pub audit: Vec<AuditEntry>,
    /// What was durable in the trail when the batch was composed.
    pub audit_position: AuditPosition,
    /// How many indexed records there are after the batch.
    pub record_count: u64,
}

/// One commit of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCommit {
    /// Its id.
    pub id: Id,
    /// The digest of the request that made it.
    pub request_digest: [u8; 16],
    /// The reply it got, for a retry; empty when the reply held a secret.
    pub reply: Vec<u8>,
    /// Whether the caller gave the id, so that it is remembered for a day.
    pub keyed: bool,
}

/// One changed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedChange {
    /// Where the record lies.
    pub key: RecordKey,
    /// Its generation before; [`Generation::NONE`] when it was absent.
    pub old: Generation,
    /// Its generation now; [`Generation::NONE`] when it was deleted.
    pub new: Generation,
    /// Its tag now; zeros when it was deleted.
    pub tag: Tag,
    /// The tag of the name it was given; `None` when it has no name or keeps the one it had.
    pub name_tag: Option<NameTag>,
}

/// A place in the trail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditPosition {
    /// The number of the line.
    pub seq: u64,
    /// The SHA-256 of the line.
    pub head: [u8; 32],
}

/// A log record that cannot be: it contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogContradiction {
    /// The epoch is zero or beyond 48 bits.
    #[error("epoch {epoch} is not possible")]
    Epoch {
        /// The epoch.
        epoch: u64,
    },
    /// A changed record is of a kind that the index does not hold.
    #[error("the record {key} is not indexed")]
    NotIndexed {
        /// Where it lies.
        key: RecordKey,
    },
    /// A change's generations or its tag do not fit together.
    #[error("the change of {key} has generations or a tag that are not possible")]
    Change {
        /// Where it lies.
        key: RecordKey,
    },
}

/// A log record could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealing the log record of epoch {epoch}")]
pub struct SealLogError {
    /// The batch.
    pub epoch: u64,
    /// Why it could not be read back.
    #[source]
    pub contradiction: LogContradiction,
}

/// A log record could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenLogError {
    /// The record did not open or its body was refused.
    #[error("opening a log record")]
    Record(#[from] OpenBodyError),
    /// It is authentic and contradicts itself.
    #[error("reading an authentic log record")]
    Contradiction(#[from] LogContradiction),
}

impl LogRecord {
    /// Seals the record for its place and appends it to `out`; the log hash is [`log_hash`] of what was appended.
    ///
    /// # Errors
    /// When [`LogRecord::open`] would refuse it.
    pub fn seal(&self, sealing: &SealingKey, store_key_id: u32, out: &mut Vec<u8>) -> Result<Tag, SealLogError> {
        self.check().map_err(|contradiction| SealLogError { epoch: self.epoch, contradiction })?;
        out.reserve(self.size_hint());
        Ok(record::seal_body(
            sealing,
            store_key_id,
            RecordKey::log(self.epoch),
            Generation::new(self.epoch, Generation::LOG_INDEX),
            self,
            out,
        ))
    }

    /// Opens the log record of `epoch`; `scratch` is empty afterwards.
    ///
    /// # Errors
    /// See [`OpenLogError`].
    pub fn open(
        sealing: &SealingKey,
        epoch: u64,
        sealed: &[u8],
        scratch: &mut SecretBytes,
    ) -> Result<(Self, Header), OpenLogError> {
        let (header, log): (_, Self) = record::open_body(sealing, RecordKey::log(epoch), sealed, scratch)?;
        if log.epoch != epoch {
            return Err(LogContradiction::Epoch { epoch: log.epoch }.into());
        }
        log.check()?;
        Ok((log, header))
    }

    /// Whether the record agrees with itself.
    ///
    /// # Errors
    /// See [`LogContradiction`].
    pub fn check(&self) -> Result<(), LogContradiction> {
        let epoch = self.epoch;
        Generation::checked(epoch, 0).map_err(|_| LogContradiction::Epoch { epoch })?;
        for change in &self.changes {
            let key = change.key;
            if !key.kind.is_indexed() {
                return Err(LogContradiction::NotIndexed { key });
            }
            if !change.is_possible_in(epoch) {
                return Err(LogContradiction::Change { key });
            }
        }
        Ok(())
    }

    fn size_hint(&self) -> usize {
        let replies: usize = self.commits.iter().map(|commit| commit.reply.len()).sum();
        256 + self.commits.len() * 48 + replies + self.changes.len() * 64 + self.audit.len() * 160
    }
}

impl LoggedChange {
    /// True when the change deleted the record.
    #[must_use]
    pub const fn is_delete(&self) -> bool {
        self.new.is_none()
    }

    fn is_possible_in(&self, epoch: u64) -> bool {
        let old = self.old.is_none() || (1..=epoch).contains(&self.old.epoch());
        let new = if self.is_delete() {
            self.tag == [0; 16] && self.name_tag.is_none() && !self.old.is_none()
        } else {
            self.new.epoch() == epoch && self.old < self.new
        };
        old && new
    }
}

/// What log and snapshot remember of a record's name: enough to recognise it, not enough to tell it.
pub type NameTag = [u8; 8];

/// The name tag of a record of `kind` with this name.
#[must_use]
pub fn name_tag(kind: RecordKind, name: &str) -> NameTag {
    let digest = hash::sha256(&[&[kind.byte()], name.as_bytes()]);
    let mut tag = [0; 8];
    tag.copy_from_slice(&digest[..8]);
    tag
}

pub(crate) fn name_tag_bytes(tag: Option<NameTag>) -> NameTag {
    tag.unwrap_or_default()
}

pub(crate) fn name_tag_from(bytes: NameTag) -> Option<NameTag> {
    (bytes != [0; 8]).then_some(bytes)
}

/// The log hash of an epoch: the SHA-256 of its log record as stored.
#[must_use]
pub fn log_hash(sealed: &[u8]) -> [u8; 32] {
    hash::sha256(&[sealed])
}

impl Body for LogRecord {}

impl<C> Encode<C> for LogRecord {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.map(10)?.u8(0)?.u32(Self::VERSION)?;
        encoder.u8(1)?.u64(self.epoch)?;
        encoder.u8(2)?.bytes(&self.incarnation.0)?;
        encoder.u8(3)?.i64(self.time.0)?;
        encoder.u8(4)?.bytes(&self.previous)?;
        encoder.u8(5)?.array(self.commits.len() as u64)?;
        for commit in &self.commits {
            commit.write(encoder)?;
        }
        encoder.u8(6)?.array(self.changes.len() as u64)?;
        for change in &self.changes {
            change.write(encoder)?;
        }
        encoder.u8(7)?.array(self.audit.len() as u64)?;
        for entry in &self.audit {
            entry.write(encoder)?;
        }
        encoder.u8(8)?.array(2)?;
        encoder.u64(self.audit_position.seq)?;
        encoder.bytes(&self.audit_position.head)?;
        encoder.u8(9)?.u64(self.record_count)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for LogRecord {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let mut field = 0;
        let mut next = |decoder: &mut Decoder<'b>| {
            field += 1;
            body::expect_key(decoder, field)
        };
        decoder.map()?;
        body::expect_key(decoder, 0)?;
        decoder.u32()?;
        next(decoder)?;
        let epoch = decoder.u64()?;
        next(decoder)?;
        let incarnation = decoder.decode()?;
        next(decoder)?;
        let time = decoder.decode()?;
        next(decoder)?;
        let previous = body::fixed_bytes(decoder)?;
        next(decoder)?;
        let commits = body::items(decoder, LoggedCommit::LEAST, LoggedCommit::read)?;
        next(decoder)?;
        let changes = body::items(decoder, LoggedChange::LEAST, LoggedChange::read)?;
        next(decoder)?;
        let audit = body::items(decoder, AuditEntry::LEAST, AuditEntry::read)?;
        next(decoder)?;
        let audit_position = AuditPosition::read(decoder)?;
        next(decoder)?;
        let record_count = decoder.u64()?;
        Ok(Self { epoch, incarnation, time, previous, commits, changes, audit, audit_position, record_count })
    }
}

impl LoggedCommit {
    /// Array head, two byte strings of 16, an empty one, a bool: no commit takes fewer bytes.
    const LEAST: usize = 1 + 17 + 17 + 1 + 1;

    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
        encoder.array(4)?.bytes(&self.id.0)?;
        encoder.bytes(&self.request_digest)?;
        encoder.bytes(&self.reply)?.bool(self.keyed)?.ok()
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        body::array_of(decoder, 4)?;
        Ok(Self {
            id: decoder.decode()?,
            request_digest: body::fixed_bytes(decoder)?,
            reply: decoder.bytes()?.to_vec(),
            keyed: decoder.bool()?,
        })
    }
}

impl LoggedChange {
    /// Array head, byte string of 17, two numbers, byte strings of 16 and 8.
    const LEAST: usize = 1 + 18 + 1 + 1 + 17 + 9;

    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
        encoder.array(5)?.bytes(&self.key.to_bytes())?;
        encoder.u64(self.old.0)?.u64(self.new.0)?;
        encoder.bytes(&self.tag)?.bytes(&name_tag_bytes(self.name_tag))?.ok()
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        body::array_of(decoder, 5)?;
        Ok(Self {
            key: decoder.decode()?,
            old: decoder.decode()?,
            new: decoder.decode()?,
            tag: body::fixed_bytes(decoder)?,
            name_tag: name_tag_from(body::fixed_bytes(decoder)?),
        })
    }
}

impl AuditPosition {
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        body::array_of(decoder, 2)?;
        Ok(Self { seq: decoder.u64()?, head: body::fixed_bytes(decoder)? })
    }
}
