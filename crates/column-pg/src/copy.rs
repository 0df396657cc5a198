//! COPY streams: text, CSV and binary, cut into fields as PostgreSQL cuts them; fields of encrypted columns are sealed on their way
//! in and opened on their way out, every other byte passes as it is.
//!
//! A stream may be cut anywhere: what one call leaves undone the next goes on with. No more than one field of an encrypted column
//! is kept in memory. In text and CSV a cell travels as `bytea` in hexadecimal form, in binary as its bytes.

mod binary;
mod bytea;
mod csv;
mod line;
mod text;

use std::fmt;

use strongroom_column::Format;

use crate::sql::{CopyFlow, CopyFormat, CopyOptions};

/// What seals the values of one column and opens its cells.
pub trait CellTransform {
    /// Appends the cell of a value that the client wrote.
    ///
    /// # Errors
    /// The value is none of the column's type.
    fn seal(&mut self, value: &[u8], format: Format, cell: &mut Vec<u8>) -> Result<(), CellRefusal>;

    /// Appends the value of a cell as PostgreSQL would have written it.
    ///
    /// # Errors
    /// The cell does not open, or what it holds is no value of the column's type.
    fn open(&mut self, cell: &[u8], format: Format, value: &mut Vec<u8>) -> Result<(), CellRefusal>;
}

/// Why a value was not sealed or a cell not opened. It never shows the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CellRefusal {
    /// The code PostgreSQL has for it.
    pub sqlstate: &'static str,
    /// What is wrong, and how to mend it.
    pub reason: String,
}

/// A column of the stream.
pub struct CopyColumn {
    /// Its name.
    pub name: String,
    /// What its fields go through; nothing when the column is not encrypted.
    pub transform: Option<Box<dyn CellTransform + Send>>,
}

/// Why a stream cannot be translated. It never shows a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (row {row} of the COPY stream{})", of_column(.column.as_deref()))]
pub struct CopyError {
    /// The row, from 1; a line of names counts, too.
    pub row: u64,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// What is wrong there.
    pub problem: CopyProblem,
}

fn of_column(name: Option<&str>) -> String {
    name.map(|name| format!(", column {name}")).unwrap_or_default()
}

/// What is wrong with a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyProblem {
    /// A row has more fields than the statement names columns.
    #[error("extra data after the last column")]
    ExtraField,
    /// A row has fewer.
    #[error("data of a column is missing")]
    MissingField,
    /// A carriage return where lines end otherwise.
    #[error("carriage return in the data; write it as \\r, or within quotes in CSV")]
    CarriageReturn,
    /// A line feed where lines end otherwise.
    #[error("newline in the data; write it as \\n, or within quotes in CSV")]
    LineFeed,
    /// `\.` with other data on its line.
    #[error("the end-of-data marker \\. is not alone on its line")]
    Marker,
    /// Data behind `\.`.
    #[error("data behind the end-of-data marker \\.")]
    AfterMarker,
    /// A quoted field without an end.
    #[error("unterminated CSV quoted field")]
    Quote,
    /// It does not begin as PostgreSQL's binary format does.
    #[error("COPY file signature not recognized; encrypted columns need PostgreSQL's binary format without OIDs")]
    Signature,
    /// The stream ends, or goes on, where it must not.
    #[error("the binary stream ends within a row, or goes on behind its trailer")]
    End,
    /// A length that no field has.
    #[error("a field has a length that no field has")]
    Length,
    /// A field longer than PostgreSQL stores.
    #[error("a field is longer than 1 GB")]
    TooLong,
    /// A field of an encrypted column that the server sent is no cell.
    #[error(
        "the server sent something that is no cell of an encrypted column; compare the catalogue with `strongroom column check`"
    )]
    NoCell,
    /// The column's own refusal.
    #[error(transparent)]
    Cell(#[from] CellRefusal),
}

impl CopyError {
    /// The code PostgreSQL has for it.
    pub fn sqlstate(&self) -> &'static str {
        match &self.problem {
            CopyProblem::Cell(refusal) => refusal.sqlstate,
            CopyProblem::TooLong => "54000",
            CopyProblem::NoCell => "22000",
            _ => "22P04",
        }
    }
}

/// PostgreSQL allocates no more for a value.
const FIELD_BYTES: usize = (1 << 30) - 1;

/// Translates one stream.
pub struct CopyTranscoder {
    columns: Columns,
    reader: Reader,
}

/// How the stream is read.
enum Reader {
    Text(text::Reader),
    Csv(csv::Reader),
    Binary(binary::Reader),
}

