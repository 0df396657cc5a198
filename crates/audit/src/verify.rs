//! Judging a trail offline, with nothing but its files and the public key 0.

use std::io;
use std::path::{Path, PathBuf};

use strongroom_envelope::Timestamp;
use strongroom_envelope::audit_line::Line;

use crate::Position;
use crate::chain::{Chain, Flaw};
use crate::segment::{self, Piece, SegmentReader};
use crate::volume::{Access, DiskFile, DiskVolume, VolumeFile};

/// What a whole trail, or a part of one, holds, when everything in it is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many files were read.
    pub segments: u64,
    /// How many lines.
    pub lines: u64,
    /// The number of the first line; with 1 the trail is whole, else it was believed where it begins.
    pub first: u64,
    /// The last line.
    pub last: Position,
    /// The public key that line 1 announces, when line 1 is there.
    pub key_zero: Option<[u8; 32]>,
    /// The last checkpoint, when there is one.
    pub checkpoint: Option<LastCheckpoint>,
    /// Lines behind the last checkpoint: not yet signed, so only the server can vouch for them.
    pub unsigned_lines: u64,
    /// The highest epoch that a line gives an anchor value for, with that value.
    pub last_epoch: Option<(u64, [u8; 32])>,
    /// Bytes of an unfinished line at the end: being written right now, or left by a crash.
    pub torn_bytes: Option<u64>,
}

/// The last checkpoint of a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastCheckpoint {
    /// Its number, 0 for line 1.
    pub number: u64,
    /// The number of its line.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
}

/// A trail could not be judged, or is not in order.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The folder could not be listed.
    #[error("listing the folder {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A segment could not be read.
    #[error("reading the audit segment {}", segment.display())]
    Read {
        /// The file.
        segment: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// There is not one line.
    #[error("there is no audit trail")]
    Missing,
    /// The first line that is not in order.
    #[error("{}, line {line}: {flaw}", segment.display())]
    Finding {
        /// The file.
        segment: PathBuf,
        /// The line in the file, from 1.
        line: u64,
        /// What is wrong with it.
        flaw: Flaw,
    },
}

/// Verifies every segment of a folder, from line 1 on when that is there.
///
/// # Errors
/// The first finding, or what could not be read.
pub fn verify(directory: &Path, key_zero: Option<[u8; 32]>) -> Result<Report, VerifyError> {
    let listed = segment::numbers(&DiskVolume::new(directory));
    let numbers = listed.map_err(|source| VerifyError::Folder { folder: directory.to_path_buf(), source })?;
    let names = numbers.into_iter().map(segment::name);
    let files: Vec<PathBuf> = names.map(|name| directory.join(name)).collect();
    verify_files(&files, key_zero)
}

/// Verifies segments given one by one, in their order.
///
/// With `key_zero` the first line must be the beginning that announces this key. Without it, lines
/// from the middle of a trail are judged too: the first line and the first checkpoint are believed.
///
/// # Errors
/// The first finding, or what could not be read.
pub fn verify_files(files: &[PathBuf], key_zero: Option<[u8; 32]>) -> Result<Report, VerifyError> {
    let mut judge = Judge { chain: None, key_zero, report: None };
    for (index, segment) in files.iter().enumerate() {
        judge.segment(segment, index + 1 == files.len())?;
    }
    let mut report = judge.report.ok_or(VerifyError::Missing)?;
    report.segments = files.len() as u64;
    Ok(report)
}

struct Judge {
    chain: Option<Chain>,
    key_zero: Option<[u8; 32]>,
    report: Option<Report>,
}

impl Judge {
    fn segment(&mut self, segment: &Path, is_last: bool) -> Result<(), VerifyError> {
        let fail = |source| VerifyError::Read { segment: segment.to_path_buf(), source };
        let file = DiskFile::open(segment, Access::Read).map_err(fail)?;
        let length = file.length().map_err(fail)?;
        let mut reader = SegmentReader::new(Box::new(file), 0);
        let mut line = 0;
        while let Some(piece) = reader.next().map_err(fail)? {
            line += 1;
            let flaw = match piece {
                Piece::Line(raw) => match self.line(raw) {
                    Ok(()) => continue,
                    Err(flaw) => flaw,
                },
                Piece::Rest(_) => Flaw::Endless,
            };
            if let (Flaw::Endless, true, Some(report)) = (flaw, is_last, &mut self.report)
                && reader.next_offset() >= length
            {
                report.torn_bytes = Some(reader.next_offset() - reader.offset);
                return Ok(());
            }
            let segment = segment.to_path_buf();
            return Err(VerifyError::Finding { segment, line, flaw });
        }
        Ok(())
    }

    fn line(&mut self, raw: &[u8]) -> Result<(), Flaw> {
        let whole = self.key_zero.is_some();
        let chain =
            self.chain.get_or_insert_with(|| if whole { Chain::from_beginning() } else { Chain::from_anywhere() });
        let line = chain.accept(raw)?;
        let last = chain.last().unwrap_or_default();
        if let (1, Some(expected), Some(begun)) = (line.seq, self.key_zero, line.checkpoint)
            && begun.next_key != expected
        {
            return Err(Flaw::KeyZero);
        }
        self.report.get_or_insert_with(|| Report::of_first(&line)).count(&line, last);
        Ok(())
    }
}

impl Report {
    fn of_first(line: &Line) -> Report {
        Report {
            segments: 0,
            lines: 0,
            first: line.seq,
            last: Position::default(),
            key_zero: line.checkpoint.filter(|_| line.seq == 1).map(|begun| begun.next_key),
            checkpoint: None,
            unsigned_lines: 0,
            last_epoch: None,
            torn_bytes: None,
        }
    }

    fn count(&mut self, line: &Line, last: Position) {
        self.lines += 1;
        self.last = last;
        if let (Some(epoch), Some(anchor)) = (line.epoch, line.anchor)
            && self.last_epoch.is_none_or(|(highest, _)| highest <= epoch)
        {
            self.last_epoch = Some((epoch, anchor));
        }
        if let Some(checkpoint) = line.checkpoint {
            let (number, seq, time) = (checkpoint.number, line.seq, line.time);
            self.checkpoint = Some(LastCheckpoint { number, seq, time });
            self.unsigned_lines = 0;
        } else {
            self.unsigned_lines += 1;
        }
    }
}
