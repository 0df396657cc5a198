//! The STREAM construction over AES-256-GCM (docs/spec/stream.md): frames in an order that nobody can change.
//!
//! Keys, counters and nonces of frames live here; the header's form is the business of `envelope`.

use core::fmt;

use strongroom_secret::{SecretBytes, wipe};
use thiserror::Error;

use crate::cipher::{OpenError, TAG};
use crate::gcm::{IV, MessageKey};
use crate::{derive, hash, labels, random};

/// Bytes of plaintext in every frame but the last.
pub const FRAME: usize = 64 * 1024;
/// Bytes of a sealed frame other than the last.
pub const SEALED_FRAME: usize = FRAME + TAG;
/// Bytes of the salt at the end of the header.
pub const SALT: usize = 32;

/// 2^32 frames were sealed: no further one has a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a stream has at most 2^32 frames of {FRAME} bytes, which is 256 TiB; divide the file")]
pub struct StreamFull;

/// Why a frame was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The frame is authentic and is not the last, but nothing follows: the stream was cut.
    #[error("the stream was cut: its last frames are missing")]
    Cut,
    /// The frame is authentic and is the last, but something follows.
    #[error("something follows the last frame of the stream")]
    Followed,
    /// Another key or header, another frame than the next, or changed bytes.
    #[error("the frame does not authenticate")]
    Unauthentic,
    /// An earlier frame did not open.
    #[error("an earlier frame of the stream did not open")]
    Ended,
}

/// Seals the frames of one stream, in order.
pub struct Sealer(Frames);

/// Opens the frames of one stream, in order. After a refusal it opens nothing more.
pub struct Opener {
    frames: Frames,
    ended: bool,
}

/// The key of a stream, and how far it was used.
struct Frames {
    key: MessageKey,
    prefix: [u8; PREFIX],
    next: u64,
}

impl Sealer {
    /// Completes the header with a fresh salt, and derives the stream's key from all of it.
    #[must_use]
    pub fn new(data_key: &[u8; 32], header: &mut Vec<u8>) -> Self {
        let mut salt = [0; SALT];
        random::fill(&mut salt);
        header.extend_from_slice(&salt);
        Self(Frames::derive(data_key, &salt, header))
    }

    /// Seals the next frame, which is not the last, in place: [`FRAME`] bytes and room for the tag.
    ///
    /// # Errors
    /// [`StreamFull`] when only the last frame fits.
    pub fn seal_next(&mut self, frame: &mut [u8; SEALED_FRAME]) -> Result<(), StreamFull> {
        if self.0.next >= MOST_FRAMES - 1 {
            return Err(StreamFull);
        }
        self.0.seal(frame, false);
        Ok(())
    }

    /// Seals the last frame in place: at most [`FRAME`] bytes, and room for the tag.
    ///
    /// # Panics
    /// When the frame has no room for the tag, is longer than a frame, or is empty and not the first: the caller divided
    /// the plaintext wrongly.
    pub fn seal_last(mut self, frame: &mut [u8]) {
        assert!(possible_last(self.0.next, frame.len()), "the plaintext was not divided as docs/spec/stream.md has it");
        self.0.seal(frame, true);
    }
}

impl Opener {
    /// Derives the key of the stream with this header, whose last bytes are the salt.
    ///
    /// # Panics
    /// When the header is shorter than its salt: it was not parsed.
    #[must_use]
    pub fn new(data_key: &[u8; 32], header: &[u8]) -> Self {
        let salt = header.last_chunk::<SALT>().expect("a parsed header ends with its salt");
        Self { frames: Frames::derive(data_key, salt, header), ended: false }
    }

    /// Opens the next frame, after which more follows; `out` then holds its plaintext and nothing else.
    ///
    /// # Errors
    /// [`FrameError`]; `out` is empty then, and nothing more opens.
    pub fn open_next(&mut self, frame: &[u8; SEALED_FRAME], out: &mut SecretBytes) -> Result<(), FrameError> {
        if self.ended {
            out.clear();
            return Err(FrameError::Ended);
        }
        let opened = self.frames.open_diagnosed(frame, false, out);
        self.ended = opened.is_err();
        opened
    }

    /// Opens the last frame, after which nothing follows; `out` then holds its plaintext and nothing else.
    ///
    /// # Errors
    /// [`FrameError`]; `out` is empty then.
    pub fn open_last(mut self, frame: &[u8], out: &mut SecretBytes) -> Result<(), FrameError> {
        let refused = match frame.len() {
            _ if self.ended => FrameError::Ended,
            // Cut right before a frame.
            0 => FrameError::Cut,
            length if !possible_last(self.frames.next, length) => FrameError::Unauthentic,
            _ => return self.frames.open_diagnosed(frame, true, out),
        };
        out.clear();
        Err(refused)
    }
}

impl Frames {
    fn derive(data_key: &[u8; 32], salt: &[u8; SALT], header: &[u8]) -> Self {
        let mut okm = [0; 32 + PREFIX];
        derive::into(salt, &[data_key], labels::STREAM, &hash::sha256(&[header]), &mut okm);
        let (key, prefix) = okm.split_first_chunk::<32>().expect("32 bytes and the prefix");
        let frames =
            Self { key: MessageKey::new(key), prefix: prefix.try_into().expect("the rest is the prefix"), next: 0 };
        wipe(&mut okm);
        frames
    }

