//! What makes lines a trail: numbers without gaps, hashes that link, checkpoints that are signed.

use strongroom_crypto::{hash, labels, signature};
use strongroom_envelope::audit_line::{self, Checkpoint, Line, LineRefusal};

use crate::Position;

/// The operation of line 1.
pub(crate) const BEGIN: &str = "audit.begin";
/// The operation of a checkpoint line.
pub(crate) const CHECKPOINT: &str = "audit.checkpoint";
/// The operation of the line that tells of a cut.
pub(crate) const CUT: &str = "audit.cut";

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It does not parse, or is not written in the one form a line has.
    #[error("not a trail line")]
    NotALine(#[from] LineRefusal),
    /// It has no line feed and is not the end of the trail, or it is far too long.
    #[error("a line without an end")]
    Endless,
    /// Its number does not follow.
    #[error("number {found} where {expected} follows")]
    Number {
        /// One more than the line before.
        expected: u64,
        /// What the line says.
        found: u64,
    },
    /// `prev` is not the hash of the line before.
    #[error("its hash of the line before does not match")]
    Link,
    /// Line 1, and no other, is `audit.begin` with checkpoint 0.
    #[error("not the beginning of a trail")]
    Beginning,
    /// The trail was begun with another key than the one it is verified with.
    #[error("the trail begins with another key 0")]
    KeyZero,
    /// A checkpoint line without a checkpoint, an ordinary line with one, or a checkpoint with a MAC or without a signature.
    #[error("not the form of a checkpoint line")]
    CheckpointForm,
    /// The number of the checkpoint does not follow.
    #[error("checkpoint {found} where {expected} follows")]
    CheckpointNumber {
        /// One more than the checkpoint before.
        expected: u64,
        /// What the line says.
        found: u64,
    },
    /// The signature is not one of the key that the checkpoint before announced.
    #[error("the signature of checkpoint {number} does not verify")]
    Signature {
        /// The number of the checkpoint.
        number: u64,
    },
}

/// Judges one line after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    last: Option<Position>,
    announced: Option<Checkpoint>,
}

impl Chain {
    /// For a trail from its first line on.
    pub(crate) fn from_beginning() -> Chain {
        Chain { last: Some(Position::default()), announced: None }
    }

    /// For lines from anywhere on: the first one is believed.
    pub(crate) fn from_anywhere() -> Chain {
        Chain::default()
    }

    /// For the lines behind a known one.
    pub(crate) fn after(last: Position) -> Chain {
        Chain { last: Some(last), announced: None }
    }

    /// The last line that was accepted.
    pub(crate) fn last(&self) -> Option<Position> {
        self.last
    }

    /// Takes the next line, given without its line feed.
    pub(crate) fn accept(&mut self, raw: &[u8]) -> Result<Line, Flaw> {
        let line = audit_line::parse(raw)?;
        self.follow(Position { seq: line.seq, head: line.prev })?;
        let begins = line.seq == 1;
        if begins != (line.operation == BEGIN) || (begins && line.prev != [0; 32]) || line.seq == 0 {
            return Err(Flaw::Beginning);
        }
        self.accept_checkpoint(&line)?;
        self.last = Some(Position { seq: line.seq, head: hash::sha256(&[raw]) });
        Ok(line)
    }

    /// Takes the next line by its number and hash alone, and answers those; what a signature behind it
    /// covers need not be parsed to be believed. The next checkpoint that is parsed is believed as well.
    pub(crate) fn accept_unparsed(&mut self, raw: &[u8]) -> Result<Position, Flaw> {
        let Some(linked) = link_of(raw).filter(|linked| linked.seq > 1) else {
            let line = self.accept(raw)?;
            self.announced = None;
            return Ok(Position { seq: line.seq, head: line.prev });
        };
        self.follow(linked)?;
        self.last = Some(Position { seq: linked.seq, head: hash::sha256(&[raw]) });
        Ok(linked)
    }

    /// Whether a line of this number with this `prev` comes next.
    fn follow(&self, line: Position) -> Result<(), Flaw> {
        let Some(last) = self.last else {
            return Ok(());
        };
        let expected = last.seq.saturating_add(1);
        if line.seq != expected {
            return Err(Flaw::Number { expected, found: line.seq });
        }
        if line.head != last.head {
            return Err(Flaw::Link);
        }
        Ok(())
    }

    /// Takes a line and answers where the trail is with it.
    pub(crate) fn position_of(mut self, raw: &[u8]) -> Result<Position, Flaw> {
        self.accept(raw)?;
        Ok(self.last.unwrap_or_default())
    }

    fn accept_checkpoint(&mut self, line: &Line) -> Result<(), Flaw> {
        let expected = line.operation == BEGIN || line.operation == CHECKPOINT;
        let Some(checkpoint) = line.checkpoint.filter(|_| expected) else {
            return if expected || line.checkpoint.is_some() { Err(Flaw::CheckpointForm) } else { Ok(()) };
        };
        if line.mac.is_some() {
            return Err(Flaw::CheckpointForm);
        }
        match checkpoint.signature {
            None if line.seq == 1 && checkpoint.number == 0 => {}
            Some(signature) if line.seq > 1 => self.verify(line, &checkpoint, &signature)?,
            _ => return Err(Flaw::CheckpointForm),
        }
        self.announced = Some(checkpoint);
        Ok(())
    }

    fn verify(&self, line: &Line, checkpoint: &Checkpoint, signature: &[u8; 64]) -> Result<(), Flaw> {
        let Some(announced) = self.announced else {
            return Ok(());
        };
        let (expected, found) = (announced.number.saturating_add(1), checkpoint.number);
        if found != expected {
            return Err(Flaw::CheckpointNumber { expected, found });
        }
        if signature::verify(&announced.next_key, &signed_text(line), signature) {
            Ok(())
        } else {
            Err(Flaw::Signature { number: found })
        }
    }
}

/// What the signature of a checkpoint line is over.
pub(crate) fn signed_text(line: &Line) -> Vec<u8> {
    let mut text = labels::AUDIT_CHECKPOINT.as_bytes().to_vec();
    audit_line::render_for_signature(line, &mut text);
    text
}

/// Number and `prev` of a line, by where they stand in it; none when it does not look like a line.
fn link_of(raw: &[u8]) -> Option<Position> {
    let after = raw.strip_prefix(b"{\"seq\":")?;
    let digits = after.split(|byte| *byte == b',').next()?;
    let seq = core::str::from_utf8(digits).ok()?.parse().ok()?;
    let end = raw.strip_suffix(b"\"}")?;
    let plain = end.split_last_chunk::<PREV>()?;
    let prev = match plain.1.strip_prefix(PREV_NAME) {
        Some(digits) => digits,
        None => {
            let (before, mac) = end.split_last_chunk::<MAC>()?;
            mac.strip_prefix(MAC_NAME)?;
            before.split_last_chunk::<PREV>()?.1.strip_prefix(PREV_NAME)?
        }
    };
    let mut head = [0; 32];
    for (byte, pair) in head.iter_mut().zip(prev.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(Position { seq, head })
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

const PREV_NAME: &[u8] = b",\"prev\":\"";
const PREV: usize = PREV_NAME.len() + 64;
/// It comes behind the closing quote of `prev`.
const MAC_NAME: &[u8] = b"\",\"mac\":\"";
const MAC: usize = MAC_NAME.len() + 32;
