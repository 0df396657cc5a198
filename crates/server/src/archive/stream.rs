//! What an archive is on the disk: a stream (docs/spec/stream.md), sealed as it is written and opened as it is read.

use std::io::{self, Read, Write};

use strongroom_crypto::hash::Sha256;
use strongroom_envelope::SealedDataKey;
use strongroom_envelope::stream::{FRAME, FrameError, HEADER, Opener, SEALED_FRAME, Sealer, StreamHeader, TAG};
use strongroom_secret::{DataKey, SecretBytes};

/// A stream that is being written, and the digest of its plaintext.
pub struct Sealing {
    sealer: Sealer,
    /// Whether the header stands in the file.
    is_begun: bool,
    /// Room for one frame; it is sealed when it is known whether more follows.
    frame: SecretBytes,
    filled: usize,
    digest: Sha256,
    length: u64,
}

/// What the plaintext of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub length: u64,
    pub sha256: [u8; 32],
}

impl Sealing {
    /// Under a data key of its own.
    pub fn new(data_key: &DataKey, sealed: &SealedDataKey) -> Self {
        Self {
            sealer: Sealer::new(data_key, sealed),
            is_begun: false,
            frame: SecretBytes::from_vec(vec![0; SEALED_FRAME]),
            filled: 0,
            digest: Sha256::new(),
            length: 0,
        }
    }

    /// How many bytes of plaintext it has.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Seals more.
    pub fn append(&mut self, plaintext: &SecretBytes, to: &mut impl Write) -> io::Result<()> {
        let mut rest = plaintext.expose();
        self.digest.update(rest);
        self.length += rest.len() as u64;
        self.begin(to)?;
        while !rest.is_empty() {
            if self.filled == FRAME {
                let frame: &mut [u8; SEALED_FRAME] = room(&mut self.frame);
                self.sealer.seal_next(frame).map_err(io::Error::other)?;
                to.write_all(frame)?;
                self.filled = 0;
            }
            let (now, later) = rest.split_at(rest.len().min(FRAME - self.filled));
            room(&mut self.frame)[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            rest = later;
        }
        Ok(())
    }

    /// Seals the end.
    pub fn finish(mut self, to: &mut impl Write) -> io::Result<Content> {
        self.begin(to)?;
        let last = &mut room(&mut self.frame)[..self.filled + TAG];
        self.sealer.seal_last(last);
        to.write_all(last)?;
        Ok(Content { length: self.length, sha256: self.digest.finish() })
    }

    fn begin(&mut self, to: &mut impl Write) -> io::Result<()> {
        if self.is_begun {
            return Ok(());
        }
        self.is_begun = true;
        to.write_all(self.sealer.header())
    }
}

/// Reads the header, whose data key is to be opened next.
pub fn header(from: &mut impl Read) -> io::Result<StreamHeader> {
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    StreamHeader::parse(&header).map_err(io::Error::other)
}

/// Opens what follows the header, to the end.
pub fn content(from: &mut impl Read, header: &StreamHeader, data_key: &DataKey) -> io::Result<Content> {
    let mut opener = Opener::new(data_key, header);
    let mut digest = Sha256::new();
    let mut length = 0;
    let mut plaintext = SecretBytes::with_capacity(FRAME);
    let mut frame = Vec::with_capacity(SEALED_FRAME);
    let mut ahead = Vec::with_capacity(SEALED_FRAME);
    fill(from, &mut frame)?;
    loop {
        fill(from, &mut ahead)?;
        let whole = <&[u8; SEALED_FRAME]>::try_from(frame.as_slice()).ok().filter(|_| !ahead.is_empty());
        let Some(whole) = whole else { break };
        opener.open_next(whole, &mut plaintext).map_err(unopened)?;
        digest.update(plaintext.expose());
        length += plaintext.len() as u64;
        core::mem::swap(&mut frame, &mut ahead);
    }
    opener.open_last(&frame, &mut plaintext).map_err(unopened)?;
    digest.update(plaintext.expose());
    Ok(Content { length: length + plaintext.len() as u64, sha256: digest.finish() })
}

fn unopened(error: FrameError) -> io::Error {
    io::Error::other(error)
}

fn fill(from: &mut impl Read, room: &mut Vec<u8>) -> io::Result<()> {
    room.clear();
    from.take(SEALED_FRAME as u64).read_to_end(room).map(|_| ())
}

fn room(frame: &mut SecretBytes) -> &mut [u8; SEALED_FRAME] {
    frame.expose_mut().try_into().expect("a frame has the room of a sealed frame")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use strongroom_crypto::SealingKey;
    use strongroom_envelope::Id;
    use strongroom_envelope::value::{Context, Place, Purpose};

    use super::*;

    fn keys() -> (DataKey, SealedDataKey) {
        let data_key = DataKey::from_slice(&[3; 32]).unwrap();
        let (context, master) = (Context::empty(), SealingKey::new(&[1; 32]));
        let sealed = SealedDataKey::seal(&master, Purpose::Values, Id::NIL, 1, &Place::Context(&context), &data_key);
        (data_key, sealed)
    }

    fn sealed(parts: &[usize]) -> (Vec<u8>, Content) {
        let (data_key, sealed) = keys();
        let mut sealing = Sealing::new(&data_key, &sealed);
        let mut file = Vec::new();
        for part in parts {
            sealing.append(&SecretBytes::from_slice(&vec![7; *part]), &mut file).unwrap();
        }
        let content = sealing.finish(&mut file).unwrap();
        (file, content)
    }

    fn opened(mut file: &[u8]) -> io::Result<Content> {
        let header = header(&mut file)?;
        content(&mut file, &header, &keys().0)
    }

    #[test]
    fn however_it_is_cut_it_is_one_stream() {
        for (parts, whole) in [
            (&[][..], 0),
            (&[1], 1),
            (&[FRAME], FRAME),
            (&[FRAME - 1, 2], FRAME + 1),
            (&[FRAME, FRAME], 2 * FRAME),
            (&[0, 3 * FRAME + 5, 0, 1], 3 * FRAME + 6),
        ] {
            let (file, content) = sealed(parts);
            // The frames and lengths of docs/spec/stream.md.
            assert_eq!(file.len(), HEADER + whole + TAG * whole.div_ceil(FRAME).max(1));
            let sha256 = strongroom_crypto::hash::sha256(&[&vec![7; whole]]);
            assert_eq!(content, Content { length: whole as u64, sha256 });
            assert_eq!(opened(&file).unwrap(), content);
        }
    }

    #[test]
    fn what_was_cut_or_changed_does_not_open() {
        let (file, _) = sealed(&[2 * FRAME]);
        assert!(opened(&file[..file.len() - 1]).is_err());
        assert!(opened(&file[..HEADER + SEALED_FRAME]).is_err());
        for at in [0, HEADER - 1, HEADER, file.len() - 1] {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed).is_err(), "{at}");
        }
    }
}
