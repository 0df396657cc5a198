//! Refuses symmetric keys that no random generator made: what people type, zeros, patterns.

use thiserror::Error;

/// What gives a weak key away; holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Weakness {
    /// Too short for any use.
    #[error("it has {length} bytes; at least {LEAST_LENGTH} are needed")]
    Short {
        /// Its length.
        length: usize,
    },
    /// One byte over and over.
    #[error("all its bytes are the same; make one with a random generator, such as `openssl rand 32`")]
    Uniform,
    /// A short pattern over and over.
    #[error("a pattern of {period} bytes repeats; make one with a random generator, such as `openssl rand 32`")]
    Repeating {
        /// Bytes of the pattern.
        period: usize,
    },
    /// Each byte follows from the one before by the same step.
    #[error("its bytes count up or down; make one with a random generator, such as `openssl rand 32`")]
    Counting,
    /// Too few different bytes.
    #[error(
        "it has only {distinct} different bytes in {length}; make one with a random generator, such as `openssl rand 32`"
    )]
    FewValues {
        /// How many.
        distinct: usize,
        /// Its length.
        length: usize,
    },
}

/// Refuses a key that is weak. A random key of 16 bytes or more is refused with a probability below 2^−39, one of 32
/// bytes below 2^−110.
///
/// # Errors
/// The first [`Weakness`] found.
pub fn refuse(key: &[u8]) -> Result<(), Weakness> {
    if key.len() < LEAST_LENGTH {
        return Err(Weakness::Short { length: key.len() });
    }
    if let Some(period) = (1..=LONGEST_PERIOD).find(|period| repeats(key, *period)) {
        return Err(if period == 1 { Weakness::Uniform } else { Weakness::Repeating { period } });
    }
    if counts(key) {
        return Err(Weakness::Counting);
    }
    let distinct = distinct(key);
    if distinct < LEAST_DISTINCT {
        return Err(Weakness::FewValues { distinct, length: key.len() });
    }
    Ok(())
}

// No early return and no table below: how long it takes does not depend on the bytes of a key that is good.

fn repeats(key: &[u8], period: usize) -> bool {
    key.iter().zip(&key[period..]).fold(0, |differences, (one, next)| differences | (one ^ next)) == 0
}

fn counts(key: &[u8]) -> bool {
    let step = key[1].wrapping_sub(key[0]);
    key.windows(2).fold(0, |differences, pair| differences | (pair[1].wrapping_sub(pair[0]) ^ step)) == 0
}

/// How many bytes are not found again later.
fn distinct(key: &[u8]) -> usize {
    let found_later = |at: usize| key[at + 1..].iter().fold(false, |found, later| found | (*later == key[at]));
    (0..key.len()).map(|at| usize::from(!found_later(at))).sum()
}

/// Fewest bytes of a key.
pub const LEAST_LENGTH: usize = 16;
const LONGEST_PERIOD: usize = 8;
const LEAST_DISTINCT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &[u8], expected: Result<(), Weakness>) {
        assert_eq!(refuse(key), expected, "{key:02x?}");
    }

    #[test]
    fn one_byte_over_and_over() {
        for byte in 0..=255 {
            check(&[byte; 32], Err(Weakness::Uniform));
            check(&[byte; 16], Err(Weakness::Uniform));
        }
    }

    #[test]
    fn short_patterns() {
        for period in 2..=8 {
            let pattern = &b"\x9c\x01\xfe\x33\x7a\xd0\x48\x15"[..period];
            let key: Vec<u8> = pattern.iter().copied().cycle().take(32).collect();
            check(&key, Err(Weakness::Repeating { period }));
            let mut changed = key;
            changed[31] ^= 1;
            // The changed byte is one more value.
            let expected =
                if period >= 7 { Ok(()) } else { Err(Weakness::FewValues { distinct: period + 1, length: 32 }) };
            check(&changed, expected);
        }
    }

    #[test]
    fn a_pattern_need_not_end_with_the_key() {
        let key: Vec<u8> = b"passwd!".iter().copied().cycle().take(32).collect();
        check(&key, Err(Weakness::Repeating { period: 7 }));
    }

    #[test]
    fn counting() {
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        let threes: Vec<u8> = (0..32_u8).map(|at| at.wrapping_mul(3).wrapping_add(250)).collect();
        for key in [up, down, threes] {
            check(&key, Err(Weakness::Counting));
        }
    }

    #[test]
    fn few_values() {
        // The squares modulo 13: 0, 1, 3, 4, 9, 10, 12.
        let seven: Vec<u8> = (0..32_u32).map(|at| (at * at % 13) as u8).collect();
        check(&seven, Err(Weakness::FewValues { distinct: 7, length: 32 }));
        let mut eight = seven;
        eight[5] = 0xff;
        check(&eight, Ok(()));
    }

    #[test]
    fn lengths() {
        check(b"", Err(Weakness::Short { length: 0 }));
        check(&[7; 15], Err(Weakness::Short { length: 15 }));
    }

    /// The key of FIPS 197, appendix A.3, and random ones.
    #[test]
    fn good_keys_pass() {
        check(
            b"\x60\x3d\xeb\x10\x15\xca\x71\xbe\x2b\x73\xae\xf0\x85\x7d\x77\x81\
              \x1f\x35\x2c\x07\x3b\x61\x08\xd7\x2d\x98\x10\xa3\x09\x14\xdf\xf4",
            Ok(()),
        );
        for _ in 0..10_000 {
            let mut key = [0; 32];
            crate::random::fill(&mut key);
            assert_eq!(refuse(&key), Ok(()));
        }
    }
}
