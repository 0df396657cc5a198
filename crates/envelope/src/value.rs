//! Sealed values: what applications get back, and what records hold of theirs.

use strongroom_crypto::{OVERHEAD, SealingKey, labels};
use strongroom_secret::SecretBytes;

use crate::{Id, RecordKey};

mod context;
mod text;

pub use context::{Context, ContextRefusal};
pub use text::{TextRefusal, from_text, to_text};

/// What a value is for; a value of one purpose does not open for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Secrets kept in the store.
    Secrets = 1,
    /// Transaction states and rollback data.
    Transactions = 2,
    /// Provisioning settings.
    Settings = 3,
    /// Component credentials.
    Credentials = 4,
    /// Database columns.
    Columns = 5,
    /// Values that applications keep themselves.
    Values = 6,
    /// Keys that make MACs.
    Mac = 7,
    /// Keys that sign.
    Sign = 8,
    /// An application key wrapped under the wrap key.
    Key = 32,
}

/// The clear part of a sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueHeader {
    /// What it is for.
    pub purpose: Purpose,
    /// The application key it is sealed under.
    pub key_id: Id,
    /// The version of that key, from 1.
    pub key_version: u32,
}

/// Where a value belongs; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Kept inside a record.
    Record {
        /// Where the record lies.
        key: RecordKey,
        /// The field of its body.
        field: u16,
        /// The version of the value within the record.
        version: u32,
    },
    /// Handed to an application, with its context.
    Context(&'a Context),
}

/// The bytes do not have the form of a sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueRefusal {
    /// Shorter than the shortest sealed value.
    #[error("a sealed value has at least {LEAST_LENGTH} bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// Another format.
    #[error("value format {found} is not known")]
    Format {
        /// The format found.
        found: u8,
    },
    /// A purpose this program does not know.
    #[error("value purpose {found} is not known")]
    Purpose {
        /// The purpose found.
        found: u8,
    },
    /// Another suite.
    #[error("value suite 0x{found:04x} is not known")]
    Suite {
        /// The suite found.
        found: u16,
    },
    /// Key versions start at 1.
    #[error("a value cannot be sealed under key version 0")]
    KeyVersion,
}

/// A sealed value could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It does not have the form of a sealed value.
    #[error("parsing a sealed value")]
    Refused(#[from] ValueRefusal),
    /// It was sealed for another purpose.
    #[error("the value was sealed for purpose {found:?}, not {expected:?}")]
    Purpose {
        /// The purpose it was opened for.
        expected: Purpose,
        /// The purpose it was sealed for.
        found: Purpose,
    },
    /// It does not authenticate under this key at this place.
    #[error("the value does not authenticate")]
    Unauthentic,
}

impl Purpose {
    /// Every purpose, in rising order.
    pub const ALL: [Self; 9] = [
        Self::Secrets,
        Self::Transactions,
        Self::Settings,
        Self::Credentials,
        Self::Columns,
        Self::Values,
        Self::Mac,
        Self::Sign,
        Self::Key,
    ];

    /// The purpose of this number.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Secrets,
            2 => Self::Transactions,
            3 => Self::Settings,
            4 => Self::Credentials,
            5 => Self::Columns,
            6 => Self::Values,
            7 => Self::Mac,
            8 => Self::Sign,
            32 => Self::Key,
            _ => return None,
        })
    }

    /// The number of this purpose.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Transactions => "transactions",
            Self::Settings => "settings",
            Self::Credentials => "credentials",
            Self::Columns => "columns",
            Self::Values => "values",
            Self::Mac => "mac",
            Self::Sign => "sign",
            Self::Key => "key",
        }
    }

    /// The purpose with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.word() == word)
    }
}

