//! Streams: files of any length, sealed and opened frame by frame in constant memory.

use strongroom_crypto::stream;
use strongroom_secret::{DataKey, SecretBytes};

use crate::data_key::{DataKeyRefusal, SEALED_DATA_KEY, SealedDataKey};
use crate::value::Purpose;

pub use strongroom_crypto::stream::{FRAME, FrameError, SEALED_FRAME, StreamFull};

/// The header of a stream, parsed and not yet authenticated: opening the first frame does that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHeader {
    bytes: [u8; HEADER],
    data_key: SealedDataKey,
}

/// The bytes are not the header of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamRefusal {
    /// It does not begin as streams do.
    #[error("not a stream that Strongroom sealed: it does not begin with SRST")]
    Magic,
    /// It ends within the header.
    #[error("the stream was cut: its header has {HEADER} bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// Another format.
    #[error("stream format {found} is not known")]
    Format {
        /// The format found.
        found: u8,
    },
    /// Another purpose than values.
    #[error("streams are sealed for purpose {}, not {found}", PURPOSE.byte())]
    Purpose {
        /// The purpose found.
        found: u8,
    },
    /// Another suite.
    #[error("stream suite 0x{found:04x} is not known")]
    Suite {
        /// The suite found.
        found: u16,
    },
    /// Another frame size.
    #[error("a stream has frames of {FRAME} bytes, not {found}")]
    FrameSize {
        /// The size found.
        found: u32,
    },
    /// What should be its sealed data key is none.
    #[error("parsing the data key of a stream")]
    DataKey(#[from] DataKeyRefusal),
}

/// Seals one stream: the header first, then every frame in order, the last one by [`Sealer::seal_last`].
#[derive(Debug)]
pub struct Sealer {
    header: Vec<u8>,
    frames: stream::Sealer,
}

/// Opens the frames of one stream, in order. After a refusal it opens nothing more.
#[derive(Debug)]
pub struct Opener(stream::Opener);

impl StreamHeader {
    /// Reads the first [`HEADER`] bytes of a stream.
    ///
    /// # Errors
    /// See [`StreamRefusal`].
    pub fn parse(header: &[u8]) -> Result<Self, StreamRefusal> {
        let length = header.len();
        let known = length.min(MAGIC.len());
        if header[..known] != MAGIC[..known] {
            return Err(StreamRefusal::Magic);
        }
        let bytes: [u8; HEADER] = header.try_into().map_err(|_| StreamRefusal::Length { length })?;
        let [_, _, _, _, format, purpose, s0, s1, f0, f1, f2, f3, rest @ ..] = &bytes;
        if *format != FORMAT {
            return Err(StreamRefusal::Format { found: *format });
        }
        if *purpose != PURPOSE.byte() {
            return Err(StreamRefusal::Purpose { found: *purpose });
        }
        let suite = u16::from_be_bytes([*s0, *s1]);
        if suite != SUITE {
            return Err(StreamRefusal::Suite { found: suite });
        }
        let frame = u32::from_be_bytes([*f0, *f1, *f2, *f3]);
        if frame != FRAME_SIZE {
            return Err(StreamRefusal::FrameSize { found: frame });
        }
        let data_key = SealedDataKey::from_bytes(PURPOSE, &rest[..SEALED_DATA_KEY])?;
        Ok(Self { bytes, data_key })
    }

    /// The data key to open first, with the context of the stream.
    #[must_use]
    pub const fn data_key(&self) -> &SealedDataKey {
        &self.data_key
    }
}

impl Sealer {
    /// Begins a stream under a data key and the same data key sealed, whose purpose is `values`. The stream has a key of
    /// its own, even when the data key serves for others.
    ///
    /// # Panics
    /// When the sealed data key has another purpose: [`StreamHeader::parse`] would refuse what came out.
    #[must_use]
    pub fn new(data_key: &DataKey, sealed_data_key: &SealedDataKey) -> Self {
        assert!(sealed_data_key.header().purpose == PURPOSE, "streams have data keys of purpose values");
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&[FORMAT, PURPOSE.byte()]);
        header.extend_from_slice(&SUITE.to_be_bytes());
        header.extend_from_slice(&FRAME_SIZE.to_be_bytes());
        header.extend_from_slice(sealed_data_key.as_bytes());
        let frames = stream::Sealer::new(data_key.expose(), &mut header);
        Self { header, frames }
    }

    /// What stands before the first frame, [`HEADER`] bytes.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Seals the next frame, which is not the last, in place: [`FRAME`] bytes of plaintext, and room for the tag.
    ///
    /// # Errors
    /// [`StreamFull`] when the stream is as long as streams can be.
    pub fn seal_next(&mut self, frame: &mut [u8; SEALED_FRAME]) -> Result<(), StreamFull> {
        self.frames.seal_next(frame)
    }

    /// Seals the last frame in place: 1 to [`FRAME`] bytes of plaintext, none only when it is the only frame, and room
    /// for the tag of [`TAG`] bytes.
    ///
    /// # Panics
    /// For a frame of another length: the caller divided the plaintext wrongly.
    pub fn seal_last(self, frame: &mut [u8]) {
        self.frames.seal_last(frame);
    }
}

impl Opener {
    /// Begins to open the stream with this header, under what its data key opened to.
    #[must_use]
    pub fn new(data_key: &DataKey, header: &StreamHeader) -> Self {
        Self(stream::Opener::new(data_key.expose(), &header.bytes))
    }

    /// Opens the next frame, after which more follows; `out` then holds its plaintext and nothing else.
    ///
    /// # Errors
    /// See [`FrameError`]; `out` is empty then, and nothing more opens.
    pub fn open_next(&mut self, frame: &[u8; SEALED_FRAME], out: &mut SecretBytes) -> Result<(), FrameError> {
        self.0.open_next(frame, out)
    }

    /// Opens the last frame, after which nothing follows; `out` then holds its plaintext and nothing else. Only when this
    /// succeeds was the stream whole.
    ///
    /// # Errors
    /// See [`FrameError`]; `out` is empty then.
    pub fn open_last(self, frame: &[u8], out: &mut SecretBytes) -> Result<(), FrameError> {
        self.0.open_last(frame, out)
    }
}

/// Bytes of a header.
pub const HEADER: usize = MAGIC.len() + 8 + SEALED_DATA_KEY + stream::SALT;
/// Bytes that sealing adds to a frame.
pub const TAG: usize = SEALED_FRAME - FRAME;
const MAGIC: &[u8; 4] = b"SRST";
const FORMAT: u8 = 1;
const PURPOSE: Purpose = Purpose::Values;
const SUITE: u16 = 0x0002;
const FRAME_SIZE: u32 = FRAME as u32;
