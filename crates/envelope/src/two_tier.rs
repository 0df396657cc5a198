//! Two-tier values: a payload sealed under a data key, with that data key sealed under a master key.

use strongroom_crypto::{OVERHEAD, SealingKey, labels};
use strongroom_secret::SecretBytes;

use crate::data_key::{DataKeyRefusal, SEALED_DATA_KEY, SealedDataKey};
use crate::value::{Place, Purpose};

mod text;

pub use text::{TextRefusal, from_text, to_text};

/// The clear part of a two-tier value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoTierHeader {
    /// What it is for.
    pub purpose: Purpose,
    /// The data key, sealed under a master key.
    pub data_key: SealedDataKey,
}

/// The bytes do not have the form of a two-tier value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwoTierRefusal {
    /// Shorter than the shortest two-tier value.
    #[error("a two-tier value has at least {LEAST_LENGTH} bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// Another format.
    #[error("two-tier format {found} is not known")]
    Format {
        /// The format found.
        found: u8,
    },
    /// A purpose that has no two-tier values.
    #[error("purpose {found} has no two-tier values")]
    Purpose {
        /// The purpose found.
        found: u8,
    },
    /// Another suite.
    #[error("two-tier suite 0x{found:04x} is not known")]
    Suite {
        /// The suite found.
        found: u16,
    },
    /// What should be its sealed data key is none.
    #[error("parsing the data key of a two-tier value")]
    DataKey(#[from] DataKeyRefusal),
}

/// A two-tier value could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwoTierError {
    /// It does not have the form of one.
    #[error("parsing a two-tier value")]
    Refused(#[from] TwoTierRefusal),
    /// It was sealed for another purpose.
    #[error("the two-tier value was sealed for purpose {found:?}, not {expected:?}")]
    Purpose {
        /// The purpose it was opened for.
        expected: Purpose,
        /// The purpose it was sealed for.
        found: Purpose,
    },
    /// It does not authenticate under this data key at this place.
    #[error("the two-tier value does not authenticate")]
    Unauthentic,
}

/// Seals `payload` for a place and appends the two-tier value to `out`. Its purpose is that of the sealed data key.
///
/// # Panics
/// When `data_key`'s purpose has no two-tier values: [`parse`] would refuse what came out.
pub fn seal(
    data_key: &SealingKey,
    sealed_data_key: &SealedDataKey,
    place: &Place<'_>,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let purpose = sealed_data_key.header().purpose;
    assert!(PURPOSES.contains(&purpose), "{purpose:?} has no two-tier values");
    let mut head = [0; HEAD_LENGTH];
    head[0] = FORMAT;
    head[1] = purpose.byte();
    head[2..4].copy_from_slice(&SUITE.to_be_bytes());
    head[4..].copy_from_slice(sealed_data_key.as_bytes());
    out.reserve(HEAD_LENGTH + OVERHEAD + payload.len());
    out.extend_from_slice(&head);
    place.with_bytes(|place| {
        data_key.seal_append(&[labels::TWO_TIER.as_bytes(), &head, place], payload, out);
    });
}

/// Reads the header of a two-tier value: whose data key to open first.
///
/// # Errors
/// See [`TwoTierRefusal`]. Nothing is authenticated yet.
pub fn parse(sealed: &[u8]) -> Result<TwoTierHeader, TwoTierRefusal> {
    let length = sealed.len();
    if length < LEAST_LENGTH {
        return Err(TwoTierRefusal::Length { length });
    }
    let Some((&[format, purpose, s0, s1], rest)) = sealed.split_first_chunk::<4>() else {
        return Err(TwoTierRefusal::Length { length });
    };
    if format != FORMAT {
        return Err(TwoTierRefusal::Format { found: format });
    }
    let refused = TwoTierRefusal::Purpose { found: purpose };
    let purpose = Purpose::from_byte(purpose).filter(|purpose| PURPOSES.contains(purpose)).ok_or(refused)?;
    let suite = u16::from_be_bytes([s0, s1]);
    if suite != SUITE {
        return Err(TwoTierRefusal::Suite { found: suite });
    }
    let (data_key, _) = rest.split_at_checked(SEALED_DATA_KEY).ok_or(TwoTierRefusal::Length { length })?;
    Ok(TwoTierHeader { purpose, data_key: SealedDataKey::from_bytes(purpose, data_key)? })
}

/// Opens the payload for a purpose and a place; `out` then holds it and nothing else.
///
/// `data_key` is what the sealed data key of [`parse`] opened to.
///
/// # Errors
/// See [`TwoTierError`]; `out` is empty then.
pub fn open(
    data_key: &SealingKey,
    purpose: Purpose,
    place: &Place<'_>,
    sealed: &[u8],
    out: &mut SecretBytes,
) -> Result<(), TwoTierError> {
    out.truncate(0);
    let found = parse(sealed)?.purpose;
    if found != purpose {
        return Err(TwoTierError::Purpose { expected: purpose, found });
    }
    let (head, rest) = sealed.split_at(HEAD_LENGTH);
    place
        .with_bytes(|place| data_key.open_append(&[labels::TWO_TIER.as_bytes(), head, place], rest, out))
        .map_err(|_| TwoTierError::Unauthentic)
}

/// The length of a two-tier value with an empty payload.
pub const LEAST_LENGTH: usize = HEAD_LENGTH + OVERHEAD;
/// The purposes that have two-tier values.
pub const PURPOSES: [Purpose; 4] = [Purpose::Transactions, Purpose::Settings, Purpose::Credentials, Purpose::Values];
const HEAD_LENGTH: usize = 4 + SEALED_DATA_KEY;
const FORMAT: u8 = 2;
const SUITE: u16 = 0x0001;
