//! Following a trail from one line on, while it is written: what ships lines elsewhere reads with this.

use std::io;
use std::path::{Path, PathBuf};

use strongroom_envelope::audit_line::{self, Line, LineRefusal};

use crate::segment::{self, Piece, SegmentReader};
use crate::volume::{Access, DiskVolume, Volume};

/// Reads line after line, over segments, each once and in order.
pub struct Follower {
    directory: PathBuf,
    next_seq: u64,
    current: Option<(u64, SegmentReader)>,
    /// The wanted line was looked for anew, without success so far.
    relocated: bool,
}

/// A line, parsed, and its bytes without the line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The line.
    pub line: Line,
    /// Its bytes.
    pub raw: Vec<u8>,
}

/// The next line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The folder could not be listed.
    #[error("listing the folder of the audit trail")]
    Folder(#[source] io::Error),
    /// A segment could not be read.
    #[error("reading the audit segment {segment}")]
    Segment {
        /// The file name.
        segment: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A line does not parse.
    #[error("the audit line {seq} cannot be read")]
    Line {
        /// The number it should have.
        seq: u64,
        /// Why.
        #[source]
        refusal: LineRefusal,
    },
    /// The line is not there, but a later one is.
    #[error("the audit trail has no line {seq}; the next one is {found}")]
    Gap {
        /// The line that should come next.
        seq: u64,
        /// The line that comes.
        found: u64,
    },
}

impl Follower {
    /// Begins at line `seq`, which need not exist yet.
    #[must_use]
    pub fn new(directory: &Path, seq: u64) -> Follower {
        Follower { directory: directory.to_path_buf(), next_seq: seq.max(1), current: None, relocated: false }
    }

    /// The number of the line that comes next.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The next line, none while there is none up to `until`. Nothing is waited for.
    ///
    /// Pass the number of the last *durable* line as `until`: a line that is not durable yet may be
    /// lost in a crash, and another one may then have its number.
    ///
    /// # Errors
    /// When it cannot be read; the next call tries it again.
    pub fn next(&mut self, until: u64) -> Result<Option<Followed>, FollowError> {
        while self.next_seq <= until {
            let Some(raw) = self.next_raw()? else {
                return Ok(None);
            };
            let parsed = audit_line::parse(&raw);
            let seq = self.next_seq;
            let line = match parsed {
                Ok(line) if line.seq < seq => continue,
                Ok(line) if line.seq == seq => line,
                Ok(Line { seq: found, .. }) => {
                    // A next segment may have been begun and taken back while the one before still grew.
                    self.current = None;
                    if !std::mem::replace(&mut self.relocated, true) {
                        continue;
                    }
                    self.relocated = false;
                    return Err(FollowError::Gap { seq, found });
                }
                Err(refusal) => {
                    self.step_back();
                    return Err(FollowError::Line { seq, refusal });
                }
            };
            self.next_seq += 1;
            self.relocated = false;
            return Ok(Some(Followed { line, raw }));
        }
        Ok(None)
    }

    fn next_raw(&mut self) -> Result<Option<Vec<u8>>, FollowError> {
        loop {
            if self.current.is_none() {
                self.current = self.find()?;
            }
            let Some((number, reader)) = &mut self.current else {
                return Ok(None);
            };
            let number = *number;
            if let Some(raw) = whole_line(reader).map_err(in_segment(number))? {
                return Ok(Some(raw));
            }
            let listed = segment::numbers(&DiskVolume::new(&self.directory));
            let numbers = listed.map_err(FollowError::Folder)?;
            let Some(newer) = numbers.into_iter().find(|&newer| newer > number) else {
                return Ok(None);
            };
            // Since a newer segment exists, this one grows no more: what it got meanwhile is its last.
            if let Some(raw) = whole_line(reader).map_err(in_segment(number))? {
                return Ok(Some(raw));
            }
            self.current = Some((newer, self.open(newer)?));
        }
    }

    /// The newest segment that begins no later than the wanted line; else the oldest.
    fn find(&self) -> Result<Option<(u64, SegmentReader)>, FollowError> {
        let listed = segment::numbers(&DiskVolume::new(&self.directory));
        let mut oldest = None;
        for number in listed.map_err(FollowError::Folder)?.into_iter().rev() {
            let mut reader = self.open(number)?;
            let Some(raw) = whole_line(&mut reader).map_err(in_segment(number))? else {
                continue;
            };
            reader.step_back();
            let seq = self.next_seq;
            let first = audit_line::parse(&raw);
            let first = first.map_err(|refusal| FollowError::Line { seq, refusal })?;
            oldest = Some((number, reader));
            if first.seq <= seq {
                break;
            }
        }
        Ok(oldest)
    }

    fn open(&self, number: u64) -> Result<SegmentReader, FollowError> {
        let volume = DiskVolume::new(&self.directory);
        let opened = volume.open(&segment::name(number), Access::Read);
        Ok(SegmentReader::new(opened.map_err(in_segment(number))?, 0))
    }

    fn step_back(&mut self) {
        if let Some((_, reader)) = &mut self.current {
            reader.step_back();
        }
    }
}

fn whole_line(reader: &mut SegmentReader) -> io::Result<Option<Vec<u8>>> {
    if let Some(Piece::Line(raw)) = reader.next()? {
        return Ok(Some(raw.to_vec()));
    }
    reader.step_back();
    Ok(None)
}

fn in_segment(number: u64) -> impl Fn(io::Error) -> FollowError {
    move |source| FollowError::Segment { segment: segment::name(number), source }
}
