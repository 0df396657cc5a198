//! Streams from readers to writers: all lengths, in constant memory, with every fault told apart.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use strongroom_client::stream::{StreamError, StreamHeader, StreamRefusal, open, read_header, seal};
use strongroom_client::{Context, FreshDataKey, SealedDataKey};
use strongroom_crypto::SealingKey;
use strongroom_crypto::hash::Sha256;
use strongroom_envelope::Id;
use strongroom_envelope::stream::{FRAME, FrameError, HEADER, SEALED_FRAME, TAG};
use strongroom_envelope::value::{Place, Purpose};
use strongroom_secret::DataKey;

fn key() -> FreshDataKey {
    let data_key = DataKey::fill_with(|bytes| bytes.fill(0x42));
    let context = Context::empty();
    let place = Place::Context(&context);
    let sealed = SealedDataKey::seal(&SealingKey::new(&[7; 32]), Purpose::Values, Id([9; 16]), 1, &place, &data_key);
    FreshDataKey { data_key, sealed }
}

fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Yields at most so many bytes at a time, as pipes and sockets do.
struct Piecemeal<'a>(&'a [u8], usize);

impl Read for Piecemeal<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(room.len());
        self.0.read(&mut room[..length])
    }
}

fn sealed(length: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    assert_eq!(seal(&key(), &mut &plaintext(length)[..], &mut stream, |_| ()).unwrap(), length as u64);
    stream
}

fn opened(mut stream: &[u8], out: &mut Vec<u8>) -> Result<u64, StreamError> {
    let header = read_header(&mut stream)?;
    open(&key().data_key, &header, &mut stream, out, |_| ())
}

#[test]
fn all_lengths_in_all_pieces() {
    for length in [0, 1, 100, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 1, 3 * FRAME - 1] {
        for piece in [997, FRAME, FRAME + 1, usize::MAX] {
            let (whole, mut stream, mut told) = (plaintext(length), Vec::new(), Vec::new());
            seal(&key(), &mut Piecemeal(&whole, piece), &mut stream, |done| told.push(done)).unwrap();
            assert_eq!(stream.len(), HEADER + length + length.max(1).div_ceil(FRAME) * TAG);
            assert_eq!(told.last(), Some(&(length as u64)));
            assert!(told.is_sorted() && told.len() == length.max(1).div_ceil(FRAME));

            let (mut from, mut out) = (Piecemeal(&stream, piece), Vec::new());
            let header = read_header(&mut from).unwrap();
            assert_eq!(header.data_key(), &StreamHeader::parse(&stream[..HEADER]).unwrap().data_key().clone());
            let written = open(&key().data_key, &header, &mut from, &mut out, |_| ()).unwrap();
            assert_eq!((written, out), (length as u64, whole), "{length} in pieces of {piece}");
        }
    }
}

/// The stream of the second implementation, `vectors/stream/two-frames.json`.
#[test]
fn a_stream_of_the_second_implementation_opens() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/stream/two-frames.json");
    let vector: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let bytes = |name: &str| -> Vec<u8> {
        let digits = vector[name].as_str().unwrap().strip_prefix("hex:").unwrap();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    let (stream, data_key) = (bytes("stream"), DataKey::from_slice(&bytes("data_key")).unwrap());
    let (mut from, mut out) = (&stream[..], Vec::new());
    let header = read_header(&mut from).unwrap();
    open(&data_key, &header, &mut from, &mut out, |_| ()).unwrap();
    assert_eq!(out, plaintext(2 * FRAME));
}

