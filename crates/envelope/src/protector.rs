//! Protector records: the one record that is not sealed, and hostile input until the root key has vouched for it.

use core::fmt;

use strongroom_crypto::mac;
use strongroom_crypto::password::{Parameters, PasswordError};
use strongroom_secret::MacKey;

use crate::body::BodyError;
use crate::record::{self, FORMAT, HEAD_LENGTH, Head, Tag};
use crate::{Generation, Id, RecordKey, RecordKind, Timestamp};

mod form;
mod root;
mod share;

pub use root::{mac_key, root_id, thumbprint, unwrap_root, wrap_root};
pub use share::{MOST_SHARES, SET_BYTES, Share, ShareError, ShareSet};

/// A way to protect the root key, as its record names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtectorKind {
    /// Bound to the account that runs the service.
    Account,
    /// Bound to the host.
    Machine,
    /// A password that a person knows.
    Password,
    /// Several people, so many of whom have to be there.
    Shares,
    /// The private key of a certificate.
    Rsa,
    /// A key on a token: a hardware security module, a card.
    Pkcs11,
    /// A program that the operator supplies.
    Plugin,
}

/// What a protector record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectorRecord {
    /// The store whose root key it wraps.
    pub store_id: Id,
    /// Its id, equal to the record key's.
    pub protector_id: Id,
    /// The way it protects.
    pub kind: ProtectorKind,
    /// What it is bound to, for a person to read: pairs of name and text.
    pub bound_to: Vec<(String, String)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// 16 to 32 bytes of salt.
    pub salt: Vec<u8>,
    /// The cost of the password's derivation; only for a password.
    pub parameters: Option<Parameters>,
    /// The root key under the wrapping key, see [`wrap_root`].
    pub wrapped: [u8; WRAPPED_LENGTH],
    /// The name of a section of the local configuration; empty for kinds that need none.
    pub parameter: String,
    /// What the kind needs to find its wrapping key again; empty for kinds that need nothing.
    pub blob: Vec<u8>,
}

/// A protector record as found, with what is needed to judge it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What it says; not to be believed before [`Parsed::verify_mac`].
    pub record: ProtectorRecord,
    /// The write that made it.
    pub generation: Generation,
    /// The first 16 bytes of its MAC.
    pub tag: Tag,
    key: RecordKey,
    stored: Vec<u8>,
}

/// The bytes are not a protector record that this program takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectorRefusal {
    /// The place is not one of a protector.
    #[error("{key} is not the place of a protector record")]
    Place {
        /// The place.
        key: RecordKey,
    },
    /// Too short or too long.
    #[error("a protector record has {LEAST_LENGTH} to {MOST_LENGTH} bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// Another format, kind, suite or store key id, or a generation that cannot be.
    #[error("the head of the protector record is malformed")]
    Head,
    /// A newer program wrote it.
    #[error("the protector record has version {version}, written by a newer program")]
    Newer {
        /// The version found.
        version: u64,
    },
    /// The body is not deterministic CBOR of the known fields.
    #[error("the body of the protector record is malformed")]
    Body,
    /// A kind that this program does not know; a newer one may.
    #[error("protectors of kind {kind:?} are not known to this program")]
    UnknownKind {
        /// The kind found: printable ASCII of at most 32 characters.
        kind: String,
    },
    /// The protector's id is not the record key's.
    #[error("the protector record names another protector than its place")]
    OtherId {
        /// The id in the body.
        found: Id,
    },
    /// What it is bound to is too much, too long, or holds control characters.
    #[error(
        "what the protector is bound to is not at most {MOST_PAIRS} pairs of at most {LONGEST_TEXT} printable bytes"
    )]
    BoundTo,
    /// The salt is too short or too long.
    #[error("the salt has 16 to 32 bytes, found {length}")]
    Salt {
        /// How many bytes there were.
        length: usize,
    },
    /// Parameters of a derivation without a password, or the reverse.
    #[error("a password protector has derivation parameters, and no other has")]
    ParametersMisplaced,
    /// A parameter where the kind has none, none where it needs one, or one that is no name.
    #[error("the parameter of a {kind} protector is not what the kind needs")]
    Parameter {
        /// The kind.
        kind: ProtectorKind,
    },
    /// A blob where the kind has none, none where it needs one, or one that is too long.
    #[error("the blob of a {kind} protector is not what the kind needs")]
    Blob {
        /// The kind.
        kind: ProtectorKind,
    },
    /// The derivation's algorithm is not known.
    #[error("key derivation {found} is not known")]
    Algorithm {
        /// The algorithm found.
        found: u8,
    },
    /// The derivation's cost is outside floor and ceiling.
    #[error("the cost of the key derivation is not accepted")]
    Parameters(#[source] PasswordError),
}

