//! What KC-XAES derives from a key and a nonce, by AES-256 on single blocks.
//!
//! The blocks of a step do not depend on each other and are encrypted together, so that the
//! processor overlaps them: five blocks cost about as much as two.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes256Enc, Block};
use strongroom_secret::wipe;

use crate::cipher::{COMMITMENT, NONCE};
use crate::gcm::IV;

/// The expanded key and CMAC's subkey K1; wiped on drop.
pub(crate) struct Schedule {
    aes: Aes256Enc,
    k1: [u8; BLOCK],
}

/// What one nonce turns a key into; the message key is wiped on drop.
pub(crate) struct Derived {
    /// Kx, the key of this message.
    pub(crate) message_key: [u8; 32],
    /// The initialisation vector of this message.
    pub(crate) iv: [u8; IV],
    /// C, which no other key and nonce yield.
    pub(crate) commitment: [u8; COMMITMENT],
}

impl Schedule {
    pub(crate) fn new(key: &[u8; 32]) -> Schedule {
        let aes = Aes256Enc::new(key.into());
        let mut l = Block::default();
        aes.encrypt_block(&mut l);
        let k1 = double(&l.into());
        wipe(&mut l);
        Schedule { aes, k1 }
    }

    /// Fills `derived` in place: a result that is moved leaves a copy of the key on the stack.
    pub(crate) fn derive(&self, nonce: &[u8; NONCE], derived: &mut Derived) {
        let (head, iv) = halves(nonce);

        // Kx, and the first block of both commitments.
        let mut first: [Block; 3] = [
            xor(&after(*b"\0\x01X\0", head), &self.k1).into(),
            xor(&after(*b"\0\x02X\0", head), &self.k1).into(),
            after(*b"XCMT", head).into(),
        ];
        self.aes.encrypt_blocks(&mut first);

        // The last block of each commitment.
        let chained = xor(&first[2].into(), &self.k1);
        let mut last: [Block; 2] =
            [xor(&before(iv, *b"\0\x01\0\x01"), &chained).into(), xor(&before(iv, *b"\0\x01\0\x02"), &chained).into()];
        self.aes.encrypt_blocks(&mut last);

        derived.message_key[..BLOCK].copy_from_slice(&first[0]);
        derived.message_key[BLOCK..].copy_from_slice(&first[1]);
        derived.iv = *iv;
        derived.commitment[..BLOCK].copy_from_slice(&last[0]);
        derived.commitment[BLOCK..].copy_from_slice(&last[1]);
        for block in &mut first {
            wipe(block);
        }
    }
}

impl Derived {
    pub(crate) const EMPTY: Derived = Derived { message_key: [0; 32], iv: [0; IV], commitment: [0; COMMITMENT] };
}

impl Drop for Schedule {
    fn drop(&mut self) {
        // The expanded key wipes itself: feature `zeroize` of the crate `aes`.
        wipe(&mut self.k1);
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        wipe(&mut self.message_key);
    }
}

const BLOCK: usize = 16;

// Lengths are part of the types below, so that all of it compiles to a few moves.

fn halves(nonce: &[u8; NONCE]) -> (&[u8; 12], &[u8; IV]) {
    let (halves, _) = nonce.as_chunks::<12>();
    (&halves[0], &halves[1])
}

fn after(front: [u8; 4], head: &[u8; 12]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..4].copy_from_slice(&front);
    block[4..].copy_from_slice(head);
    block
}

fn before(iv: &[u8; IV], back: [u8; 4]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..12].copy_from_slice(iv);
    block[12..].copy_from_slice(&back);
    block
}

fn xor(left: &[u8; BLOCK], right: &[u8; BLOCK]) -> [u8; BLOCK] {
    (u128::from_ne_bytes(*left) ^ u128::from_ne_bytes(*right)).to_ne_bytes()
}

/// Doubling in GF(2^128) as CMAC has it (SP 800-38B, section 6.1), without a branch on the key.
fn double(block: &[u8; BLOCK]) -> [u8; BLOCK] {
    let value = u128::from_be_bytes(*block);
    let carry = value >> 127;
    ((value << 1) ^ (carry * 0x87)).to_be_bytes()
}

/// The expanded key is wiped on drop only with this bound; a build without it must not compile.
const _: fn() = || {
    fn wiped_on_drop<T: zeroize::ZeroizeOnDrop>() {}
    wiped_on_drop::<Aes256Enc>();
};

#[cfg(test)]
mod tests {
    use super::*;

    /// SP 800-38B, appendix D.3 (AES-256): L = AES(K, 0^128) and the subkey K1.
    #[test]
    fn subkey_of_sp_800_38b() {
        let key = b"\x60\x3d\xeb\x10\x15\xca\x71\xbe\x2b\x73\xae\xf0\x85\x7d\x77\x81\
                    \x1f\x35\x2c\x07\x3b\x61\x08\xd7\x2d\x98\x10\xa3\x09\x14\xdf\xf4";
        let k1 = 0xcad1_ed03_299e_edac_2e9a_9980_8621_502f_u128.to_be_bytes();
        assert_eq!(Schedule::new(key).k1, k1);
    }

    #[test]
    fn doubling_reduces_when_the_top_bit_is_set() {
        assert_eq!(double(&1_u128.to_be_bytes()), 2_u128.to_be_bytes());
        assert_eq!(double(&(1_u128 << 127).to_be_bytes()), 0x87_u128.to_be_bytes());
        assert_eq!(double(&u128::MAX.to_be_bytes()), ((u128::MAX - 1) ^ 0x87).to_be_bytes());
    }
}