/// The columns of a stream, and the row it stands in.
struct Columns {
    flow: CopyFlow,
    columns: Vec<CopyColumn>,
    row: u64,
}

impl CopyTranscoder {
    /// For a stream with these columns, in the order of the statement.
    pub fn new(flow: CopyFlow, options: &CopyOptions, columns: Vec<CopyColumn>) -> Self {
        let reader = match options.format {
            CopyFormat::Text => Reader::Text(text::Reader::new(options)),
            CopyFormat::Csv => Reader::Csv(csv::Reader::new(options, &columns)),
            CopyFormat::Binary => Reader::Binary(binary::Reader::new()),
        };
        CopyTranscoder { columns: Columns { flow, columns, row: 1 }, reader }
    }

    /// Translates the next bytes of the stream; what they become is appended to `out`.
    ///
    /// # Errors
    /// The stream cannot be translated. What was appended by this call may end within a row, so it is not to be sent.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), CopyError> {
        match &mut self.reader {
            Reader::Text(reader) => reader.feed(&mut self.columns, chunk, out),
            Reader::Csv(reader) => reader.feed(&mut self.columns, chunk, out),
            Reader::Binary(reader) => reader.feed(&mut self.columns, chunk, out),
        }
    }

    /// Translates what is left at the end of the stream: a last line without its end.
    ///
    /// # Errors
    /// The stream ends where it must not.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CopyError> {
        match &mut self.reader {
            Reader::Text(reader) => reader.finish(&mut self.columns, out),
            Reader::Csv(reader) => reader.finish(&mut self.columns, out),
            Reader::Binary(reader) => reader.finish(&self.columns),
        }
    }
}

impl Columns {
    /// Whether the fields of a column go through anything.
    fn is_encrypted(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| column.transform.is_some())
    }

    /// What becomes of a field: a cell on its way in, a value on its way out; cells in text are `bytea` in text.
    fn transform(&mut self, at: usize, field: &[u8], format: Format) -> Result<Vec<u8>, CopyError> {
        let flow = self.flow;
        let transform = self.columns.get_mut(at).and_then(|column| column.transform.as_mut());
        let Some(transform) = transform else {
            return Ok(field.to_vec());
        };
        let mut made = Vec::new();
        let outcome = match (flow, format) {
            (CopyFlow::From, Format::Binary) => transform.seal(field, format, &mut made).map_err(CopyProblem::from),
            (CopyFlow::From, Format::Text) => {
                let mut cell = Vec::new();
                let sealed = transform.seal(field, format, &mut cell);
                bytea::write(&cell, &mut made);
                sealed.map_err(CopyProblem::from)
            }
            (CopyFlow::To, Format::Binary) => transform.open(field, format, &mut made).map_err(CopyProblem::from),
            (CopyFlow::To, Format::Text) => match bytea::read(field) {
                Some(cell) => transform.open(&cell, format, &mut made).map_err(CopyProblem::from),
                None => Err(CopyProblem::NoCell),
            },
        };
        match outcome {
            Ok(()) => Ok(made),
            Err(problem) => Err(self.error(Some(at), problem)),
        }
    }

    fn error(&self, column: Option<usize>, problem: CopyProblem) -> CopyError {
        let name = column.and_then(|column| self.columns.get(column)).map(|column| column.name.clone());
        CopyError { row: self.row, column: name, problem }
    }

    /// Refuses a row that does not end in its last column.
    fn check_end(&self, column: usize) -> Result<(), CopyError> {
        if column + 1 < self.columns.len() {
            return Err(self.error(Some(column + 1), CopyProblem::MissingField));
        }
        Ok(())
    }

    /// Refuses a field behind the last column.
    fn check_next(&self, column: usize) -> Result<(), CopyError> {
        if column + 1 >= self.columns.len() {
            return Err(self.error(None, CopyProblem::ExtraField));
        }
        Ok(())
    }

    /// Appends to the field of an encrypted column.
    fn extend(&self, column: usize, field: &mut Vec<u8>, bytes: &[u8]) -> Result<(), CopyError> {
        if field.len() + bytes.len() > FIELD_BYTES {
            return Err(self.error(Some(column), CopyProblem::TooLong));
        }
        field.extend_from_slice(bytes);
        Ok(())
    }
}

impl fmt::Debug for CopyTranscoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyTranscoder")
            .field("flow", &self.columns.flow)
            .field("columns", &self.columns.columns.len())
            .field("row", &self.columns.row)
            .finish_non_exhaustive()
    }
}
