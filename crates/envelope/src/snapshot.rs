//! Index snapshots: what the store is expected to hold, written down in sealed pages.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::Write;
use minicbor::{Decode, Encode, Encoder, encode};
use strongroom_crypto::SealingKey;
use strongroom_secret::SecretBytes;

use crate::body::{self, Body};
use crate::log::{self, NameTag};
use crate::record::{self, Header, OpenBodyError, Tag};
use crate::{Generation, Id, RecordKey, Timestamp};

mod assembly;

pub use assembly::{Assembly, AssemblyRefusal};

/// One line of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Where the record lies.
    pub key: RecordKey,
    /// The write that the store is expected to hold.
    pub generation: Generation,
    /// The tag of that write.
    pub tag: Tag,
    /// The tag of its name, if it has one.
    pub name_tag: Option<NameTag>,
}

/// A commit that came with a key of the caller's, remembered for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedCommit {
    /// Its id.
    pub id: Id,
    /// The batch it was in.
    pub epoch: u64,
    /// When, in milliseconds since 1970.
    pub time: Timestamp,
}

/// What all pages of a snapshot say alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHead {
    /// The batch after which the index was taken.
    pub epoch: u64,
    /// The life of the store.
    pub incarnation: Id,
    /// The log hash of the epoch.
    pub log_hash: [u8; 32],
}

/// One page of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What all pages say alike.
    pub head: SnapshotHead,
    /// The number of this page, from 0.
    pub page: u64,
    /// How many pages there are.
    pub pages: u64,
    /// Index entries, in rising order over all pages.
    pub entries: Vec<IndexEntry>,
    /// Keyed commits.
    pub commits: Vec<KeyedCommit>,
    /// How many indexed records the whole snapshot has.
    pub record_count: u64,
}

/// Splits an index into pages of at most [`MOST_PAGE_BYTES`] each, and at least one.
///
/// `entries` come in rising order of their keys.
pub fn pages<I>(head: SnapshotHead, entries: I, commits: &[KeyedCommit]) -> impl Iterator<Item = Page> + use<'_, I>
where
    I: ExactSizeIterator<Item = IndexEntry>,
{
    let record_count = entries.len();
    let pages = page_count(record_count, commits.len());
    let mut entries = entries;
    let mut commits = commits.iter().copied();
    (0..pages).map(move |page| {
        let mut room = PAGE_ROOM;
        let here: Vec<IndexEntry> = entries.by_ref().take(room / IndexEntry::LENGTH).collect();
        room -= here.len() * IndexEntry::LENGTH;
        Page {
            head,
            page,
            pages,
            entries: here,
            commits: commits.by_ref().take(room / KeyedCommit::LENGTH).collect(),
            record_count: record_count as u64,
        }
    })
}

impl Page {
    /// Where this page lies.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        RecordKey::snapshot(self.head.epoch, self.page)
    }

    /// Seals the page for its place and appends the record to `out`.
    ///
    /// # Panics
    /// When the epoch is zero or beyond 48 bits.
    pub fn seal(&self, sealing: &SealingKey, store_key_id: u32, out: &mut Vec<u8>) -> Tag {
        out.reserve(256 + self.entries.len() * IndexEntry::LENGTH + self.commits.len() * KeyedCommit::LENGTH);
        record::seal_body(
            sealing,
            store_key_id,
            self.record_key(),
            Generation::new(self.head.epoch, Generation::SNAPSHOT_INDEX),
            self,
            out,
        )
    }

    /// Opens the page that lies at `key`; `scratch` is empty afterwards.
    ///
    /// # Errors
    /// When the record does not open, or its body is not that of this page.
    pub fn open(
        sealing: &SealingKey,
        key: RecordKey,
        sealed: &[u8],
        scratch: &mut SecretBytes,
    ) -> Result<(Self, Header), OpenBodyError> {
        let (header, page): (_, Self) = record::open_body(sealing, key, sealed, scratch)?;
        if page.record_key() == key { Ok((page, header)) } else { Err(body::BodyError::Malformed.into()) }
    }
}

impl Body for Page {}

