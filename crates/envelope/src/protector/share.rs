//! One share of a secret, as bytes and as the text that a person keeps.

use core::fmt;

use strongroom_crypto::{hash, labels};
use strongroom_secret::{KEY_BYTES, ProtectorSecret, SecretBytes, constant_time_eq};
use thiserror::Error;

/// What all shares of one set have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareSet {
    /// How many shares open.
    pub threshold: u8,
    /// How many were made.
    pub count: u8,
    /// Drawn anew for each set.
    pub id: [u8; SET_BYTES],
}

/// One share. Its text is a secret; set and number are not.
pub struct Share {
    /// The set it belongs to.
    pub set: ShareSet,
    /// Which of the set: 1 to `count`.
    pub number: u8,
    /// The values of the polynomials.
    pub values: ProtectorSecret,
}

/// The text is not a share. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ShareError {
    /// It does not begin with the prefix.
    #[error("a share begins with `{PREFIX}`")]
    Prefix,
    /// Characters are missing or too many.
    #[error("a share has {DIGITS} digits after `{PREFIX}`, found {found}")]
    Length {
        /// How many digits there are.
        found: usize,
    },
    /// A character that no share has.
    #[error("digit {position} of the share is none that a share has")]
    Digit {
        /// Counted from 1, without `-` and spaces.
        position: usize,
    },
    /// A digit is not the one that was written down.
    #[error("the share is mistyped: its checksum is not right")]
    Checksum,
    /// The checksum is right and the numbers in it are impossible.
    #[error("no share has these numbers")]
    Numbers,
}

impl ShareSet {
    /// Whether 2 ≤ threshold ≤ count ≤ [`MOST_SHARES`].
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        2 <= self.threshold && self.threshold <= self.count && self.count <= MOST_SHARES
    }

    /// The set's id for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Share {
    /// The text to write down.
    #[must_use]
    pub fn to_text(&self) -> SecretBytes {
        let mut bytes = SecretBytes::with_capacity(LENGTH);
        bytes.extend_from_slice(&[(self.set.threshold - 1) << 4 | (self.set.count - 1), self.number]);
        bytes.extend_from_slice(&self.set.id);
        bytes.extend_from_slice(self.values.expose());
        let checksum = checksum(bytes.expose());
        bytes.extend_from_slice(&checksum);

        let mut text = SecretBytes::with_capacity(PREFIX.len() + DIGITS + DIGITS / GROUP);
        text.extend_from_slice(PREFIX.as_bytes());
        for (index, digit) in digits_of(bytes.expose()).enumerate() {
            if index > 0 && index % GROUP == 0 {
                text.push(b'-');
            }
            text.push(ALPHABET[usize::from(digit)]);
        }
        text
    }

    /// Reads what a person typed.
    ///
    /// # Errors
    /// [`ShareError`] says what is wrong with it, without a word of it.
    pub fn from_text(text: &[u8]) -> Result<Self, ShareError> {
        let text = text.trim_ascii();
        let (prefix, rest) = text.split_at_checked(PREFIX.len()).ok_or(ShareError::Prefix)?;
        if !prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) {
            return Err(ShareError::Prefix);
        }
        let counts = |byte: &&u8| **byte != b'-' && !byte.is_ascii_whitespace();
        let found = rest.iter().filter(counts).count();
        if found != DIGITS {
            return Err(ShareError::Length { found });
        }
        let mut bytes = SecretBytes::with_capacity(LENGTH + DIGITS_IN_BLOCK);
        let mut block = 0_u64;
        for (index, byte) in rest.iter().filter(counts).enumerate() {
            let digit = digit_of(*byte).ok_or(ShareError::Digit { position: index + 1 })?;
            block = block << 5 | u64::from(digit);
            if (index + 1) % DIGITS_IN_BLOCK == 0 {
                bytes.extend_from_slice(&block.to_be_bytes()[3..]);
                block = 0;
            }
        }
        Self::from_bytes(bytes.expose())
    }

    /// Whether the text is meant to be a share, not a password.
    #[must_use]
    pub fn is_meant_by(text: &[u8]) -> bool {
        text.trim_ascii_start().get(..PREFIX.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(PREFIX.as_bytes()))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, ShareError> {
        let (covered, found) = bytes.split_last_chunk::<CHECKSUM>().ok_or(ShareError::Checksum)?;
        if !constant_time_eq(&checksum(covered), found) {
            return Err(ShareError::Checksum);
        }
        let (head, values) = covered.split_first_chunk::<HEAD>().ok_or(ShareError::Numbers)?;
        let [numbers, number, id @ ..] = *head;
        let set = ShareSet { threshold: (numbers >> 4) + 1, count: (numbers & 0x0f) + 1, id };
        if !set.is_possible() || !(1..=set.count).contains(&number) {
            return Err(ShareError::Numbers);
        }
        let values = ProtectorSecret::from_slice(values).map_err(|_| ShareError::Numbers)?;
        Ok(Self { set, number, values })
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Share({} of set {}, …)", self.number, self.set.name())
    }
}

