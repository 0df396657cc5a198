//! Streams (docs/spec/stream.md) from a reader to a writer, in constant memory.
//!
//! These calls block; on a runtime they belong into `spawn_blocking`.

use std::io::{self, Read, Write};

use strongroom_envelope::stream::{FRAME, FrameError, HEADER, Opener, SEALED_FRAME, Sealer, StreamFull, TAG};
use strongroom_secret::{DataKey, SecretBytes};

pub use strongroom_envelope::stream::{StreamHeader, StreamRefusal};

use crate::local::FreshDataKey;

/// Why a stream was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The input could not be read.
    #[error("could not read the input: {source}")]
    Read {
        /// Why.
        source: io::Error,
    },
    /// The output could not be written.
    #[error("could not write the output: {source}")]
    Write {
        /// Why.
        source: io::Error,
    },
    /// The input does not begin as a stream.
    #[error("{0}")]
    Header(#[from] StreamRefusal),
    /// A frame did not open. What was written before is the beginning of the plaintext, and not the whole.
    #[error("{source}; only the first {written} bytes are authentic")]
    Frame {
        /// Bytes of plaintext that were written before.
        written: u64,
        /// Why.
        source: FrameError,
    },
    /// Longer than streams can be.
    #[error("{0}")]
    Full(#[from] StreamFull),
}

/// Seals all that `from` yields and answers how many bytes that were. `progress` is told this number after each frame.
///
/// # Errors
/// [`StreamError`]; what was written is then no stream.
pub fn seal(
    key: &FreshDataKey,
    from: &mut impl Read,
    to: &mut impl Write,
    mut progress: impl FnMut(u64),
) -> Result<u64, StreamError> {
    let mut sealer = Sealer::new(&key.data_key, &key.sealed);
    write(to, sealer.header())?;
    let (mut frame, mut ahead) = (Frame::new(FRAME), Frame::new(FRAME));
    let mut done = 0;
    frame.fill(from)?;
    loop {
        // Only when nothing follows is a full frame the last.
        if frame.is_full() {
            ahead.fill(from)?;
        }
        let length = frame.length;
        if !frame.is_full() || ahead.length == 0 {
            let last = &mut frame.room_mut()[..length + TAG];
            sealer.seal_last(last);
            write(to, last)?;
            done += length as u64;
            progress(done);
            return Ok(done);
        }
        sealer.seal_next(frame.room_mut())?;
        write(to, frame.room())?;
        done += length as u64;
        progress(done);
        core::mem::swap(&mut frame, &mut ahead);
        ahead.length = 0;
    }
}

/// Reads the header of a stream, whose data key is to be opened next.
///
/// # Errors
/// [`StreamError::Read`] and [`StreamError::Header`].
pub fn read_header(from: &mut impl Read) -> Result<StreamHeader, StreamError> {
    let mut header = [0; HEADER];
    let length = fill(from, &mut header)?;
    Ok(StreamHeader::parse(&header[..length])?)
}

/// Opens what follows the header and answers how many bytes of plaintext that were; each frame is written as soon as it
/// is authentic. `progress` is told the number after each frame.
///
/// # Errors
/// [`StreamError`]; what was written is then not the whole plaintext.
pub fn open(
    data_key: &DataKey,
    header: &StreamHeader,
    from: &mut impl Read,
    to: &mut impl Write,
    mut progress: impl FnMut(u64),
) -> Result<u64, StreamError> {
    let mut opener = Opener::new(data_key, header);
    let (mut frame, mut ahead) = (Frame::new(SEALED_FRAME), Frame::new(SEALED_FRAME));
    let mut plaintext = SecretBytes::with_capacity(FRAME);
    let mut written = 0;
    frame.fill(from)?;
    loop {
        if frame.is_full() {
            ahead.fill(from)?;
        }
        let refused = |source| StreamError::Frame { written, source };
        let last = !frame.is_full() || ahead.length == 0;
        if last {
            opener.open_last(&frame.room()[..frame.length], &mut plaintext).map_err(refused)?;
            return release(&plaintext, to, written, &mut progress);
        }
        opener.open_next(frame.room(), &mut plaintext).map_err(refused)?;
        written = release(&plaintext, to, written, &mut progress)?;
        core::mem::swap(&mut frame, &mut ahead);
        ahead.length = 0;
    }
}

/// Writes the plaintext of a frame that opened; answers how much was written in all.
fn release(
    plaintext: &SecretBytes,
    to: &mut impl Write,
    written: u64,
    progress: &mut impl FnMut(u64),
) -> Result<u64, StreamError> {
    write(to, plaintext.expose())?;
    let written = written + plaintext.len() as u64;
    progress(written);
    Ok(written)
}

/// Room for a sealed frame, wiped on drop.
struct Frame {
    bytes: SecretBytes,
    /// How many bytes are read into it, and how many make it full.
    length: usize,
    full: usize,
}

impl Frame {
    fn new(full: usize) -> Self {
        Self { bytes: SecretBytes::from_vec(vec![0; SEALED_FRAME]), length: 0, full }
    }

    fn fill(&mut self, from: &mut impl Read) -> Result<(), StreamError> {
        let full = self.full;
        self.length = fill(from, &mut self.room_mut()[..full])?;
        Ok(())
    }

    const fn is_full(&self) -> bool {
        self.length == self.full
    }

    fn room(&self) -> &[u8; SEALED_FRAME] {
        self.bytes.expose().try_into().expect("a frame has the room of a sealed frame")
    }

    fn room_mut(&mut self) -> &mut [u8; SEALED_FRAME] {
        self.bytes.expose_mut().try_into().expect("a frame has the room of a sealed frame")
    }
}

/// Reads until the room is full or nothing follows.
fn fill(from: &mut impl Read, room: &mut [u8]) -> Result<usize, StreamError> {
    let mut length = 0;
    while length < room.len() {
        match from.read(&mut room[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(StreamError::Read { source }),
        }
    }
    Ok(length)
}

fn write(to: &mut impl Write, bytes: &[u8]) -> Result<(), StreamError> {
    to.write_all(bytes).map_err(|source| StreamError::Write { source })
}