impl<C> Encode<C> for Page {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.map(9)?.u8(0)?.u32(Self::VERSION)?;
        encoder.u8(1)?.u64(self.head.epoch)?;
        encoder.u8(2)?.u64(self.page)?;
        encoder.u8(3)?.u64(self.pages)?;
        encoder.u8(4)?.bytes(&self.head.incarnation.0)?;
        encoder.u8(5)?.bytes(&self.head.log_hash)?;
        encoder.u8(6)?;
        packed(encoder, &self.entries, IndexEntry::to_bytes)?;
        encoder.u8(7)?;
        packed(encoder, &self.commits, KeyedCommit::to_bytes)?;
        encoder.u8(8)?.u64(self.record_count)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Page {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        decoder.map()?;
        body::expect_key(decoder, 0)?;
        decoder.u32()?;
        body::expect_key(decoder, 1)?;
        let epoch = decoder.u64()?;
        body::expect_key(decoder, 2)?;
        let page = decoder.u64()?;
        body::expect_key(decoder, 3)?;
        let pages = decoder.u64()?;
        body::expect_key(decoder, 4)?;
        let incarnation = decoder.decode()?;
        body::expect_key(decoder, 5)?;
        let log_hash = body::fixed_bytes(decoder)?;
        body::expect_key(decoder, 6)?;
        let entries = unpacked(decoder.bytes()?, IndexEntry::from_bytes)?;
        body::expect_key(decoder, 7)?;
        let commits = unpacked(decoder.bytes()?, KeyedCommit::from_bytes)?;
        body::expect_key(decoder, 8)?;
        let record_count = decoder.u64()?;
        if page >= pages || entries.windows(2).any(|pair| pair[0].key >= pair[1].key) {
            return Err(DecodeError::message("not a page of a snapshot"));
        }
        Ok(Self { head: SnapshotHead { epoch, incarnation, log_hash }, page, pages, entries, commits, record_count })
    }
}

impl IndexEntry {
    /// How many bytes an entry takes.
    pub const LENGTH: usize = RecordKey::LENGTH + 8 + 16 + 8;

    fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..17].copy_from_slice(&self.key.to_bytes());
        bytes[17..25].copy_from_slice(&self.generation.0.to_be_bytes());
        bytes[25..41].copy_from_slice(&self.tag);
        bytes[41..].copy_from_slice(&log::name_tag_bytes(self.name_tag));
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<17>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let entry = Self {
            key: RecordKey::from_bytes(key).ok()?,
            generation: Generation(u64::from_be_bytes(*generation)),
            tag: *rest.first_chunk::<16>()?,
            name_tag: log::name_tag_from(*rest.last_chunk::<8>()?),
        };
        let possible = entry.key.kind.is_indexed() && record::generation_is_possible(entry.key, entry.generation);
        possible.then_some(entry)
    }
}

impl KeyedCommit {
    /// How many bytes a commit takes.
    pub const LENGTH: usize = 16 + 8 + 8;

    fn to_bytes(self) -> [u8; Self::LENGTH] {
        let time = u64::try_from(self.time.0).unwrap_or(0);
        let mut bytes = [0; Self::LENGTH];
        bytes[..16].copy_from_slice(&self.id.0);
        bytes[16..24].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[24..].copy_from_slice(&time.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*rest.first_chunk::<8>()?);
        Some(Self { id: Id(*id), epoch: u64::from_be_bytes(*epoch), time: Timestamp(i64::try_from(time).ok()?) })
    }
}

fn page_count(entries: usize, commits: usize) -> u64 {
    let (full, left) = (entries / ENTRIES_PER_PAGE, entries % ENTRIES_PER_PAGE);
    let beside = if left == 0 { 0 } else { (PAGE_ROOM - left * IndexEntry::LENGTH) / KeyedCommit::LENGTH };
    // A page full of entries has no room left over for commits: PAGE_ROOM is a multiple of an entry.
    let alone = commits.saturating_sub(beside);
    let pages = full + usize::from(left > 0) + alone.div_ceil(COMMITS_PER_PAGE);
    pages.max(1) as u64
}

fn packed<W: Write, T: Copy, const N: usize>(
    encoder: &mut Encoder<W>,
    items: &[T],
    to_bytes: impl Fn(T) -> [u8; N],
) -> Result<(), encode::Error<W::Error>> {
    encoder.bytes_len((items.len() * N) as u64)?;
    for item in items {
        encoder.writer_mut().write_all(&to_bytes(*item)).map_err(encode::Error::write)?;
    }
    Ok(())
}

fn unpacked<T, const N: usize>(
    bytes: &[u8],
    from_bytes: impl Fn(&[u8; N]) -> Option<T>,
) -> Result<Vec<T>, DecodeError> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(DecodeError::message("packed entries of another length"));
    }
    chunks.iter().map(|chunk| from_bytes(chunk).ok_or_else(|| DecodeError::message("a packed entry"))).collect()
}

/// The longest page as stored.
pub const MOST_PAGE_BYTES: usize = 512 * 1024;
/// What entries and commits may take of a page: the rest is its other fields and the seal.
const PAGE_ROOM: usize = ENTRIES_PER_PAGE * IndexEntry::LENGTH;
const ENTRIES_PER_PAGE: usize = (MOST_PAGE_BYTES - 256) / IndexEntry::LENGTH;
const COMMITS_PER_PAGE: usize = PAGE_ROOM / KeyedCommit::LENGTH;
