//! Looking into a trail: searching it, and its last lines.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use strongroom_envelope::audit_line::{self, Line};
use strongroom_envelope::{Id, Timestamp};

use crate::segment::{self, Piece, SegmentReader};
use crate::volume::{Access, DiskVolume, Volume};

/// Which lines to find; what is absent does not matter. A text that ends in `*` matches what begins with the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The operation.
    pub operation: Option<String>,
    /// Who asked.
    pub principal: Option<String>,
    /// About what.
    pub target: Option<String>,
    /// The request's id.
    pub request: Option<Id>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// At most so many.
    pub limit: Option<u64>,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Searched {
    /// Lines that were shown.
    pub found: u64,
    /// Lines that could not be read; [`crate::verify`] tells more about them.
    pub unreadable: u64,
}

/// A trail could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
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
}

/// Shows every line that matches, oldest first, together with its bytes, in constant memory.
///
/// # Errors
/// When a file cannot be read; lines that do not parse are counted and passed over.
pub fn search(
    directory: &Path,
    filter: &Filter,
    show: &mut dyn FnMut(&Line, &[u8]) -> ControlFlow<()>,
) -> Result<Searched, ReadError> {
    let volume = DiskVolume::new(directory);
    let start = numbers(&volume)?.into_iter().map(|number| (number, 0)).collect();
    read(&volume, start, filter, show)
}

/// Shows the last `count` lines, oldest first, in constant memory.
///
/// # Errors
/// When a file cannot be read; lines that do not parse are counted and passed over.
pub fn last_lines(
    directory: &Path,
    count: u64,
    show: &mut dyn FnMut(&Line, &[u8]) -> ControlFlow<()>,
) -> Result<Searched, ReadError> {
    let volume = DiskVolume::new(directory);
    let mut start = Vec::new();
    let mut wanted = count;
    for number in numbers(&volume)?.into_iter().rev() {
        if wanted == 0 {
            break;
        }
        let file = volume.open(&segment::name(number), Access::Read);
        let from = file.and_then(|file| segment::before_last(&*file, wanted));
        let (offset, lines) = from.map_err(in_segment(number))?;
        start.push((number, offset));
        wanted -= lines;
    }
    start.reverse();
    read(&volume, start, &Filter::default(), show)
}

fn read(
    volume: &dyn Volume,
    start: Vec<(u64, u64)>,
    filter: &Filter,
    show: &mut dyn FnMut(&Line, &[u8]) -> ControlFlow<()>,
) -> Result<Searched, ReadError> {
    let mut searched = Searched::default();
    for (number, offset) in start {
        let opened = volume.open(&segment::name(number), Access::Read);
        let mut reader = SegmentReader::new(opened.map_err(in_segment(number))?, offset);
        while let Some(Piece::Line(raw)) = reader.next().map_err(in_segment(number))? {
            if filter.limit.is_some_and(|limit| searched.found >= limit) {
                return Ok(searched);
            }
            let Ok(line) = audit_line::parse(raw) else {
                searched.unreadable += 1;
                continue;
            };
            if filter.matches(&line) {
                searched.found += 1;
                if show(&line, raw).is_break() {
                    return Ok(searched);
                }
            }
        }
    }
    Ok(searched)
}

impl Filter {
    /// Whether a line is one of those.
    #[must_use]
    pub fn matches(&self, line: &Line) -> bool {
        like(self.operation.as_deref(), &line.operation)
            && like(self.principal.as_deref(), &line.principal)
            && like(self.target.as_deref(), &line.target)
            && self.request.is_none_or(|request| line.request == Some(request))
            && self.since.is_none_or(|since| line.time >= since)
            && self.until.is_none_or(|until| line.time <= until)
    }
}

fn like(pattern: Option<&str>, text: &str) -> bool {
    match pattern.map(|pattern| (pattern, pattern.strip_suffix('*'))) {
        None => true,
        Some((_, Some(beginning))) => text.starts_with(beginning),
        Some((whole, None)) => text == whole,
    }
}

fn numbers(volume: &dyn Volume) -> Result<Vec<u64>, ReadError> {
    segment::numbers(volume).map_err(ReadError::Folder)
}

fn in_segment(number: u64) -> impl Fn(io::Error) -> ReadError {
    move |source| ReadError::Segment { segment: segment::name(number), source }
}
