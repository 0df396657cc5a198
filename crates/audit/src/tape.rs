//! Whole lines onto disk: one write for what waits, syncs that may fail, segments that follow each other.

use std::io;

use strongroom_crypto::hash;

use crate::Position;
use crate::error::{TrailError, no_room};
use crate::segment;
use crate::volume::{Access, Volume, VolumeFile};

/// The newest segment, and the lines that are not known to be durable.
///
/// Those stay in memory until a sync succeeded. After a failed one the kernel may have marked pages
/// clean that never reached the disk, so the segment is cut back to what was synced before, and the
/// lines are written once more into a new one.
pub(crate) struct Tape {
    volume: Box<dyn Volume>,
    segment_bytes: u64,
    reserve_bytes: u64,
    number: u64,
    file: Box<dyn VolumeFile>,
    /// Bytes of whole lines in the file.
    length: u64,
    /// How many of them are durable.
    synced_length: u64,
    /// Up to where space is reserved.
    reserved_end: u64,
    /// The lines behind `synced_length`, then the ones not written yet.
    backlog: Vec<u8>,
    /// Bytes of the backlog that are in the file.
    backlog_written: usize,
    appended: Position,
    written: Position,
    synced: Position,
    /// A sync failed: this segment may not grow any more.
    suspect: bool,
    /// It was cut back to what was durable before.
    cut_back: bool,
    /// The file of a successor may exist, of no use yet.
    successor_begun: bool,
    /// The segment a sync failed on, until that is reported.
    distrusted: Option<(String, io::Error)>,
    full: bool,
}

/// How a sync ended well.
#[derive(Debug)]
pub enum Synced {
    /// Everything written is durable.
    Clean,
    /// A sync failed, and everything is durable in a new segment: the volume deserves an alarm.
    Replaced {
        /// The file name of the segment that is not trusted any more.
        segment: String,
        /// Why.
        error: io::Error,
    },
}

impl Tape {
    /// Goes on behind the last whole line of a segment; everything up to there is durable.
    pub(crate) fn resume(
        volume: Box<dyn Volume>,
        sizes: (u64, u64),
        number: u64,
        file: Box<dyn VolumeFile>,
        last: Position,
    ) -> Result<Tape, TrailError> {
        let length = file.length().map_err(|source| failed("measuring", number, source))?;
        let mut tape = Tape {
            volume,
            segment_bytes: sizes.0,
            reserve_bytes: sizes.1,
            number,
            file,
            length,
            synced_length: length,
            reserved_end: length,
            backlog: Vec::new(),
            backlog_written: 0,
            appended: last,
            written: last,
            synced: last,
            suspect: false,
            cut_back: false,
            successor_begun: false,
            distrusted: None,
            full: false,
        };
        tape.extend_reserve();
        Ok(tape)
    }

    pub(crate) fn appended(&self) -> Position {
        self.appended
    }

    pub(crate) fn written(&self) -> Position {
        self.written
    }