impl ProtectorKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Account, Self::Machine, Self::Password, Self::Shares, Self::Rsa, Self::Pkcs11, Self::Plugin];

    /// The kind's name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Machine => "machine",
            Self::Password => "password",
            Self::Shares => "shares",
            Self::Rsa => "rsa",
            Self::Pkcs11 => "pkcs11",
            Self::Plugin => "plugin",
        }
    }

    /// Whether its records name a section of the local configuration.
    #[must_use]
    pub const fn has_parameter(self) -> bool {
        match self {
            Self::Account | Self::Machine | Self::Password | Self::Shares => false,
            Self::Rsa | Self::Pkcs11 | Self::Plugin => true,
        }
    }

    /// Whether its records hold a blob.
    #[must_use]
    pub const fn has_blob(self) -> bool {
        match self {
            Self::Account | Self::Machine | Self::Password => false,
            Self::Shares | Self::Rsa | Self::Pkcs11 | Self::Plugin => true,
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ProtectorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl ProtectorRecord {
    /// Where the record of this protector lies.
    #[must_use]
    pub const fn record_key(&self) -> RecordKey {
        RecordKey::new(RecordKind::Protector, self.protector_id)
    }

    /// The thumbprint of the protector, see [`thumbprint`].
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        thumbprint(&self.wrapped)
    }
}

impl Parsed {
    /// Whether the root key vouches for the record at its place.
    #[must_use]
    pub fn verify_mac(&self, mac_key: &MacKey) -> bool {
        verify_mac(mac_key, self.key, &self.stored)
    }

    /// The record's bytes as stored.
    #[must_use]
    pub fn stored(&self) -> &[u8] {
        &self.stored
    }
}

/// The record's bytes for the place `key`, ending in its MAC, and its tag.
///
/// # Errors
/// When [`parse`] would refuse them.
pub fn encode(
    record: &ProtectorRecord,
    mac_key: &MacKey,
    key: RecordKey,
    generation: Generation,
) -> Result<(Vec<u8>, Tag), ProtectorRefusal> {
    let head = Head { format: FORMAT, kind: RecordKind::Protector.byte(), suite: SUITE, store_key_id: 0, generation };
    check_head(key, &head)?;
    form::check(key, record)?;
    let mut bytes = head.to_bytes().to_vec();
    form::encode_into(record, &mut bytes);
    let mac = mac_of(mac_key, key, &bytes);
    bytes.extend_from_slice(&mac);
    check_length(bytes.len())?;
    Ok((bytes, tag_of(&mac)))
}

/// Reads the record that lies at `key`. The bytes are hostile: nothing in them has been vouched for.
///
/// # Errors
/// See [`ProtectorRefusal`].
pub fn parse(key: RecordKey, stored: &[u8]) -> Result<Parsed, ProtectorRefusal> {
    check_length(stored.len())?;
    let length = stored.len();
    let (covered, mac) = stored.split_last_chunk::<MAC_LENGTH>().ok_or(ProtectorRefusal::Length { length })?;
    let head = Head::split(covered).ok_or(ProtectorRefusal::Length { length })?;
    check_head(key, &head)?;
    let record = form::decode(key, &covered[HEAD_LENGTH..])?;
    Ok(Parsed { record, generation: head.generation, tag: tag_of(mac), key, stored: stored.to_vec() })
}

/// Whether the MAC at the end of `stored` is that of the root key, for the place `key`.
#[must_use]
pub fn verify_mac(mac_key: &MacKey, key: RecordKey, stored: &[u8]) -> bool {
    stored
        .split_last_chunk::<MAC_LENGTH>()
        .is_some_and(|(covered, mac)| strongroom_secret::constant_time_eq(&mac_of(mac_key, key, covered), mac))
}

/// The body of a protector record as the committer hands it on; [`seal_body`] makes a record of it.
///
/// # Errors
/// [`ProtectorRefusal`] for what [`parse`] would refuse.
pub fn body_of(record: &ProtectorRecord) -> Result<Vec<u8>, ProtectorRefusal> {
    form::check(record.record_key(), record)?;
    let mut body = Vec::with_capacity(512);
    form::encode_into(record, &mut body);
    check_length(HEAD_LENGTH + body.len() + MAC_LENGTH)?;
    Ok(body)
}

/// Appends the record made of a body from [`body_of`] to `out`.
pub fn seal_body(mac_key: &MacKey, key: RecordKey, generation: Generation, body: &[u8], out: &mut Vec<u8>) -> Tag {
    let head = Head { format: FORMAT, kind: RecordKind::Protector.byte(), suite: SUITE, store_key_id: 0, generation };
    let begin = out.len();
    out.extend_from_slice(&head.to_bytes());
    out.extend_from_slice(body);
    let mac = mac_of(mac_key, key, &out[begin..]);
    out.extend_from_slice(&mac);
    tag_of(&mac)
}

/// Generation and tag of a stored record that the root key vouches for, and its body.
///
/// # Errors
/// [`ProtectorRefusal::Head`] when the MAC is not right or the head is not one of a protector record.
pub fn open_body<'a>(
    mac_key: &MacKey,
    key: RecordKey,
    stored: &'a [u8],
) -> Result<(Generation, Tag, &'a [u8]), ProtectorRefusal> {
    check_length(stored.len())?;
    let length = stored.len();
    let (covered, mac) = stored.split_last_chunk::<MAC_LENGTH>().ok_or(ProtectorRefusal::Length { length })?;
    let head = Head::split(covered).ok_or(ProtectorRefusal::Length { length })?;
    check_head(key, &head)?;
    if !verify_mac(mac_key, key, stored) {
        return Err(ProtectorRefusal::Head);
    }
    Ok((head.generation, tag_of(mac), &covered[HEAD_LENGTH..]))
}