    fn seal(&mut self, frame: &mut [u8], last: bool) {
        let (plaintext, tag) = frame.split_last_chunk_mut::<TAG>().expect("room for the tag was checked");
        *tag = self.key.seal(self.nonce(last), &[], plaintext);
        self.next += 1;
    }

    /// Opens a frame; one that does not open is tried as what it should not be, to say more about it.
    fn open_diagnosed(&mut self, frame: &[u8], last: bool, out: &mut SecretBytes) -> Result<(), FrameError> {
        if !last && self.next == MOST_FRAMES - 1 {
            // No honest sealer goes on behind the last number.
            out.clear();
            return Err(FrameError::Unauthentic);
        }
        if self.open(frame, last, out).is_ok() {
            self.next += 1;
            return Ok(());
        }
        let otherwise = frame.len() == SEALED_FRAME && self.open(frame, !last, out).is_ok();
        out.clear();
        Err(match (otherwise, last) {
            (true, true) => FrameError::Cut,
            (true, false) => FrameError::Followed,
            (false, _) => FrameError::Unauthentic,
        })
    }

    fn open(&self, frame: &[u8], last: bool, out: &mut SecretBytes) -> Result<(), OpenError> {
        let length = frame.len().checked_sub(TAG).ok_or(OpenError)?;
        // Overwritten in place: clearing it first would cost as much as a fifth of the decryption.
        out.truncate(length);
        out.extend_zeroed(length - out.len());
        let opened = self.key.open_into(self.nonce(last), &[], frame, out.expose_mut());
        if opened.is_err() {
            out.clear();
        }
        opened
    }

    fn nonce(&self, last: bool) -> [u8; IV] {
        let counter = u32::try_from(self.next).expect("no more than 2^32 frames are begun");
        let mut nonce = [0; IV];
        nonce[..PREFIX].copy_from_slice(&self.prefix);
        nonce[PREFIX..IV - 1].copy_from_slice(&counter.to_be_bytes());
        nonce[IV - 1] = u8::from(last);
        nonce
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stream::Sealer(frame {}, …)", self.0.next)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stream::Opener(frame {}, …)", self.frames.next)
    }
}

/// Whether frame `number` may be the last with this many sealed bytes.
fn possible_last(number: u64, sealed: usize) -> bool {
    (TAG..=SEALED_FRAME).contains(&sealed) && (sealed > TAG || number == 0)
}

const PREFIX: usize = 7;
const MOST_FRAMES: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer_at(next: u64) -> (Sealer, Opener) {
        let mut header = b"header".to_vec();
        let mut sealer = Sealer::new(&[0xa5; 32], &mut header);
        let mut opener = Opener::new(&[0xa5; 32], &header);
        (sealer.0.next, opener.frames.next) = (next, next);
        (sealer, opener)
    }

    #[test]
    fn the_last_number_is_for_the_last_frame() {
        let (mut sealer, mut opener) = sealer_at(MOST_FRAMES - 2);
        let (mut frame, mut out) = ([7; SEALED_FRAME], SecretBytes::new());
        assert_eq!(sealer.seal_next(&mut frame), Ok(()));
        assert_eq!(opener.open_next(&frame, &mut out), Ok(()));
        let mut refused = [7; SEALED_FRAME];
        assert_eq!(sealer.seal_next(&mut refused), Err(StreamFull));
        assert_eq!(refused, [7; SEALED_FRAME], "nothing was sealed");
        let mut last = [9; SEALED_FRAME];
        sealer.seal_last(&mut last);
        assert_eq!(opener.open_last(&last, &mut out), Ok(()));
        assert_eq!(out.expose(), [9; FRAME]);

        let (mut sealer, mut opener) = sealer_at(MOST_FRAMES - 1);
        let mut beyond = [7; SEALED_FRAME];
        sealer.0.seal(&mut beyond, false);
        assert_eq!(opener.open_next(&beyond, &mut out), Err(FrameError::Unauthentic));
        assert!(out.is_empty());
    }

    #[test]
    fn nonces_are_prefix_number_and_whether_it_is_the_last() {
        let (sealer, _) = sealer_at(0x0102_0304);
        let (open, last) = (sealer.0.nonce(false), sealer.0.nonce(true));
        assert_eq!(open[..7], sealer.0.prefix);
        assert_eq!(open[7..], [1, 2, 3, 4, 0]);
        assert_eq!(last[7..], [1, 2, 3, 4, 1]);
    }

    #[test]
    #[should_panic(expected = "divided")]
    fn an_empty_frame_is_the_only_one() {
        sealer_at(1).0.seal_last(&mut [0; TAG]);
    }

    #[test]
    #[should_panic(expected = "divided")]
    fn a_frame_is_not_longer_than_a_frame() {
        sealer_at(0).0.seal_last(&mut [0; SEALED_FRAME + 1]);
    }

    #[test]
    fn neither_prints_itself() {
        let (sealer, opener) = sealer_at(3);
        assert_eq!(format!("{sealer:?} {opener:?}"), "stream::Sealer(frame 3, …) stream::Opener(frame 3, …)");
    }
}
