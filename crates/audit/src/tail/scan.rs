//! One segment, read for what a start needs from it.

use strongroom_envelope::audit_line::Line;

use crate::Position;
use crate::chain::{Chain, Flaw};
use crate::error::TrailError;
use crate::segment::{self, Piece, SegmentReader};
use crate::volume::{Access, Volume};

/// How much of a segment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// The last checkpoint and what is behind it.
    SinceCheckpoint,
}

/// What a segment holds.
pub(crate) struct Scan {
    pub(crate) number: u64,
    /// Bytes up to the end of the last whole line.
    pub(crate) whole: u64,
    /// Bytes of the file.
    pub(crate) length: u64,
    /// Number and `prev` of the first line that was read.
    pub(crate) first: Option<Position>,
    pub(crate) last: Position,
    pub(crate) checkpoint: Option<SeenCheckpoint>,
    /// Lines behind the checkpoint, or all; and those of them with a MAC.
    pub(crate) unsigned: (u64, u64),
    pub(crate) last_epoch: Option<(u64, [u8; 32])>,
    pub(crate) last_place: Option<(u64, u32)>,
}

/// The last checkpoint of a segment.
pub(crate) struct SeenCheckpoint {
    pub(crate) number: u64,
    pub(crate) next_key: [u8; 32],
    pub(crate) position: Position,
    /// Where its line ends.
    pub(crate) end: u64,
}

impl Scan {
    /// Reads a segment. The lines before its last checkpoint have to follow each other by number and
    /// hash; those from there on are parsed as well. Only the newest segment may end torn.
    pub(crate) fn run(volume: &dyn Volume, number: u64, extent: Extent, may_be_torn: bool) -> Result<Scan, TrailError> {
        let read = |source| TrailError::Segment { attempt: "reading", segment: segment::name(number), source };
        let file = volume.open(&segment::name(number), Access::Read).map_err(read)?;
        let length = file.length().map_err(read)?;
        if let Some((line, mark)) = segment::last_mark(&*file, CHECKPOINT_MARK).map_err(read)? {
            let file = volume.open(&segment::name(number), Access::Read).map_err(read)?;
            let from = if extent == Extent::Whole { 0 } else { line };
            let mut scan = Scan::of(number, length);
            scan.read(SegmentReader::new(file, from), mark, may_be_torn)?;
            if scan.checkpoint.is_some() {
                return Ok(scan);
            }
            // The mark stands in a torn line: the last checkpoint, if there is one, is before it.
        }
        let mut scan = Scan::of(number, length);
        scan.read(SegmentReader::new(file, 0), 0, may_be_torn)?;
        Ok(scan)
    }

    /// Reads to the end; the lines that end before `mark` are not parsed.
    fn read(&mut self, mut reader: SegmentReader, mark: u64, may_be_torn: bool) -> Result<(), TrailError> {
        let segment = segment::name(self.number);
        let mut chain = Chain::from_anywhere();
        let mut line = 0;
        loop {
            let start = reader.next_offset();
            let piece = match reader.next() {
                Ok(None) => return Ok(()),
                Ok(Some(piece)) => piece,
                Err(source) => return Err(TrailError::Segment { attempt: "reading", segment, source }),
            };
            line += 1;
            let end = start + piece.bytes();
            let (judged, raw) = match piece {
                Piece::Line(raw) if end <= mark => (self.link(&mut chain, raw, end), raw),
                Piece::Line(raw) => (self.parse(&mut chain, raw, end), raw),
                Piece::Rest(raw) => (Err(Flaw::Endless), raw),
            };
            let Err(flaw) = judged else { continue };
            let unreadable = matches!(flaw, Flaw::NotALine(_) | Flaw::Endless);
            if may_be_torn && unreadable && (has_hole(raw) || end >= self.length) {
                return Ok(());
            }
            return Err(TrailError::Broken { segment, line, flaw });
        }
    }

    fn of(number: u64, length: u64) -> Scan {
        Scan {
            number,
            whole: 0,
            length,
            first: None,
            last: Position::default(),
            checkpoint: None,
            unsigned: (0, 0),
            last_epoch: None,
            last_place: None,
        }
    }

    fn link(&mut self, chain: &mut Chain, raw: &[u8], end: u64) -> Result<(), Flaw> {
        let linked = chain.accept_unparsed(raw)?;
        self.first.get_or_insert(linked);
        self.last = chain.last().unwrap_or_default();
        self.whole = end;
        Ok(())
    }

    fn parse(&mut self, chain: &mut Chain, raw: &[u8], end: u64) -> Result<(), Flaw> {
        let line = chain.accept(raw)?;
        self.first.get_or_insert(Position { seq: line.seq, head: line.prev });
        self.last = chain.last().unwrap_or_default();
        self.whole = end;
        self.count(&line);
        Ok(())
    }

    fn count(&mut self, line: &Line) {
        if let (Some(epoch), Some(anchor)) = (line.epoch, line.anchor)
            && self.last_epoch.is_none_or(|(highest, _)| highest <= epoch)
        {
            self.last_epoch = Some((epoch, anchor));
        }
        if let Some(checkpoint) = &line.checkpoint {
            let (number, next_key) = (checkpoint.number, checkpoint.next_key);
            self.checkpoint = Some(SeenCheckpoint { number, next_key, position: self.last, end: self.whole });
            self.unsigned = (0, 0);
        } else {
            self.unsigned.0 += 1;
            self.unsigned.1 += u64::from(line.mac.is_some());
        }
        // A checkpoint never divides a batch: its epoch is in the trail as a whole.
        let index = line.index.or(line.checkpoint.map(|_| u32::MAX));
        self.last_place = self.last_place.max(line.epoch.zip(index));
    }

    /// Whether the first line follows on the last one of the segment before.
    pub(crate) fn follows(&self, before: Position) -> Result<(), TrailError> {
        let Some(first) = self.first else {
            return Ok(());
        };
        let expected = before.seq.saturating_add(1);
        let flaw = if first.seq != expected {
            Flaw::Number { expected, found: first.seq }
        } else if first.head != before.head {
            Flaw::Link
        } else {
            return Ok(());
        };
        Err(TrailError::Broken { segment: segment::name(self.number), line: 1, flaw })
    }
}

/// The last line of a complete segment; none when a failed sync left it empty.
pub(crate) fn last_position(volume: &dyn Volume, number: u64) -> Result<Option<Position>, TrailError> {
    let segment = segment::name(number);
    let read = || {
        let file = volume.open(&segment, Access::Read)?;
        Ok((file.length()?, segment::last_line(&*file)?))
    };
    let last = match read() {
        Ok((0, _)) => return Ok(None),
        Ok((_, Some(line))) => Chain::from_anywhere().position_of(&line),
        Ok((_, None)) => Err(Flaw::Endless),
        Err(source) => {
            let attempt = "reading";
            return Err(TrailError::Segment { attempt, segment, source });
        }
    };
    let line = 0;
    last.map(Some).map_err(|flaw| TrailError::Broken { segment, line, flaw })
}

/// A power cut leaves zeros where a block was not written; a line never has any.
fn has_hole(raw: &[u8]) -> bool {
    raw.contains(&0)
}

/// Stands in every line with a checkpoint and, since quotes in texts are escaped, in no other.
const CHECKPOINT_MARK: &[u8] = b",\"checkpoint\":{\"number\":";
