//! The anchor: what is remembered outside the data directory about the newest epoch.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use strongroom_crypto::{derive, hash, labels, mac};
use strongroom_secret::{AnchorKey, RootKey};

use crate::{Id, hexadecimal};

/// One slot of the anchor file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// One more with every write; the slot with the higher one is the newer.
    pub counter: u64,
    /// The store.
    pub store_id: Id,
    /// The life of the store.
    pub incarnation: Id,
    /// By which the root key is recognised.
    pub root_id: [u8; 16],
    /// The newest epoch.
    pub epoch: u64,
    /// The [`authenticator`] of that epoch.
    pub authenticator: [u8; 32],
    /// The number of the last trail line.
    pub audit_seq: u64,
    /// The SHA-256 of the last trail line.
    pub audit_head: [u8; 32],
}

/// The bytes are not a whole slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotRefusal {
    /// Another number of bytes.
    #[error("an anchor slot has {SLOT_LENGTH} bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// Zeros: never written.
    #[error("the anchor slot was never written")]
    Empty,
    /// Not an anchor slot at all.
    #[error("the bytes are not an anchor slot")]
    Magic,
    /// The sum does not fit: torn or damaged.
    #[error("the anchor slot is torn or damaged")]
    Checksum,
    /// Another format.
    #[error("anchor format {found} is not known")]
    Format {
        /// The format found.
        found: u8,
    },
    /// Bytes that are zero in this format are not.
    #[error("the anchor slot has bytes set that are zero in this format")]
    Reserved,
}

/// What the authenticator of an epoch is computed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The store.
    pub store_id: Id,
    /// The life of the store.
    pub incarnation: Id,
    /// The epoch.
    pub epoch: u64,
    /// How many indexed records there are after it.
    pub record_count: u64,
    /// Its log hash.
    pub log_hash: [u8; 32],
}

/// The slot's bytes.
#[must_use]
pub fn encode(slot: &Slot) -> [u8; SLOT_LENGTH] {
    let mut bytes = [0; SLOT_LENGTH];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8] = FORMAT;
    bytes[16..24].copy_from_slice(&slot.counter.to_be_bytes());
    bytes[24..40].copy_from_slice(&slot.store_id.0);
    bytes[40..56].copy_from_slice(&slot.incarnation.0);
    bytes[56..72].copy_from_slice(&slot.root_id);
    bytes[72..80].copy_from_slice(&slot.epoch.to_be_bytes());
    bytes[80..112].copy_from_slice(&slot.authenticator);
    bytes[112..120].copy_from_slice(&slot.audit_seq.to_be_bytes());
    bytes[120..152].copy_from_slice(&slot.audit_head);
    let sum = crc32fast::hash(&bytes[..152]);
    bytes[152..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Reads a slot: exactly the bytes that [`encode`] writes.
///
/// # Errors
/// See [`SlotRefusal`].
pub fn parse(bytes: &[u8]) -> Result<Slot, SlotRefusal> {
    let bytes: &[u8; SLOT_LENGTH] = bytes.try_into().map_err(|_| SlotRefusal::Length { length: bytes.len() })?;
    if bytes.iter().all(|&byte| byte == 0) {
        return Err(SlotRefusal::Empty);
    }
    if &part::<0, 8>(bytes) != MAGIC {
        return Err(SlotRefusal::Magic);
    }
    if crc32fast::hash(&bytes[..152]).to_be_bytes() != part::<152, 4>(bytes) {
        return Err(SlotRefusal::Checksum);
    }
    if bytes[8] != FORMAT {
        return Err(SlotRefusal::Format { found: bytes[8] });
    }
    if part::<9, 7>(bytes) != [0; 7] {
        return Err(SlotRefusal::Reserved);
    }
    Ok(Slot {
        counter: u64::from_be_bytes(part::<16, 8>(bytes)),
        store_id: Id(part::<24, 16>(bytes)),
        incarnation: Id(part::<40, 16>(bytes)),
        root_id: part::<56, 16>(bytes),
        epoch: u64::from_be_bytes(part::<72, 8>(bytes)),
        authenticator: part::<80, 32>(bytes),
        audit_seq: u64::from_be_bytes(part::<112, 8>(bytes)),
        audit_head: part::<120, 32>(bytes),
    })
}

/// Reads both slots of an anchor file's bytes.
pub fn parse_file(file: &[u8]) -> [Result<Slot, SlotRefusal>; 2] {
    SLOT_OFFSETS.map(|offset| {
        let slot = file.get(offset..offset + SLOT_LENGTH);
        slot.map_or(Err(SlotRefusal::Length { length: 0 }), parse)
    })
}

/// The key of the anchor's authenticator.
#[must_use]
pub fn anchor_key(root: &RootKey) -> AnchorKey {
    AnchorKey::fill_with(|out| {
        derive::into(b"", &[root.expose()], labels::ANCHOR_KEY, b"", out);
    })
}

/// A(e): what nobody without the root key can state about an epoch.
#[must_use]
pub fn authenticator(key: &AnchorKey, position: &Position) -> [u8; 32] {
    mac::hmac_sha256(
        key.expose(),
        &[
            labels::ANCHOR.as_bytes(),
            &position.store_id.0,
            &position.incarnation.0,
            &position.epoch.to_be_bytes(),
            &position.record_count.to_be_bytes(),
            &position.log_hash,
        ],
    )
}

/// The name of the anchor file of the data directory with this canonical path.
#[must_use]
pub fn file_name(canonical: &Path) -> String {
    let digest = hash::sha256(&[canonical.as_os_str().as_bytes()]);
    format!("{}.anchor", hexadecimal::text(&digest[..16]))
}

fn part<const FROM: usize, const N: usize>(bytes: &[u8; SLOT_LENGTH]) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[FROM..FROM + N]);
    part
}

/// How many bytes of a slot's 4,096 are used.
pub const SLOT_LENGTH: usize = 156;
/// Where the two slots lie.
pub const SLOT_OFFSETS: [usize; 2] = [0, 4096];
/// How long the anchor file is.
pub const FILE_LENGTH: usize = 8192;
const MAGIC: &[u8; 8] = b"SRANCHOR";
const FORMAT: u8 = 1;
