//! AEAD_AES_256_CBC_HMAC_SHA256, the cell of Microsoft's Always Encrypted (docs/spec/cell.md).
//!
//! Data of our own is sealed by [`crate::SealingKey`]; this is for cells that other products read and write, too.

use core::fmt;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes256Dec, Aes256Enc, Block};
use strongroom_secret::{ColumnKey, constant_time_eq, wipe};
use thiserror::Error;
use zeroize::zeroize_stack;

use crate::{labels, mac, random};

/// Bytes that a cell has before its ciphertext: version, tag, initialisation vector.
pub const HEADER: usize = 1 + mac::MAC + BLOCK;
/// Bytes of the shortest cell, that of a value without bytes.
pub const LEAST_CELL: usize = HEADER + BLOCK;
/// Bytes of a column encryption key's check value.
pub const KEY_CHECK: usize = 16;

/// How a cell's initialisation vector comes about. The numbers are those of SQL Server's catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// From the value: equal values are equal cells, which anybody with the database sees.
    Deterministic = 1,
    /// At random: nobody without the key sees which values are equal.
    Randomized = 2,
}

/// The bytes are not a cell of this key. Why is not told, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cell does not open under this column encryption key")]
pub struct CellNotOpened;

/// A column encryption key, ready to seal and open cells; what was derived from it is wiped on drop.
pub struct CellKey(Box<Derived>);

/// The three keys, prepared. Boxed, so that moving a [`CellKey`] leaves no copy behind.
struct Derived {
    encrypt: Aes256Enc,
    decrypt: Aes256Dec,
    tag: mac::Key,
    iv: mac::Key,
}

impl CellKey {
    /// Derives the keys for encryption, tags and initialisation vectors.
    #[must_use]
    pub fn derive(key: &ColumnKey) -> CellKey {
        let derived = expand(key);
        // What the derivation left on the stack below this frame.
        zeroize_stack::<STACK_OF_EXPANSION>();
        CellKey(derived)
    }

    /// Appends the cell of `plain` to `cell`.
    pub fn seal(&self, mode: Mode, plain: &[u8], cell: &mut Vec<u8>) {
        let iv = match mode {
            Mode::Deterministic => self.iv_of(plain),
            Mode::Randomized => random::iv(),
        };
        self.seal_with_iv(iv, plain, cell);
    }

    /// As [`CellKey::seal`]; for known answers only, hence not public.
    pub(crate) fn seal_with_iv(&self, iv: [u8; BLOCK], plain: &[u8], cell: &mut Vec<u8>) {
        let start = cell.len();
        cell.reserve(cell_length(plain.len()) + 1);
        cell.push(VERSION);
        cell.extend_from_slice(&[0; mac::MAC]);
        // What the tag is of lies there in one piece when the byte before, which is the tag's, says the version, and one more
        // byte behind says its length: for short values the pieces cost as much as the bytes.
        cell[start + mac::MAC] = VERSION;
        cell.extend_from_slice(&iv);
        self.encrypt_cbc(iv, plain, cell);
        cell.push(VERSION_BYTES);
        let tag = self.0.tag.mac(&[&cell[start + mac::MAC..]]);
        cell[start + 1..][..mac::MAC].copy_from_slice(&tag);
        cell.pop();
    }

    /// Opens a cell and appends its value to `plain`. On failure `plain` is as before. No mode is needed: both open alike.
    ///
    /// # Errors
    /// [`CellNotOpened`], for every reason alike.
    pub fn open(&self, cell: &[u8], plain: &mut Vec<u8>) -> Result<(), CellNotOpened> {
        let (version, rest) = cell.split_first().ok_or(CellNotOpened)?;
        let (tag, tagged) = rest.split_first_chunk::<{ mac::MAC }>().ok_or(CellNotOpened)?;
        let (iv, ciphertext) = tagged.split_first_chunk::<BLOCK>().ok_or(CellNotOpened)?;
        let (blocks, odd) = ciphertext.as_chunks::<BLOCK>();
        if *version != VERSION || blocks.is_empty() || !odd.is_empty() {
            return Err(CellNotOpened);
        }
        // Nothing is decrypted before the tag is right, so that padding tells an attacker nothing.
        if !constant_time_eq(&self.tag_of(tagged), tag) {
            return Err(CellNotOpened);
        }
        let start = plain.len();
        self.decrypt_cbc(iv, blocks, plain);
        let Some(padding) = padding(&plain[start..]) else {
            wipe(&mut plain[start..]);
            plain.truncate(start);
            return Err(CellNotOpened);
        };
        plain.truncate(plain.len() - padding);
        Ok(())
    }

    fn iv_of(&self, plain: &[u8]) -> [u8; BLOCK] {
        let [iv, _] = halves(&self.0.iv.mac(&[plain]));
        iv
    }

    /// The tag of `IV ‖ ciphertext`; a byte before says the version, one behind how long that is. Short ones are put together
    /// first, which costs less than giving them in pieces.
    fn tag_of(&self, tagged: &[u8]) -> [u8; mac::MAC] {
        let mut whole = [VERSION_BYTES; TAGGED_ON_STACK + 2];
        match whole.get_mut(..tagged.len() + 2) {
            Some(whole) => {
                whole[0] = VERSION;
                whole[1..=tagged.len()].copy_from_slice(tagged);
                self.0.tag.mac(&[whole])
            }
            None => self.0.tag.mac(&[&[VERSION], tagged, &[VERSION_BYTES]]),
        }
    }