impl From<BodyError> for ProtectorRefusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Newer { version } => Self::Newer { version },
            BodyError::Malformed => Self::Body,
        }
    }
}

fn check_length(length: usize) -> Result<(), ProtectorRefusal> {
    if (LEAST_LENGTH..=MOST_LENGTH).contains(&length) { Ok(()) } else { Err(ProtectorRefusal::Length { length }) }
}

fn check_head(key: RecordKey, head: &Head) -> Result<(), ProtectorRefusal> {
    if key.kind != RecordKind::Protector {
        return Err(ProtectorRefusal::Place { key });
    }
    let known = head.format == FORMAT
        && head.kind == RecordKind::Protector.byte()
        && head.suite == SUITE
        && head.store_key_id == 0
        && record::generation_is_possible(key, head.generation);
    if known { Ok(()) } else { Err(ProtectorRefusal::Head) }
}

fn mac_of(mac_key: &MacKey, key: RecordKey, covered: &[u8]) -> [u8; MAC_LENGTH] {
    mac::hmac_sha256(
        mac_key.expose(),
        &[strongroom_crypto::labels::PROTECTOR_RECORD.as_bytes(), &key.to_bytes(), covered],
    )
}

fn tag_of(mac: &[u8; MAC_LENGTH]) -> Tag {
    let mut tag = [0; 16];
    tag.copy_from_slice(&mac[..16]);
    tag
}

/// How many bytes the wrapped root key has.
pub const WRAPPED_LENGTH: usize = 104;
/// The longest protector record.
pub const MOST_LENGTH: usize = 4096;
/// The most pairs of what a protector is bound to.
pub const MOST_PAIRS: usize = 16;
/// The most bytes of each text in them.
pub const LONGEST_TEXT: usize = 256;
/// The most characters of a parameter.
pub const LONGEST_PARAMETER: usize = 128;
/// The most bytes of a blob.
pub const LONGEST_BLOB: usize = 2048;
const LEAST_LENGTH: usize = HEAD_LENGTH + 1 + MAC_LENGTH;
const MAC_LENGTH: usize = 32;
const SUITE: u16 = 0x00f1;