/// Seals `plaintext` for a place and appends the value to `out`.
///
/// # Panics
/// When `key_version` is 0: versions start at 1, and [`parse`] refuses such a value.
pub fn seal(
    sealing: &SealingKey,
    purpose: Purpose,
    key_id: Id,
    key_version: u32,
    place: &Place<'_>,
    plaintext: &[u8],
    out: &mut Vec<u8>,
) {
    assert!(key_version > 0, "key versions start at 1");
    let head = head_bytes(purpose, key_id, key_version);
    out.reserve(HEAD_LENGTH + OVERHEAD + plaintext.len());
    out.extend_from_slice(&head);
    place.with_bytes(|place| {
        sealing.seal_append(&[labels::VALUE.as_bytes(), &head, place], plaintext, out);
    });
}

/// Reads the header of a sealed value.
///
/// # Errors
/// See [`ValueRefusal`]. Nothing is authenticated yet.
pub fn parse(sealed: &[u8]) -> Result<ValueHeader, ValueRefusal> {
    let length = sealed.len();
    if length < LEAST_LENGTH {
        return Err(ValueRefusal::Length { length });
    }
    let Some((head, _)) = sealed.split_first_chunk::<HEAD_LENGTH>() else {
        return Err(ValueRefusal::Length { length });
    };
    let [format, purpose, s0, s1, id @ .., v0, v1, v2, v3] = *head;
    if format != FORMAT {
        return Err(ValueRefusal::Format { found: format });
    }
    let purpose = Purpose::from_byte(purpose).ok_or(ValueRefusal::Purpose { found: purpose })?;
    let suite = u16::from_be_bytes([s0, s1]);
    if suite != SUITE {
        return Err(ValueRefusal::Suite { found: suite });
    }
    let key_version = u32::from_be_bytes([v0, v1, v2, v3]);
    if key_version == 0 {
        return Err(ValueRefusal::KeyVersion);
    }
    Ok(ValueHeader { purpose, key_id: Id(id), key_version })
}

/// Opens a value for a purpose and a place; `out` then holds its plaintext and nothing else.
///
/// The caller chooses `sealing` by the header that [`parse`] returns.
///
/// # Errors
/// See [`ValueError`]; `out` is empty then.
pub fn open(
    sealing: &SealingKey,
    purpose: Purpose,
    place: &Place<'_>,
    sealed: &[u8],
    out: &mut SecretBytes,
) -> Result<ValueHeader, ValueError> {
    out.truncate(0);
    let header = parse(sealed)?;
    if header.purpose != purpose {
        return Err(ValueError::Purpose { expected: purpose, found: header.purpose });
    }
    let (head, rest) = sealed.split_at(HEAD_LENGTH);
    place
        .with_bytes(|place| sealing.open_append(&[labels::VALUE.as_bytes(), head, place], rest, out))
        .map_err(|_| ValueError::Unauthentic)?;
    Ok(header)
}

impl Place<'_> {
    /// Runs `then` with the place's bytes as they enter the authenticated data.
    pub(crate) fn with_bytes<R>(&self, then: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Record { key, field, version } => {
                let mut bytes = [0; 1 + RecordKey::LENGTH + 2 + 4];
                bytes[0] = IN_RECORD;
                bytes[1..18].copy_from_slice(&key.to_bytes());
                bytes[18..20].copy_from_slice(&field.to_be_bytes());
                bytes[20..].copy_from_slice(&version.to_be_bytes());
                then(&bytes)
            }
            Self::Context(context) => then(context.as_bytes()),
        }
    }
}

fn head_bytes(purpose: Purpose, key_id: Id, key_version: u32) -> [u8; HEAD_LENGTH] {
    let mut head = [0; HEAD_LENGTH];
    head[0] = FORMAT;
    head[1] = purpose.byte();
    head[2..4].copy_from_slice(&SUITE.to_be_bytes());
    head[4..20].copy_from_slice(&key_id.0);
    head[20..].copy_from_slice(&key_version.to_be_bytes());
    head
}

/// The length of a sealed value with an empty plaintext.
pub const LEAST_LENGTH: usize = HEAD_LENGTH + OVERHEAD;
/// How many clear bytes stand before the nonce.
pub const HEAD_LENGTH: usize = 24;
const FORMAT: u8 = 1;
const SUITE: u16 = 0x0001;
const IN_RECORD: u8 = 0x00;