#[test]
fn a_cut_stream_is_told_from_a_changed_one() {
    let stream = sealed(2 * FRAME + 10);
    let check = |stream: &[u8], released: usize, expected: FrameError| {
        let mut out = Vec::new();
        match opened(stream, &mut out).unwrap_err() {
            StreamError::Frame { written, source } => {
                assert_eq!((written, source), (released as u64, expected));
            }
            other => panic!("{other}"),
        }
        assert_eq!(out, plaintext(released));
    };
    check(&stream[..HEADER], 0, FrameError::Cut);
    check(&stream[..HEADER + SEALED_FRAME], 0, FrameError::Cut);
    check(&stream[..HEADER + 2 * SEALED_FRAME], FRAME, FrameError::Cut);
    check(&stream[..HEADER + 100], 0, FrameError::Unauthentic);
    check(&stream[..stream.len() - 1], 2 * FRAME, FrameError::Unauthentic);
    check(&[&stream[..], b"!"].concat(), 2 * FRAME, FrameError::Unauthentic);
    check(&[&sealed(FRAME)[..], b"!"].concat(), 0, FrameError::Followed);
    let mut changed = stream.clone();
    changed[HEADER + SEALED_FRAME] ^= 1;
    check(&changed, FRAME, FrameError::Unauthentic);
    for length in [4, 100, HEADER - 1] {
        let refused = opened(&stream[..length], &mut Vec::new()).unwrap_err();
        assert!(matches!(refused, StreamError::Header(StreamRefusal::Length { length: found }) if found == length));
    }
    let refused = opened(b"%PDF-1.7", &mut Vec::new()).unwrap_err();
    assert!(matches!(refused, StreamError::Header(StreamRefusal::Magic)), "{refused}");
    let message = opened(&stream[..HEADER + 2 * SEALED_FRAME], &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(message, "the stream was cut: its last frames are missing; only the first 65536 bytes are authentic");
}

/// Fails after so many bytes.
struct Failing(usize);

impl Failing {
    fn pass(&mut self, length: usize) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let length = length.min(self.0);
        self.0 -= length;
        Ok(length)
    }
}

impl Read for Failing {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.pass(room.len())
    }
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failing_reader_or_writer_is_an_error_of_its_own() {
    let stream = sealed(2 * FRAME + 10);
    for after in [0, 100, FRAME, 2 * FRAME] {
        let read = seal(&key(), &mut Failing(after), &mut io::sink(), |_| ()).unwrap_err();
        assert!(matches!(read, StreamError::Read { .. }), "{read}");
        let write = seal(&key(), &mut &plaintext(2 * FRAME)[..], &mut Failing(after), |_| ()).unwrap_err();
        assert!(matches!(write, StreamError::Write { .. }), "{write}");
        let header = StreamHeader::parse(&stream[..HEADER]).unwrap();
        let write = open(&key().data_key, &header, &mut &stream[HEADER..], &mut Failing(after), |_| ()).unwrap_err();
        assert!(matches!(write, StreamError::Write { .. }), "{write}");
    }
    assert!(matches!(read_header(&mut Failing(10)), Err(StreamError::Read { .. })));
}

/// A pipe's two ends: how much went in, how much came out, and the most that was between them.
struct Between {
    read: Cell<u64>,
    written: Cell<u64>,
    most: Cell<u64>,
}

struct Source<'a>(&'a Between, io::Take<io::Repeat>);
struct Sink<'a>(&'a Between, Sha256);

impl Read for Source<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.1.read(room)?;
        self.0.read.set(self.0.read.get() + length as u64);
        self.0.most.set(self.0.most.get().max(self.0.read.get().saturating_sub(self.0.written.get())));
        Ok(length)
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.written.set(self.0.written.get() + bytes.len() as u64);
        self.1.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_more_than_two_frames_are_held() {
    const LENGTH: u64 = 16 * 1024 * 1024 + 3;
    let between = Between { read: Cell::new(0), written: Cell::new(0), most: Cell::new(0) };
    let mut sink = Sink(&between, Sha256::new());
    seal(&key(), &mut Source(&between, io::repeat(0x5a).take(LENGTH)), &mut sink, |_| ()).unwrap();
    assert_eq!(between.read.get(), LENGTH);
    assert!(between.most.get() <= 2 * SEALED_FRAME as u64, "{}", between.most.get());
}
