//! Segments: their names, and reading them line by line.

use std::io::{self, BufRead, BufReader, Read};

use crate::volume::{Volume, VolumeFile};

/// Bytes of the longest line that is read as one; ordinary lines have a few hundred.
pub(crate) const LINE_LIMIT: usize = 8 << 20;

/// The file name of a segment.
pub(crate) fn name(number: u64) -> String {
    format!("{PREFIX}{number:08}{SUFFIX}")
}

/// The number in a segment's file name; none for every other file.
pub(crate) fn number(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let parsed = digits.parse().ok()?;
    (name(parsed) == file_name).then_some(parsed)
}

/// The numbers of all segments of a folder, rising.
pub(crate) fn numbers(volume: &dyn Volume) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = volume.names()?.iter().filter_map(|file| number(file)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads one segment from an offset, line by line, in constant memory.
pub(crate) struct SegmentReader {
    input: BufReader<Sequential>,
    line: Vec<u8>,
    /// Where the line read last begins.
    pub(crate) offset: u64,
    next_offset: u64,
}

/// One piece of a segment, without its line feed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line that ended with a line feed.
    Line(&'a [u8]),
    /// The last bytes, without a line feed, or a line beyond [`LINE_LIMIT`].
    Rest(&'a [u8]),
}

impl Piece<'_> {
    /// How many bytes of the file it takes.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Piece::Line(line) => line.len() as u64 + 1,
            Piece::Rest(rest) => rest.len() as u64,
        }
    }
}

impl SegmentReader {
    pub(crate) fn new(file: Box<dyn VolumeFile>, offset: u64) -> SegmentReader {
        let input = BufReader::with_capacity(128 << 10, Sequential { file, offset });
        SegmentReader { input, line: Vec::new(), offset, next_offset: offset }
    }

    /// The next piece, none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.line.clear();
        let limit = LINE_LIMIT as u64 + 1;
        let read = (&mut self.input).take(limit).read_until(b'\n', &mut self.line)?;
        self.offset = self.next_offset;
        self.next_offset += read as u64;
        Ok(match self.line.split_last() {
            None => None,
            Some((b'\n', line)) => Some(Piece::Line(line)),
            Some(_) => Some(Piece::Rest(&self.line)),
        })
    }

    /// Where the next line begins.
    pub(crate) fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// Forgets the piece read last, so that it is read again when more of it is there.
    pub(crate) fn step_back(&mut self) {
        self.next_offset = self.offset;
        self.input.get_mut().offset = self.offset;
        let buffered = self.input.buffer().len();
        self.input.consume(buffered);
    }
}

/// The last line of a file that ends with a line feed, without it; none for every other file.
pub(crate) fn last_line(file: &dyn VolumeFile) -> io::Result<Option<Vec<u8>>> {
    let length = file.length()?;
    let mut window = 4 << 10;
    loop {
        let from = length.saturating_sub(window as u64);
        let mut bytes = vec![0; usize::try_from(length - from).unwrap_or(window)];
        if file.read_at(&mut bytes, from)? != bytes.len() {
            return Ok(None);
        }
        let Some((b'\n', lines)) = bytes.split_last() else {
            return Ok(None);
        };
        match lines.iter().rposition(|&byte| byte == b'\n') {
            Some(feed) => return Ok(Some(lines[feed + 1..].to_vec())),
            None if from == 0 => return Ok(Some(lines.to_vec())),
            None if window > LINE_LIMIT => return Ok(None),
            None => window *= 4,
        }
    }
}

/// Where `mark` stands last in a file, and where the line begins that it stands in.
pub(crate) fn last_mark(file: &dyn VolumeFile, mark: &[u8]) -> io::Result<Option<(u64, u64)>> {
    let mut end = file.length()?;
    let mut window = vec![0; MARK_WINDOW];
    while end > 0 {
        let from = end.saturating_sub(MARK_WINDOW as u64);
        let block = &mut window[..usize::try_from(end - from).unwrap_or(0)];
        let read = file.read_at(block, from)?;
        let block = &block[..read];
        if let Some(at) = block.windows(mark.len()).rposition(|bytes| bytes == mark) {
            let feed = block[..at].iter().rposition(|&byte| byte == b'\n');
            if feed.is_some() || from == 0 {
                let start = feed.map_or(0, |feed| feed + 1);
                return Ok(Some((from + start as u64, from + at as u64)));
            }
        }
        if from == 0 {
            break;
        }
        // Lines over the edge of two windows are looked at once more, as wholes.
        end = from + MARK_WINDOW as u64 / 2;
    }
    Ok(None)
}

/// Where the last `wanted` lines of a file begin, and how many there are.
pub(crate) fn before_last(file: &dyn VolumeFile, wanted: u64) -> io::Result<(u64, u64)> {
    let mut end = file.length()?;
    let mut feeds = 0;
    let mut window = vec![0; 64 << 10];
    while end > 0 {
        let from = end.saturating_sub(window.len() as u64);
        let block = &mut window[..usize::try_from(end - from).unwrap_or(0)];
        let read = file.read_at(block, from)?;
        for at in (0..read).rev().filter(|&at| block[at] == b'\n') {
            if feeds == wanted {
                return Ok((from + at as u64 + 1, wanted));
            }
            feeds += 1;
        }
        end = from;
    }
    Ok((0, feeds))
}

/// A file as a stream.
struct Sequential {
    file: Box<dyn VolumeFile>,
    offset: u64,
}

impl Read for Sequential {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

const MARK_WINDOW: usize = 256 << 10;
const PREFIX: &str = "trail-";
const SUFFIX: &str = ".jsonl";