    pub(crate) fn synced(&self) -> Position {
        self.synced
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn volume(&self) -> &dyn Volume {
        &*self.volume
    }

    /// Bytes in memory that are not known to be durable.
    pub(crate) fn backlog_bytes(&self) -> usize {
        self.backlog.len()
    }

    /// Takes a line that `render` writes, without its line feed.
    pub(crate) fn append(&mut self, render: impl FnOnce(&mut Vec<u8>)) -> Position {
        let start = self.backlog.len();
        render(&mut self.backlog);
        let head = hash::sha256(&[&self.backlog[start..]]);
        self.backlog.push(b'\n');
        self.appended = Position { seq: self.appended.seq + 1, head };
        self.appended
    }

    /// Writes what waits. On an error the whole lines that got through count as written, and a retry goes on behind them.
    pub(crate) fn write(&mut self) -> Result<(), TrailError> {
        if self.suspect {
            self.replace_segment()?;
        }
        while self.backlog_written < self.backlog.len() {
            let waiting = self.backlog.len() - self.backlog_written;
            let room = self.segment_bytes.saturating_sub(self.length);
            if waiting as u64 > room && !self.full {
                let fitting = self.whole_lines(usize::try_from(room).unwrap_or(usize::MAX));
                self.write_lines(fitting)?;
                if self.length > 0 {
                    self.sync()?;
                    self.begin_segment()?;
                    continue;
                }
            }
            self.write_lines(waiting)?;
        }
        self.extend_reserve();
        if self.backlog.len() > BACKLOG_LIMIT {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes everything that was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), TrailError> {
        if self.suspect {
            return self.replace_segment();
        }
        if self.synced_length == self.length {
            return Ok(());
        }
        match self.file.sync() {
            Ok(()) => {
                self.all_synced();
                Ok(())
            }
            Err(error) => {
                self.suspect = true;
                self.distrusted = Some((segment::name(self.number), error));
                self.replace_segment()
            }
        }
    }

    /// What became of the syncs since this was asked last.
    pub(crate) fn take_outcome(&mut self) -> Synced {
        match self.distrusted.take() {
            Some((segment, error)) => Synced::Replaced { segment, error },
            None => Synced::Clean,
        }
    }

    /// Begins the next segment, once everything in this one is durable. False when there is no room for it yet.
    pub(crate) fn begin_segment(&mut self) -> Result<bool, TrailError> {
        let next = self.number + 1;
        let (file, reserved_end) = match self.create_segment(next) {
            Ok(created) => created,
            Err(error) if error.is_full() => {
                self.full = true;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        // What is still reserved behind the old segment's last line is given back; losing it costs only space.
        let _ = self.file.cut(self.length);
        self.switch_to(next, file, reserved_end);
        Ok(true)
    }

    /// Whether the reserve is there; tries to get it when it was not.
    pub(crate) fn reserve_ok(&mut self) -> bool {
        self.extend_reserve();
        !self.full
    }

    fn write_lines(&mut self, bytes: usize) -> Result<(), TrailError> {
        let end = self.backlog_written + bytes;
        let mut through = self.backlog_written;
        while through < end {
            let offset = self.synced_length + through as u64;
            let error = match self.file.write_at(&self.backlog[through..end], offset) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(count) => {
                    through += count;
                    continue;
                }
                Err(error) => error,
            };
            self.keep_whole_lines(through);
            return Err(failed("writing", self.number, error));
        }
        self.advance(end);
        Ok(())
    }

    /// After a short write: what is behind the last whole line goes. If it cannot be cut off now, the
    /// retry writes the same bytes over it, and a crash before that leaves a torn line, which a start cuts.
    fn keep_whole_lines(&mut self, through: usize) {
        let whole = self.whole_lines(through - self.backlog_written);
        let torn = through > self.backlog_written + whole;
        self.advance(self.backlog_written + whole);
        if torn && self.file.cut(self.length).is_ok() {
            self.reserved_end = self.length;
        }
    }

    /// The bytes of the whole lines among the first `limit` waiting ones.
    fn whole_lines(&self, limit: usize) -> usize {
        let waiting = &self.backlog[self.backlog_written..];
        let within = &waiting[..limit.min(waiting.len())];
        within.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
    }

    /// Counts the backlog as written up to `end`, which is the end of a line.
    fn advance(&mut self, end: usize) {
        if end == self.backlog_written {
            return;
        }
        self.written = if end == self.backlog.len() {
            self.appended
        } else {
            let lines = &self.backlog[self.backlog_written..end];
            let count = lines.iter().filter(|&&byte| byte == b'\n').count();
            let last = lines[..lines.len() - 1].rsplit(|&byte| byte == b'\n').next();
            let head = hash::sha256(&[last.unwrap_or_default()]);
            Position { seq: self.written.seq + count as u64, head }
        };
        self.length += (end - self.backlog_written) as u64;
        self.backlog_written = end;
    }

    fn all_synced(&mut self) {
        self.backlog.drain(..self.backlog_written);
        self.backlog.shrink_to(BACKLOG_KEPT);
        self.backlog_written = 0;
        self.synced_length = self.length;
        self.synced = self.written;
    }

    /// After a failed sync: cuts this segment back to what was durable before, and writes the rest into a new one.
    fn replace_segment(&mut self) -> Result<(), TrailError> {
        if !self.cut_back {
            let cut = self.file.cut(self.synced_length);
            cut.map_err(|source| failed("cutting back", self.number, source))?;
            // The first sync after a failure reports nothing about the lost pages, and they are cut off:
            // this one only makes the new length durable, as far as the volume still can.
            let _ = self.file.sync();
            self.cut_back = true;
        }
        let next = self.number + 1;
        let (mut file, reserved_end) = self.create_segment(next)?;
        let mut through = 0;
        while through < self.backlog_written {
            let lines = &self.backlog[through..self.backlog_written];
            match file.write_at(lines, through as u64) {
                Ok(0) => {
                    return Err(failed("writing", next, io::ErrorKind::WriteZero.into()));
                }
                Ok(count) => through += count,
                Err(source) => return Err(failed("writing", next, source)),
            }
        }
        file.sync().map_err(|source| failed("syncing", next, source))?;
        self.switch_to(next, file, reserved_end);
        self.length = self.backlog_written as u64;
        self.all_synced();
        Ok(())
    }

    /// Makes an empty segment, durably, with its reserve.
    fn create_segment(&mut self, number: u64) -> Result<(Box<dyn VolumeFile>, u64), TrailError> {
        let name = segment::name(number);
        let access = if self.successor_begun { Access::Replace } else { Access::Create };
        let opened = self.volume.open(&name, access);
        let mut file = opened.map_err(|source| failed("creating", number, source))?;
        self.successor_begun = true;
        match file.reserve(self.reserve_bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(source) if self.suspect && no_room(&source) => self.full = true,
            Err(source) => {
                self.successor_begun = self.volume.remove(&name).is_err();
                return Err(failed("reserving room for", number, source));
            }
        }
        let synced = self.volume.sync_folder();
        synced.map_err(|source| TrailError::Folder { attempt: "syncing", source })?;
        Ok((file, self.reserve_bytes))
    }

    fn switch_to(&mut self, number: u64, file: Box<dyn VolumeFile>, reserved_end: u64) {
        self.number = number;
        self.file = file;
        self.length = 0;
        self.synced_length = 0;
        self.reserved_end = reserved_end;
        self.suspect = false;
        self.cut_back = false;
        self.successor_begun = false;
    }

    /// Keeps `reserve_bytes` behind the last line, a little more at a time so that not every write asks for it.
    fn extend_reserve(&mut self) {
        let least = self.length + self.reserve_bytes;
        if self.reserved_end >= least && !self.full {
            return;
        }
        let ample = least + self.reserve_bytes.min(RESERVE_STEP);
        self.full = !(self.reserve_up_to(ample) || self.reserve_up_to(least));
    }

    fn reserve_up_to(&mut self, end: u64) -> bool {
        let wanted = end.saturating_sub(self.reserved_end);
        // A reservation that fails half-way keeps what it got, and would take it from the data.
        if self.volume.free_bytes().is_ok_and(|free| free < wanted) {
            return false;
        }
        let reserved = match self.file.reserve(end) {
            Ok(()) => true,
            // This file system reserves nothing: the free space is all there is to go by.
            Err(error) => error.kind() == io::ErrorKind::Unsupported,
        };
        if reserved {
            self.reserved_end = end;
        }
        reserved
    }
}

fn failed(attempt: &'static str, number: u64, source: io::Error) -> TrailError {
    TrailError::Segment { attempt, segment: segment::name(number), source }
}

/// Beyond so many bytes that are not durable a write syncs by itself.
const BACKLOG_LIMIT: usize = 8 << 20;
/// Memory that is kept for the next lines.
const BACKLOG_KEPT: usize = 1 << 20;
const RESERVE_STEP: u64 = 4 << 20;
