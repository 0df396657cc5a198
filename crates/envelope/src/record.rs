//! Sealed records: the header, the place they are bound to, sealing and opening.

use core::ops::Range;

use strongroom_crypto::{COMMITMENT, NONCE, OVERHEAD, SealingKey, TAG, labels};
use strongroom_secret::SecretBytes;

use crate::body::{self, Body, BodyError};
use crate::{Generation, RecordKey, RecordKind};

/// What log and index remember of a record: the 16 bytes of its authentication tag.
pub type Tag = [u8; TAG];

/// The clear part of a sealed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The store key it is sealed under; 0 for the keyring.
    pub store_key_id: u32,
    /// The write that made it.
    pub generation: Generation,
    /// Its authentication tag.
    pub tag: Tag,
}

/// The bytes do not have the form of a sealed record at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRefusal {
    /// Shorter than the shortest sealed record.
    #[error("a sealed record has at least {LEAST_LENGTH} bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// Another format.
    #[error("record format {found} is not known")]
    Format {
        /// The format found.
        found: u8,
    },
    /// The kind is not the record key's.
    #[error("a record of kind 0x{found:02x} lies at the place of a {expected}")]
    Kind {
        /// The kind that the record key names.
        expected: RecordKind,
        /// The kind found.
        found: u8,
    },
    /// Another suite.
    #[error("record suite 0x{found:04x} is not known")]
    Suite {
        /// The suite found.
        found: u16,
    },
    /// The store key id is one that a record of this kind cannot have.
    #[error("store key id {found:08x} is not possible for a {kind}")]
    StoreKey {
        /// The kind of the record.
        kind: RecordKind,
        /// The store key id found.
        found: u32,
    },
    /// The generation is one that the record at this place cannot have.
    #[error("generation {found} is not possible for the record {key}")]
    Generation {
        /// Where the record lies.
        key: RecordKey,
        /// The generation found.
        found: Generation,
    },
    /// Records of this kind are not sealed.
    #[error("a protector record is not sealed")]
    NotSealed,
}

/// A sealed record could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It does not have the form of a sealed record.
    #[error("parsing a sealed record")]
    Refused(#[from] ParseRefusal),
    /// It does not authenticate under this key at this place.
    #[error("the record does not authenticate")]
    Unauthentic,
}

