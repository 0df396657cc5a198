//! CSV: fields between delimiters, with quotes that may begin and end anywhere in a field.

use strongroom_column::Format;

use super::line::{LineEnd, Seen};
use super::{Columns, CopyColumn, CopyError, CopyProblem};
use crate::sql::{CopyFlow, CopyHeader, CopyOptions};

/// Where the reader stands.
pub(super) struct Reader {
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    default: Option<Vec<u8>>,
    /// What holds of each column.
    forced: Vec<Forced>,
    /// Whether this line holds names.
    header: bool,
    column: usize,
    field: Field,
    line_end: LineEnd,
    quoting: Quoting,
    marker: Marker,
}

/// What the statement says of a column.
#[derive(Clone, Copy)]
struct Forced {
    quoted: bool,
    not_null: bool,
    null: bool,
}

/// The field of an encrypted column.
#[derive(Default)]
struct Field {
    /// As it is written.
    raw: Vec<u8>,
    /// Without its quotes.
    value: Vec<u8>,
    /// Whether it had any.
    was_quoted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Outside,
    Inside,
    /// Inside, behind the escape character; it may be the quote itself.
    Escape,
}

/// How much of a line is `\.`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    /// Nothing: the line begins here.
    Start,
    /// The backslash.
    Backslash,
    /// All of it.
    Whole,
    /// The line is another.
    Other,
    /// The line before was.
    Ended,
}

impl Reader {
    pub(super) fn new(options: &CopyOptions, columns: &[CopyColumn]) -> Self {
        let forced = |column: &CopyColumn| Forced {
            quoted: options.force_quote.holds(&column.name),
            not_null: options.force_not_null.holds(&column.name),
            null: options.force_null.holds(&column.name),
        };
        Reader {
            delimiter: options.delimiter,
            quote: options.quote,
            escape: options.escape,
            null: options.null.clone().into_bytes(),
            default: options.default.clone().map(String::into_bytes),
            forced: columns.iter().map(forced).collect(),
            header: options.header != CopyHeader::Absent,
            column: 0,
            field: Field::default(),
            line_end: LineEnd::default(),
            quoting: Quoting::Outside,
            marker: Marker::Start,
        }
    }