fn checksum(covered: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = hash::sha256(&[labels::SHARE.as_bytes(), covered]);
    [a, b, c, d]
}

fn digits_of(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.chunks_exact(5).flat_map(|block| {
        let block = block.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        (0..DIGITS_IN_BLOCK).rev().map(move |at| (block >> (5 * at) & 0x1f) as u8)
    })
}

/// Digits that look alike are the same digit.
fn digit_of(byte: u8) -> Option<u8> {
    let byte = match byte.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|digit| *digit == byte).and_then(|digit| u8::try_from(digit).ok())
}

/// The most shares of one set.
pub const MOST_SHARES: u8 = 16;
/// Bytes of a set's id.
pub const SET_BYTES: usize = 7;
const PREFIX: &str = "srs1-";
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const HEAD: usize = 2 + SET_BYTES;
const CHECKSUM: usize = 4;
const LENGTH: usize = HEAD + KEY_BYTES + CHECKSUM;
const DIGITS: usize = LENGTH * 8 / 5;
const DIGITS_IN_BLOCK: usize = 8;
const GROUP: usize = 4;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn share() -> Share {
        let values = ProtectorSecret::from_slice(&(0x20..0x40).collect::<Vec<u8>>()).unwrap();
        Share { set: ShareSet { threshold: 3, count: 5, id: [1, 2, 3, 4, 5, 6, 7] }, number: 4, values }
    }

    fn text() -> String {
        String::from_utf8(share().to_text().expose().to_vec()).unwrap()
    }

    #[test]
    fn every_single_mistake_is_noticed() {
        let text = text();
        assert_eq!(Share::from_text(text.as_bytes()).unwrap().number, 4);
        for at in PREFIX.len()..text.len() {
            let original = text.as_bytes()[at];
            if original == b'-' {
                continue;
            }
            for wrong in ALPHABET.iter().filter(|digit| **digit != original) {
                let mut typed = text.clone().into_bytes();
                typed[at] = *wrong;
                assert_eq!(Share::from_text(&typed).unwrap_err(), ShareError::Checksum, "{at}");
            }
        }
    }

    #[test]
    fn what_looks_alike_is_alike_and_what_is_no_share_is_named() {
        let text = text();
        let alike = text.to_uppercase().replace('0', "O").replace('1', "l").replace('-', " ");
        let alike = alike.replacen(' ', "-", 1).replacen("SRSl", "srs1", 1);
        assert_eq!(Share::from_text(format!("  {alike}\n").as_bytes()).unwrap().number, 4);
        let refusal = |text: &str| Share::from_text(text.as_bytes()).unwrap_err();
        assert_eq!(refusal("four plain words here"), ShareError::Prefix);
        assert_eq!(refusal("srs1-0000"), ShareError::Length { found: 4 });
        assert_eq!(refusal(&format!("{text}0")), ShareError::Length { found: 73 });
        assert_eq!(refusal(&format!("srs1-u{}", "0".repeat(71))), ShareError::Digit { position: 1 });
        assert!(Share::is_meant_by(b" SRS1-x") && !Share::is_meant_by(b"srs2-x"));
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", share()), "Share(4 of set 01020304050607, …)");
    }

    #[test]
    fn impossible_numbers_are_refused_behind_a_right_checksum() {
        for (numbers, number) in [(0x04, 1), (0x54, 1), (0x24, 0), (0x24, 6)] {
            let covered = [&[numbers, number][..], &[0; 39]].concat();
            let bytes = [&covered[..], &checksum(&covered)].concat();
            assert_eq!(Share::from_bytes(&bytes).unwrap_err(), ShareError::Numbers);
        }
    }
}
