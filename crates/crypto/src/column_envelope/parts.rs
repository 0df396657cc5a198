//! Where in an envelope its parts lie.

use thiserror::Error;

/// The longest path that is written, in UTF-16 code units: what SQL Server's catalogue holds.
pub const PATH_UNITS: usize = 4000;

/// The bytes are not an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the envelope of a column encryption key: {0}")]
pub struct Malformed(&'static str);

/// The path does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the path of the column master key has {units} UTF-16 code units; at most {PATH_UNITS} are possible")]
pub struct PathTooLong {
    /// How many it has.
    pub units: usize,
}

/// An envelope, taken apart; nothing of it is verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parts<'envelope> {
    /// The path of the master key, as whoever made the envelope encoded it.
    pub path: &'envelope [u8],
    /// The wrapped key; as long as the modulus.
    pub ciphertext: &'envelope [u8],
    /// Everything that the signature is of: all before it.
    pub signed: &'envelope [u8],
    /// The signature; as long as the modulus.
    pub signature: &'envelope [u8],
}

impl<'envelope> Parts<'envelope> {
    /// Finds the parts.
    ///
    /// # Errors
    /// [`Malformed`] when version or lengths are not those of an envelope.
    pub fn parse(envelope: &'envelope [u8]) -> Result<Self, Malformed> {
        let ([version, fields @ ..], rest) = envelope.split_first_chunk::<FRONT>().ok_or(CUT)?;
        if *version != VERSION {
            return Err(Malformed("its version is not 1"));
        }
        let [path_low, path_high, cipher_low, cipher_high] = *fields;
        let path_length = usize::from(u16::from_le_bytes([path_low, path_high]));
        let modulus = usize::from(u16::from_le_bytes([cipher_low, cipher_high]));
        let (path, rest) = rest.split_at_checked(path_length).ok_or(CUT)?;
        let (ciphertext, signature) = rest.split_at_checked(modulus).ok_or(CUT)?;
        if signature.len() != modulus {
            return Err(Malformed("the signature is not as long as the wrapped key"));
        }
        let signed = envelope.get(..FRONT + path_length + modulus).ok_or(CUT)?;
        Ok(Self { path, ciphertext, signed, signature })
    }

    /// The path as text, if it is one. Microsoft's programs write UTF-16LE, some others UTF-8: a text of the former has bytes
    /// that are zero.
    #[must_use]
    pub fn path_text(&self) -> Option<String> {
        let as_utf8 = || core::str::from_utf8(self.path).ok().map(str::to_owned);
        if !self.path.contains(&0)
            && let Some(path) = as_utf8()
        {
            return Some(path);
        }
        let (units, odd) = self.path.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        if odd.is_empty() { String::from_utf16(&units).ok() } else { None }
    }
}

/// Everything before the wrapped key.
pub(super) fn front(path: &str, modulus: usize) -> Result<Vec<u8>, PathTooLong> {
    let units = path.encode_utf16().count();
    if units > PATH_UNITS {
        return Err(PathTooLong { units });
    }
    let lengths = [2 * units, modulus].map(|length| u16::try_from(length).expect("at most 8000").to_le_bytes());
    let mut front = vec![VERSION];
    front.extend_from_slice(lengths.as_flattened());
    front.extend(path.encode_utf16().flat_map(u16::to_le_bytes));
    Ok(front)
}

const VERSION: u8 = 1;
/// Version and both lengths.
const FRONT: usize = 5;
const CUT: Malformed = Malformed("it is cut off");