    fn encrypt_cbc(&self, iv: [u8; BLOCK], plain: &[u8], out: &mut Vec<u8>) {
        let (blocks, rest) = plain.as_chunks::<BLOCK>();
        let padding = (BLOCK - rest.len()) as u8;
        let mut last = [padding; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let mut chained = iv;
        for block in blocks.iter().chain([&last]) {
            let mut block: Block = xor(block, &chained).into();
            self.0.encrypt.encrypt_block(&mut block);
            chained = block.into();
            out.extend_from_slice(&chained);
        }
    }

    fn decrypt_cbc(&self, iv: &[u8; BLOCK], blocks: &[[u8; BLOCK]], out: &mut Vec<u8>) {
        let mut chained = iv;
        out.reserve(blocks.len() * BLOCK);
        for group in blocks.chunks(TOGETHER) {
            let mut decrypted = [Block::default(); TOGETHER];
            let decrypted = &mut decrypted[..group.len()];
            for (into, block) in decrypted.iter_mut().zip(group) {
                *into = (*block).into();
            }
            // Blocks do not depend on each other in this direction: the processor overlaps them.
            self.0.decrypt.decrypt_blocks(decrypted);
            for (decrypted, block) in decrypted.iter().zip(group) {
                out.extend_from_slice(&xor(&(*decrypted).into(), chained));
                chained = block;
            }
        }
    }
}

impl Mode {
    /// Its name in commands, files and errors.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Deterministic => "deterministic",
            Mode::Randomized => "randomized",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Mode> {
        [Mode::Deterministic, Mode::Randomized].into_iter().find(|mode| mode.word() == word)
    }
}

impl fmt::Debug for CellKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CellKey(…)")
    }
}

/// Bytes of the cell of a value of so many bytes.
#[must_use]
pub const fn cell_length(plain: usize) -> usize {
    HEADER + (plain / BLOCK + 1) * BLOCK
}

/// What a column encryption key is recognised by, without giving it away (docs/spec/column-key.md).
#[must_use]
pub fn key_check(key: &ColumnKey) -> [u8; KEY_CHECK] {
    let [check, _] = halves(&mac::hmac_sha256(key.expose(), &[labels::COLUMN_KEY_CHECK.as_bytes()]));
    check
}

/// Not inlined, so that its stack can be wiped when it has returned.
#[inline(never)]
fn expand(key: &ColumnKey) -> Box<Derived> {
    let [encryption, tag, iv] = sub_keys(key);
    Box::new(Derived {
        encrypt: Aes256Enc::new(&encryption.into()),
        decrypt: Aes256Dec::new(&encryption.into()),
        tag: mac::Key::new(&tag),
        iv: mac::Key::new(&iv),
    })
}

/// The keys for encryption, tags and initialisation vectors.
pub(crate) fn sub_keys(key: &ColumnKey) -> [[u8; mac::MAC]; 3] {
    ["encryption", "MAC", "IV"].map(|use_of| sub_key(key, use_of))
}

const VERSION: u8 = 1;
/// Bytes of the version.
const VERSION_BYTES: u8 = 1;
/// The initialisation vector and the ciphertext of a value of up to 79 bytes.
const TAGGED_ON_STACK: usize = 6 * BLOCK;
const BLOCK: usize = 16;
/// Blocks decrypted at a time; more do not make it faster.
const TOGETHER: usize = 8;
/// Several times what an unoptimised build needs.
const STACK_OF_EXPANSION: usize = 8192;

/// `HMAC-SHA-256(key, text in UTF-16LE)`. The name of the algorithm inside the text has one underscore less than the one in
/// statements and documentation.
fn sub_key(key: &ColumnKey, use_of: &str) -> [u8; mac::MAC] {
    let text = format!(
        "Microsoft SQL Server cell {use_of} key with encryption algorithm:AEAD_AES_256_CBC_HMAC_SHA256 and key length:256"
    );
    let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    mac::hmac_sha256(key.expose(), &[&text])
}

/// How many bytes at the end are padding (PKCS #7), if they are as they should be.
fn padding(padded: &[u8]) -> Option<usize> {
    let length = usize::from(*padded.last()?);
    let tail = padded.get(padded.len().checked_sub(length)?..)?;
    let right = (1..=BLOCK).contains(&length) && tail.iter().all(|byte| usize::from(*byte) == length);
    right.then_some(length)
}

fn halves(whole: &[u8; mac::MAC]) -> [[u8; BLOCK]; 2] {
    let (halves, _) = whole.as_chunks::<BLOCK>();
    [halves[0], halves[1]]
}

fn xor(left: &[u8; BLOCK], right: &[u8; BLOCK]) -> [u8; BLOCK] {
    (u128::from_ne_bytes(*left) ^ u128::from_ne_bytes(*right)).to_ne_bytes()
}
