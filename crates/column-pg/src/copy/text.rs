//! The text format: fields between delimiters, with backslashes.

use strongroom_column::Format;

use super::line::{LineEnd, Seen};
use super::{Columns, CopyError, CopyProblem};
use crate::sql::{CopyFlow, CopyHeader, CopyOptions};

/// Where the reader stands.
pub(super) struct Reader {
    delimiter: u8,
    null: Vec<u8>,
    default: Option<Vec<u8>>,
    /// Bytes at which something may end or begin.
    special: [bool; 256],
    /// Whether this line holds names.
    header: bool,
    column: usize,
    /// The field of an encrypted column, as it is written.
    field: Vec<u8>,
    line_end: LineEnd,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a line.
    Start,
    /// In a line.
    Line,
    /// Behind a backslash; whether the line began with it.
    Backslash { first: bool },
    /// Behind `\.` at the beginning of a line.
    Marker,
    /// Behind the end of data.
    Ended,
}

impl Reader {
    pub(super) fn new(options: &CopyOptions) -> Self {
        let mut special = [false; 256];
        for byte in [options.delimiter, b'\\', b'\r', b'\n'] {
            if let Some(entry) = special.get_mut(usize::from(byte)) {
                *entry = true;
            }
        }
        Reader {
            delimiter: options.delimiter,
            null: options.null.clone().into_bytes(),
            default: options.default.clone().map(String::into_bytes),
            special,
            header: options.header != CopyHeader::Absent,
            column: 0,
            field: Vec::new(),
            line_end: LineEnd::default(),
            state: State::Start,
        }
    }

    pub(super) fn feed(&mut self, columns: &mut Columns, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        let mut rest = chunk;
        while let Some((byte, after)) = rest.split_first() {
            if self.state == State::Ended {
                // PostgreSQL reads it and does nothing with it.
                return Ok(());
            }
            if let State::Backslash { first } = self.state {
                self.escaped(columns, *byte, first, out)?;
                rest = after;
                continue;
            }
            rest = match self.line_end.next(*byte).map_err(|problem| columns.error(None, problem))? {
                Seen::End => {
                    self.end_line(columns, out)?;
                    self.end(*byte, out);
                    after
                }
                Seen::EndBefore => {
                    self.end_line(columns, out)?;
                    out.push(b'\r');
                    rest
                }
                Seen::Open => after,
                Seen::Nothing => self.in_line(columns, rest, out)?,
            };
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, columns: &mut Columns, out: &mut Vec<u8>) -> Result<(), CopyError> {
        let open = self.line_end.is_open();
        if open || !matches!(self.state, State::Start | State::Ended) {
            self.end_line(columns, out)?;
        }
        if open {
            out.push(b'\r');
        }
        Ok(())
    }

    /// A line's last byte; before a line feed the carriage return that was held back.
    fn end(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte == b'\n' && self.line_end.is_pair() {
            out.push(b'\r');
        }
        out.push(byte);
    }

    /// Bytes within a line, up to the next that may mean something; what is left of them.
    fn in_line<'c>(&mut self, columns: &mut Columns, rest: &'c [u8], out: &mut Vec<u8>) -> Result<&'c [u8], CopyError> {
        if self.state == State::Marker {
            return Err(columns.error(None, CopyProblem::Marker));
        }
        let Some((byte, after)) = rest.split_first() else {
            return Ok(rest);
        };
        let first = self.state == State::Start;
        self.state = State::Line;
        if *byte == b'\\' {
            self.pass(columns, b"\\", out)?;
            self.state = State::Backslash { first };
            return Ok(after);
        }
        if *byte == self.delimiter {
            self.end_field(columns, out)?;
            if !self.header {
                columns.check_next(self.column)?;
            }
            self.column += 1;
            out.push(*byte);
            return Ok(after);
        }
        let is_special = |byte: &u8| self.special.get(usize::from(*byte)).copied().unwrap_or(true);
        let length = rest.iter().position(is_special).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(length);
        self.pass(columns, plain, out)?;
        Ok(after)
    }

    /// The byte behind a backslash.
    fn escaped(&mut self, columns: &Columns, byte: u8, first: bool, out: &mut Vec<u8>) -> Result<(), CopyError> {
        self.state = match (byte, first) {
            (b'.', true) => State::Marker,
            (b'.', false) => return Err(columns.error(None, CopyProblem::Marker)),
            _ => State::Line,
        };
        self.pass(columns, &[byte], out)
    }

    /// Bytes of a field: kept when they are to be sealed or opened.
    fn pass(&mut self, columns: &Columns, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        if !self.header && columns.is_encrypted(self.column) {
            return columns.extend(self.column, &mut self.field, bytes);
        }
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn end_field(&mut self, columns: &mut Columns, out: &mut Vec<u8>) -> Result<(), CopyError> {
        if self.header || !columns.is_encrypted(self.column) {
            return Ok(());
        }
        let field = core::mem::take(&mut self.field);
        let default = columns.flow == CopyFlow::From && self.default.as_ref() == Some(&field);
        if field == self.null || default {
            out.extend_from_slice(&field);
        } else {
            let made = columns.transform(self.column, &unescape(&field), Format::Text)?;
            escape(&made, self.delimiter, out);
        }
        self.field = field;
        self.field.clear();
        Ok(())
    }

    fn end_line(&mut self, columns: &mut Columns, out: &mut Vec<u8>) -> Result<(), CopyError> {
        if self.state == State::Marker {
            // The marker lies in the field where the first column is encrypted, else it was passed.
            out.append(&mut self.field);
            self.state = State::Ended;
            return Ok(());
        }
        self.end_field(columns, out)?;
        if !self.header {
            columns.check_end(self.column)?;
        }
        columns.row += 1;
        self.header = false;
        self.column = 0;
        self.state = State::Start;
        Ok(())
    }
}

/// What a field stands for, as `COPY FROM` reads it.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'0'..=b'7', ..]) => number(after, 3, 8, &mut value),
            (b'\\', [b'x', digits @ ..]) if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
                number(digits, 2, 16, &mut value)
            }
            (b'\\', [letter, after @ ..]) => {
                value.push(match letter {
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0b,
                    other => *other,
                });
                after
            }
            (byte, after) => {
                value.push(*byte);
                after
            }
        };
    }
    value
}

/// Up to so many digits as one byte, of which only the lowest eight bits count; what is left.
fn number<'r>(rest: &'r [u8], most: usize, base: u32, value: &mut Vec<u8>) -> &'r [u8] {
    let digits = rest.iter().take(most).map_while(|byte| char::from(*byte).to_digit(base));
    let (count, number) = digits.fold((0, 0), |(count, number), digit| (count + 1, number * base + digit));
    value.push((number & 0xff) as u8);
    rest.get(count..).unwrap_or_default()
}

/// Appends a value as `COPY TO` writes it.
fn escape(value: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    out.reserve(value.len() + 8);
    for byte in value {
        let letter = match byte {
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            b'\\' => b'\\',
            other if *other == delimiter => delimiter,
            other => {
                out.push(*other);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}
