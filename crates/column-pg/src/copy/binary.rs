//! The binary format: a header, rows of fields with their lengths, a trailer.

use strongroom_column::Format;

use super::{Columns, CopyError, CopyProblem, FIELD_BYTES};

/// The first bytes of every such stream (PostgreSQL's documentation of COPY, "Binary Format").
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags, and the length of what else the header holds.
const HEADER_BYTES: usize = 19;

/// Where the reader stands.
pub(super) struct Reader {
    state: State,
    /// Bytes that make sense only together with those to come.
    kept: Vec<u8>,
    /// Whether a row was begun.
    begun: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    /// So many bytes of the header that nobody needs.
    Extension(usize),
    /// At the count of a row's fields.
    Count,
    /// At the length of a field.
    Length(usize),
    /// In a field that passes as it is, with so many bytes to come.
    Field(usize, usize),
    /// In a field of an encrypted column of this length.
    Cell(usize, usize),
    /// Behind the trailer.
    Ended,
}

impl Reader {
    pub(super) fn new() -> Self {
        Reader { state: State::Header, kept: Vec::new(), begun: false }
    }

    pub(super) fn feed(&mut self, columns: &mut Columns, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        let mut rest = chunk;
        while !rest.is_empty() {
            rest = match self.state {
                State::Header => self.collect(columns, rest, HEADER_BYTES, out, Self::header)?,
                State::Extension(left) => self.skip(rest, left, out, State::Extension, State::Count),
                State::Count => self.collect(columns, rest, 2, out, Self::count)?,
                State::Length(_) => self.collect(columns, rest, 4, out, Self::length)?,
                State::Field(column, left) => {
                    let next = next_field(columns, column);
                    self.skip(rest, left, out, |left| State::Field(column, left), next)
                }
                State::Cell(_, length) => self.collect(columns, rest, length, out, Self::cell)?,
                State::Ended => return Err(columns.error(None, CopyProblem::End)),
            };
            if let State::Cell(_, 0) = self.state {
                self.cell(columns, &[], out)?;
            }
        }
        Ok(())
    }

    /// A stream may end without its trailer: protocol version 3 ends it by a message.
    pub(super) fn finish(&self, columns: &Columns) -> Result<(), CopyError> {
        let whole = self.kept.is_empty() && matches!(self.state, State::Count | State::Ended | State::Header);
        if whole { Ok(()) } else { Err(columns.error(None, CopyProblem::End)) }
    }

    /// Hands `wanted` bytes on when they are there; what is left of `rest`.
    fn collect<'c>(
        &mut self,
        columns: &mut Columns,
        rest: &'c [u8],
        wanted: usize,
        out: &mut Vec<u8>,
        then: impl Fn(&mut Self, &mut Columns, &[u8], &mut Vec<u8>) -> Result<(), CopyError>,
    ) -> Result<&'c [u8], CopyError> {
        let missing = wanted.saturating_sub(self.kept.len()).min(rest.len());
        let (now, after) = rest.split_at(missing);
        if self.kept.is_empty() && now.len() == wanted {
            then(self, columns, now, out)?;
            return Ok(after);
        }
        self.kept.extend_from_slice(now);
        if self.kept.len() == wanted {
            let kept = core::mem::take(&mut self.kept);
            then(self, columns, &kept, out)?;
        }
        Ok(after)
    }

    /// Passes up to `left` bytes; what is left of `rest`.
    fn skip<'c>(
        &mut self,
        rest: &'c [u8],
        left: usize,
        out: &mut Vec<u8>,
        within: impl Fn(usize) -> State,
        then: State,
    ) -> &'c [u8] {
        let (now, after) = rest.split_at(left.min(rest.len()));
        out.extend_from_slice(now);
        self.state = if now.len() == left { then } else { within(left - now.len()) };
        after
    }

    fn header(&mut self, columns: &mut Columns, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        let unknown = || columns.error(None, CopyProblem::Signature);
        let (flags, extension) =
            bytes.strip_prefix(SIGNATURE).and_then(|rest| rest.split_at_checked(4)).ok_or_else(unknown)?;
        // Bits 16 to 31 are critical; bit 16 (object identifiers) is the only one that was ever used.
        if flags.iter().take(2).any(|byte| *byte != 0) {
            return Err(unknown());
        }
        let length = int4(extension).and_then(|length| usize::try_from(length).ok()).ok_or_else(unknown)?;
        out.extend_from_slice(bytes);
        self.state = if length == 0 { State::Count } else { State::Extension(length) };
        Ok(())
    }

    fn count(&mut self, columns: &mut Columns, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        columns.row += u64::from(core::mem::replace(&mut self.begun, true));
        let count = bytes.try_into().map(i16::from_be_bytes).unwrap_or_default();
        match usize::try_from(count) {
            Ok(count) if count < columns.columns.len() => {
                return Err(columns.error(Some(count), CopyProblem::MissingField));
            }
            Ok(count) if count > columns.columns.len() => {
                return Err(columns.error(None, CopyProblem::ExtraField));
            }
            Ok(0) => self.state = State::Count,
            Ok(_) => self.state = State::Length(0),
            Err(_) if count == -1 => self.state = State::Ended,
            Err(_) => return Err(columns.error(None, CopyProblem::Length)),
        }
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn length(&mut self, columns: &mut Columns, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        let State::Length(column) = self.state else {
            return Err(columns.error(None, CopyProblem::Length));
        };
        let length = int4(bytes).unwrap_or(i32::MIN);
        let Ok(length) = usize::try_from(length) else {
            if length != -1 {
                return Err(columns.error(Some(column), CopyProblem::Length));
            }
            out.extend_from_slice(bytes);
            self.go_on(columns, column);
            return Ok(());
        };
        if length > FIELD_BYTES {
            return Err(columns.error(Some(column), CopyProblem::TooLong));
        }
        if columns.is_encrypted(column) {
            self.state = State::Cell(column, length);
            return Ok(());
        }
        out.extend_from_slice(bytes);
        if length == 0 {
            self.go_on(columns, column);
        } else {
            self.state = State::Field(column, length);
        }
        Ok(())
    }

    fn cell(&mut self, columns: &mut Columns, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        let State::Cell(column, _) = self.state else {
            return Err(columns.error(None, CopyProblem::Length));
        };
        let made = columns.transform(column, bytes, Format::Binary)?;
        let length = i32::try_from(made.len()).ok().filter(|_| made.len() <= FIELD_BYTES);
        let length = length.ok_or_else(|| columns.error(Some(column), CopyProblem::TooLong))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&made);
        self.go_on(columns, column);
        Ok(())
    }

    fn go_on(&mut self, columns: &Columns, column: usize) {
        self.state = next_field(columns, column);
    }
}

/// What follows a field; behind the last, the next row.
fn next_field(columns: &Columns, column: usize) -> State {
    if column + 1 < columns.columns.len() {
        return State::Length(column + 1);
    }
    State::Count
}

fn int4(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().map(i32::from_be_bytes).ok()
}
