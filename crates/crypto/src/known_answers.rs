//! Sealing under a given nonce, to check known answers; compiled for tests only.
//!
//! A caller that chooses nonces can break the cipher, so the crate offers this only under the
//! feature `known-answers`, which nothing but its own tests and examples turns on.

use strongroom_secret::ColumnKey;

use crate::cipher::{COMMITMENT, NONCE, OVERHEAD, SealingKey};
use crate::column_cell::CellKey;

/// `N ‖ ciphertext ‖ tag ‖ C` under the given nonce.
#[must_use]
pub fn seal_with_nonce(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; plaintext.len() + OVERHEAD];
    buffer[NONCE..NONCE + plaintext.len()].copy_from_slice(plaintext);
    SealingKey::new(key).seal_with_nonce(nonce, &[aad], &mut buffer);
    buffer
}

/// The accumulated test of XAES-256-GCM (C2SP): each round reads a key, a nonce, a plaintext and
/// associated data (a length byte before each of the two) from `source`, and gives ciphertext and
/// tag to `sink`. Both are SHAKE-128, which is up to the caller.
pub fn accumulate(rounds: u32, source: &mut dyn FnMut(&mut [u8]), sink: &mut dyn FnMut(&[u8])) {
    for _ in 0..rounds {
        let mut key = [0; 32];
        source(&mut key);
        let mut nonce = [0; NONCE];
        source(&mut nonce);
        let plaintext = read_sized(source);
        let aad = read_sized(source);
        let sealed = seal_with_nonce(&key, &nonce, &aad, &plaintext);
        sink(&sealed[NONCE..sealed.len() - COMMITMENT]);
    }
}

fn read_sized(source: &mut dyn FnMut(&mut [u8])) -> Vec<u8> {
    let mut length = [0];
    source(&mut length);
    let mut bytes = vec![0; usize::from(length[0])];
    source(&mut bytes);
    bytes
}

/// Digests after a number of rounds, from the specification's section "Test vectors".
pub const ACCUMULATED: [(u32, &str); 2] = [
    (10_000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"),
    (1_000_000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15"),
];

/// The cell of a value under a given initialisation vector.
#[must_use]
pub fn seal_cell_with_iv(key: &CellKey, iv: [u8; 16], plain: &[u8]) -> Vec<u8> {
    let mut cell = Vec::new();
    key.seal_with_iv(iv, plain, &mut cell);
    cell
}

/// The keys that a column encryption key yields: for encryption, for tags, for initialisation vectors.
#[must_use]
pub fn cell_sub_keys(key: &ColumnKey) -> [[u8; 32]; 3] {
    crate::column_cell::sub_keys(key)
}