    pub(super) fn feed(&mut self, columns: &mut Columns, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        let mut rest = chunk;
        while let Some((byte, after)) = rest.split_first() {
            if self.marker == Marker::Ended {
                return Err(columns.error(None, CopyProblem::AfterMarker));
            }
            if self.quoting == Quoting::Inside {
                rest = self.inside(columns, rest, out)?;
                continue;
            }
            if self.quoting == Quoting::Escape && self.behind_escape(columns, *byte, out)? {
                rest = after;
                continue;
            }
            if self.quoting != Quoting::Outside {
                continue;
            }
            rest = match self.line_end.next(*byte).map_err(|problem| columns.error(None, problem))? {
                Seen::End => {
                    self.end_line(columns, out)?;
                    if *byte == b'\n' && self.line_end.is_pair() {
                        out.push(b'\r');
                    }
                    out.push(*byte);
                    after
                }
                Seen::EndBefore => {
                    self.end_line(columns, out)?;
                    out.push(b'\r');
                    rest
                }
                Seen::Open => after,
                Seen::Nothing => self.outside(columns, rest, out)?,
            };
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, columns: &mut Columns, out: &mut Vec<u8>) -> Result<(), CopyError> {
        match self.quoting {
            // PostgreSQL does not look into the names.
            _ if self.header => {}
            Quoting::Inside => return Err(columns.error(Some(self.column), CopyProblem::Quote)),
            Quoting::Escape if self.escape != self.quote => {
                return Err(columns.error(Some(self.column), CopyProblem::Quote));
            }
            Quoting::Escape | Quoting::Outside => self.quoting = Quoting::Outside,
        }
        let open = self.line_end.is_open();
        if !open && self.marker == Marker::Whole {
            // Without the end of its line it is data.
            self.marker = Marker::Other;
        }
        if open || !matches!(self.marker, Marker::Start | Marker::Ended) {
            self.end_line(columns, out)?;
        }
        if open {
            out.push(b'\r');
        }
        Ok(())
    }

    /// Bytes outside quotes, up to the next that may mean something; what is left of them.
    fn outside<'c>(&mut self, columns: &mut Columns, rest: &'c [u8], out: &mut Vec<u8>) -> Result<&'c [u8], CopyError> {
        let Some((byte, after)) = rest.split_first() else {
            return Ok(rest);
        };
        self.marker = match (self.marker, byte) {
            (Marker::Start, b'\\') => Marker::Backslash,
            (Marker::Backslash, b'.') => Marker::Whole,
            _ => Marker::Other,
        };
        if *byte == self.delimiter {
            self.end_field(columns, out)?;
            if !self.header {
                columns.check_next(self.column)?;
            }
            self.column += 1;
            out.push(*byte);
            return Ok(after);
        }
        if *byte == self.quote {
            self.quoting = Quoting::Inside;
            self.field.was_quoted = true;
            self.pass(columns, &[*byte], b"", out)?;
            return Ok(after);
        }
        let special = |byte: &u8| [self.delimiter, self.quote, b'\r', b'\n'].contains(byte);
        // The bytes that may be a marker come one at a time.
        let length = if self.marker == Marker::Other { rest.iter().position(special).unwrap_or(rest.len()) } else { 1 };
        let (plain, after) = rest.split_at(length);
        self.pass(columns, plain, plain, out)?;
        Ok(after)
    }

    /// Bytes inside quotes, up to the next that may mean something; what is left of them.
    fn inside<'c>(&mut self, columns: &mut Columns, rest: &'c [u8], out: &mut Vec<u8>) -> Result<&'c [u8], CopyError> {
        let length = memchr::memchr2(self.quote, self.escape, rest).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(length);
        self.pass(columns, plain, plain, out)?;
        let Some((byte, after)) = after.split_first() else {
            return Ok(after);
        };
        self.pass(columns, &[*byte], b"", out)?;
        self.quoting = if *byte == self.escape { Quoting::Escape } else { Quoting::Outside };
        Ok(after)
    }

    /// The byte behind an escape character; whether it belongs to the escape.
    fn behind_escape(&mut self, columns: &Columns, byte: u8, out: &mut Vec<u8>) -> Result<bool, CopyError> {
        if byte == self.quote || byte == self.escape {
            self.quoting = Quoting::Inside;
            self.pass(columns, &[byte], &[byte], out)?;
            return Ok(true);
        }
        if self.escape == self.quote {
            // It was the end of the quotes.
            self.quoting = Quoting::Outside;
            return Ok(false);
        }
        let escape = self.escape;
        self.quoting = Quoting::Inside;
        self.pass(columns, b"", &[escape], out)?;
        Ok(false)
    }

    /// Bytes of a field, as they are written and as they are meant: kept when they are to be sealed or opened.
    fn pass(&mut self, columns: &Columns, raw: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        if !self.header && columns.is_encrypted(self.column) {
            columns.extend(self.column, &mut self.field.raw, raw)?;
            return columns.extend(self.column, &mut self.field.value, value);
        }
        out.extend_from_slice(raw);
        Ok(())
    }

    fn end_field(&mut self, columns: &mut Columns, out: &mut Vec<u8>) -> Result<(), CopyError> {
        let field = core::mem::take(&mut self.field);
        if self.header || !columns.is_encrypted(self.column) {
            return Ok(());
        }
        let forced =
            self.forced.get(self.column).copied().unwrap_or(Forced { quoted: false, not_null: false, null: false });
        let plain = !field.was_quoted && field.raw == self.null;
        let null = match columns.flow {
            CopyFlow::To => plain,
            CopyFlow::From if plain => !forced.not_null,
            CopyFlow::From => forced.null && field.value == self.null,
        };
        let default = columns.flow == CopyFlow::From && self.default.as_ref() == Some(&field.raw);
        if null || default {
            out.extend_from_slice(&field.raw);
            return Ok(());
        }
        let made = columns.transform(self.column, &field.value, Format::Text)?;
        self.write(columns, &made, forced, out);
        Ok(())
    }

    /// Appends a value as `COPY TO` writes it.
    fn write(&self, columns: &Columns, value: &[u8], forced: Forced, out: &mut Vec<u8>) {
        let special = |byte: &u8| [self.delimiter, self.quote, b'\r', b'\n'].contains(byte);
        let quotes = forced.quoted && columns.flow == CopyFlow::To
            || value == self.null
            || (columns.columns.len() == 1 && value == b"\\.")
            || value.iter().any(special);
        if !quotes {
            out.extend_from_slice(value);
            return;
        }
        out.push(self.quote);
        for byte in value {
            if *byte == self.quote || *byte == self.escape {
                out.push(self.escape);
            }
            out.push(*byte);
        }
        out.push(self.quote);
    }

    fn end_line(&mut self, columns: &mut Columns, out: &mut Vec<u8>) -> Result<(), CopyError> {
        if self.marker == Marker::Whole && columns.flow == CopyFlow::From {
            out.append(&mut self.field.raw);
            self.marker = Marker::Ended;
            return Ok(());
        }
        self.end_field(columns, out)?;
        if !self.header {
            columns.check_end(self.column)?;
        }
        columns.row += 1;
        self.header = false;
        self.column = 0;
        self.marker = Marker::Start;
        Ok(())
    }
}