/// A sealed record could not be opened into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenBodyError {
    /// The record did not open.
    #[error("opening the record")]
    Record(#[from] RecordError),
    /// The record is authentic and its body was refused.
    #[error("decoding the body of an authentic record")]
    Body(#[from] BodyError),
}

/// Seals `body` for the place `key` and appends the record to `out`.
///
/// # Panics
/// When asked to seal what [`parse`] would refuse: a protector record, a keyring under a store key, anything else
/// without one, or a generation that the place cannot have.
pub fn seal(
    sealing: &SealingKey,
    store_key_id: u32,
    key: RecordKey,
    generation: Generation,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Tag {
    out.reserve(LEAST_LENGTH + body.len());
    seal_written(sealing, store_key_id, key, generation, out, |out| {
        out.extend_from_slice(body);
    })
}

/// Reads the header of the record that lies at `key`, and refuses what no program of ours writes there.
///
/// # Errors
/// See [`ParseRefusal`]. Nothing is authenticated yet.
pub fn parse(key: RecordKey, sealed: &[u8]) -> Result<Header, ParseRefusal> {
    if key.kind == RecordKind::Protector {
        return Err(ParseRefusal::NotSealed);
    }
    let length = sealed.len();
    if length < LEAST_LENGTH {
        return Err(ParseRefusal::Length { length });
    }
    let head = Head::split(sealed).ok_or(ParseRefusal::Length { length })?;
    if head.format != FORMAT {
        return Err(ParseRefusal::Format { found: head.format });
    }
    if head.kind != key.kind.byte() {
        return Err(ParseRefusal::Kind { expected: key.kind, found: head.kind });
    }
    if head.suite != SUITE {
        return Err(ParseRefusal::Suite { found: head.suite });
    }
    check_head(key, head.store_key_id, head.generation)?;
    let tag =
        sealed.get(tag_range(length)).and_then(|tag| tag.try_into().ok()).ok_or(ParseRefusal::Length { length })?;
    Ok(Header { store_key_id: head.store_key_id, generation: head.generation, tag })
}

/// Opens the record that lies at `key`; `out` then holds its body and nothing else.
///
/// # Errors
/// [`RecordError::Refused`] for what [`parse`] refuses, [`RecordError::Unauthentic`] when it does not authenticate;
/// `out` is empty then.
pub fn open(sealing: &SealingKey, key: RecordKey, sealed: &[u8], out: &mut SecretBytes) -> Result<Header, RecordError> {
    out.truncate(0);
    let header = parse(key, sealed)?;
    let (head, rest) = sealed.split_at(HEAD_LENGTH);
    sealing
        .open_append(&[labels::RECORD.as_bytes(), &key.to_bytes(), head], rest, out)
        .map_err(|_| RecordError::Unauthentic)?;
    Ok(header)
}

/// Opens the record that lies at `key` and keeps nothing of it: `scratch` is empty afterwards.
///
/// # Errors
/// As [`open`].
pub fn verify(
    sealing: &SealingKey,
    key: RecordKey,
    sealed: &[u8],
    scratch: &mut SecretBytes,
) -> Result<Header, RecordError> {
    let opened = open(sealing, key, sealed, scratch);
    scratch.truncate(0);
    opened
}

/// Opens the record that lies at `key` and decodes its body; `scratch` is empty afterwards.
///
/// # Errors
/// As [`open`] and [`body::decode_strict`].
pub fn open_body<T: Body>(
    sealing: &SealingKey,
    key: RecordKey,
    sealed: &[u8],
    scratch: &mut SecretBytes,
) -> Result<(Header, T), OpenBodyError> {
    let header = open(sealing, key, sealed, scratch)?;
    let body = body::decode_strict(scratch.expose());
    scratch.truncate(0);
    Ok((header, body?))
}

/// Seals a body for the place `key` and appends the record to `out`. The body is encoded where it is sealed: there is
/// no other copy of it.
///
/// # Panics
/// As [`seal`].
pub fn seal_body<T: Body>(
    sealing: &SealingKey,
    store_key_id: u32,
    key: RecordKey,
    generation: Generation,
    body: &T,
    out: &mut Vec<u8>,
) -> Tag {
    seal_written(sealing, store_key_id, key, generation, out, |out| {
        body::encode_into(body, out);
    })
}

/// Lets `write` append the body to `out`, and seals it there.
fn seal_written(
    sealing: &SealingKey,
    store_key_id: u32,
    key: RecordKey,
    generation: Generation,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> Tag {
    let possible = check_head(key, store_key_id, generation);
    assert!(possible.is_ok(), "sealing a record that cannot be read: {possible:?}");
    let head = head_bytes(store_key_id, key.kind, generation);
    out.extend_from_slice(&head);
    let start = out.len();
    out.extend_from_slice(&[0; NONCE]);
    write(out);
    out.extend_from_slice(&[0; TAG + COMMITMENT]);
    sealing.seal_in_place(&[labels::RECORD.as_bytes(), &key.to_bytes(), &head], &mut out[start..]);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&out[tag_range(out.len())]);
    tag
}

/// The clear bytes 0..16 of every record, the protector's included.
pub(crate) struct Head {
    pub(crate) format: u8,
    pub(crate) kind: u8,
    pub(crate) suite: u16,
    pub(crate) store_key_id: u32,
    pub(crate) generation: Generation,
}

impl Head {
    pub(crate) fn split(bytes: &[u8]) -> Option<Self> {
        let (&[format, kind, s0, s1, k0, k1, k2, k3], rest) = bytes.split_first_chunk::<8>()?;
        let (generation, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            format,
            kind,
            suite: u16::from_be_bytes([s0, s1]),
            store_key_id: u32::from_be_bytes([k0, k1, k2, k3]),
            generation: Generation(u64::from_be_bytes(*generation)),
        })
    }

    pub(crate) fn to_bytes(&self) -> [u8; HEAD_LENGTH] {
        let mut bytes = [0; HEAD_LENGTH];
        bytes[0] = self.format;
        bytes[1] = self.kind;
        bytes[2..4].copy_from_slice(&self.suite.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.store_key_id.to_be_bytes());
        bytes[8..].copy_from_slice(&self.generation.0.to_be_bytes());
        bytes
    }
}

/// True when the record at `key` can be of this generation.
pub(crate) fn generation_is_possible(key: RecordKey, generation: Generation) -> bool {
    let epoch = generation.epoch();
    match key.kind {
        RecordKind::Log => key.epoch() == Some(epoch) && epoch > 0 && generation.index() == Generation::LOG_INDEX,
        RecordKind::Snapshot => {
            key.epoch() == Some(epoch) && epoch > 0 && generation.index() == Generation::SNAPSHOT_INDEX
        }
        _ => epoch > 0 && generation.index() < Generation::SNAPSHOT_INDEX,
    }
}

fn head_bytes(store_key_id: u32, kind: RecordKind, generation: Generation) -> [u8; HEAD_LENGTH] {
    Head { format: FORMAT, kind: kind.byte(), suite: SUITE, store_key_id, generation }.to_bytes()
}

fn check_head(key: RecordKey, store_key_id: u32, generation: Generation) -> Result<(), ParseRefusal> {
    let kind = key.kind;
    if kind == RecordKind::Protector {
        return Err(ParseRefusal::NotSealed);
    }
    if (store_key_id == 0) != (kind == RecordKind::Keyring) {
        return Err(ParseRefusal::StoreKey { kind, found: store_key_id });
    }
    if !generation_is_possible(key, generation) {
        return Err(ParseRefusal::Generation { key, found: generation });
    }
    Ok(())
}

fn tag_range(length: usize) -> Range<usize> {
    length - COMMITMENT - TAG..length - COMMITMENT
}

/// The length of a sealed record with an empty body.
pub const LEAST_LENGTH: usize = HEAD_LENGTH + OVERHEAD;
/// How many clear bytes stand before the nonce.
pub const HEAD_LENGTH: usize = 16;
pub(crate) const FORMAT: u8 = 1;
const SUITE: u16 = 0x0001;
