//! The rows of a file: CSV or JSON lines. What cannot be read is a row, too: one that says why.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use strongroom_api::secret::ImportRow;
use strongroom_api::{WireSecret, WireText};
use strongroom_secret::SecretBytes;

use crate::cli::Form;
use crate::failure::Failure;

/// The longest line of JSON: a value of 1 MiB in escapes, with room for the rest.
const LINE_BYTES: u64 = 8 << 20;

/// A row of the file, as far as it could be read: with the length of its value, or why not.
pub struct Row {
    /// Its name.
    pub name: Option<String>,
    /// The row, and how long its value is.
    pub read: Result<(ImportRow, usize), String>,
}

/// The rows of a file, one after the other.
pub enum Rows {
    /// Comma-separated values.
    Csv {
        /// Where they come from.
        reader: Box<csv::Reader<File>>,
        /// Which column is what.
        columns: Columns,
    },
    /// JSON lines.
    Jsonl {
        /// Where they come from.
        lines: BufReader<File>,
    },
}

/// Which column is what.
pub struct Columns {
    name: usize,
    value: usize,
    is_base64: bool,
    encrypted: Option<usize>,
    metadata: Vec<(usize, String)>,
    /// How many there are.
    count: usize,
}

impl Rows {
    /// The rows of a file of this form.
    pub fn of(form: Form, file: File) -> Result<Self, Failure> {
        if form == Form::Jsonl {
            return Ok(Self::Jsonl { lines: BufReader::new(file) });
        }
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let heads = reader.headers().map_err(|error| {
            let message = format!("reading the column names: {}", told(&error));
            Failure::usage(message, "begin with a line of column names")
        })?;
        let columns = Columns::of(heads)?;
        Ok(Self::Csv { reader: Box::new(reader), columns })
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        match self {
            Self::Csv { reader, columns } => {
                let mut record = csv::ByteRecord::new();
                match reader.read_byte_record(&mut record) {
                    Ok(false) => None,
                    Ok(true) => Some(columns.row(&record)),
                    Err(error) => Some(Row { name: None, read: Err(told(&error)) }),
                }
            }
            Self::Jsonl { lines } => loop {
                let mut line = Vec::new();
                match lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
                    Ok(0) => return None,
                    Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                    Ok(_) => return Some(json_row(&line)),
                    Err(error) => return Some(Row { name: None, read: Err(error.to_string()) }),
                }
            },
        }
    }
}

/// What is wrong, without what the file holds there.
fn told(error: &csv::Error) -> String {
    match (error.position(), error.kind()) {
        (Some(position), _) => format!("line {} is not CSV", position.line()),
        (None, csv::ErrorKind::Io(error)) => error.to_string(),
        (None, _) => "this is not CSV".to_owned(),
    }
}

impl Columns {
    fn of(heads: &csv::StringRecord) -> Result<Self, Failure> {
        let (mut name, mut value, mut encoded, mut encrypted) = (None, None, None, None);
        let (mut metadata, count) = (Vec::new(), heads.len());
        for (place, head) in heads.iter().enumerate() {
            if heads.iter().take(place).any(|before| before.trim() == head.trim()) {
                let message = format!("there are two columns `{}`", head.trim());
                return Err(Failure::usage(message, "give each column a name of its own"));
            }
            match head.trim() {
                "name" => name = Some(place),
                "value" => value = Some(place),
                "value_base64" => encoded = Some(place),
                "encrypted" => encrypted = Some(place),
                other => metadata.push((place, other.to_owned())),
            }
        }
        let fix = "name the columns `name`, `value` or `value_base64`, and `encrypted`; all others are metadata";
        match (name, value, encoded) {
            (Some(name), Some(value), None) => Ok(Self { name, value, is_base64: false, encrypted, metadata, count }),
            (Some(name), None, Some(value)) => Ok(Self { name, value, is_base64: true, encrypted, metadata, count }),
            (None, ..) => Err(Failure::usage("there is no column `name`", fix)),
            (_, None, None) => Err(Failure::usage("there is no column `value` or `value_base64`", fix)),
            (_, Some(_), Some(_)) => Err(Failure::usage("there are both `value` and `value_base64`", fix)),
        }
    }

    fn row(&self, record: &csv::ByteRecord) -> Row {
        let name = text(record, self.name).map(str::to_owned);
        Row { read: self.read(record, name.clone()), name }
    }

    fn read(&self, record: &csv::ByteRecord, name: Option<String>) -> Result<(ImportRow, usize), String> {
        let name = name.ok_or("the name is missing or not UTF-8")?;
        // A comma in a value that nobody quoted would cut the value.
        if record.len() != self.count {
            let (found, count) = (record.len(), self.count);
            return Err(format!(
                "its number of fields is {found} instead of {count}; quote a value that holds a comma"
            ));
        }
        let field = record.get(self.value).ok_or("the value is missing")?;
        let value = if self.is_base64 { decoded(field)? } else { SecretBytes::from_slice(field) };
        let encrypted = match self.encrypted.map(|place| text(record, place).unwrap_or("?").trim()) {
            None | Some("" | "0" | "false" | "no") => false,
            Some("1" | "true" | "yes") => true,
            Some(_) => return Err("`encrypted` is neither true nor false".to_owned()),
        };
        let mut metadata = BTreeMap::new();
        for (place, head) in &self.metadata {
            let text = text(record, *place).ok_or_else(|| format!("`{head}` is not UTF-8"))?;
            if !text.is_empty() {
                metadata.insert(head.clone(), text.to_owned());
            }
        }
        let length = value.len();
        Ok((ImportRow { name, value_base64: WireSecret::new(value), encrypted, metadata }, length))
    }
}

fn text(record: &csv::ByteRecord, place: usize) -> Option<&str> {
    std::str::from_utf8(record.get(place)?).ok()
}

/// A line of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    value: Option<WireText>,
    value_base64: Option<WireSecret>,
    #[serde(default)]
    encrypted: bool,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

fn json_row(line: &[u8]) -> Row {
    // The parser's own words could quote the line.
    let Ok(line) = serde_json::from_slice::<Line>(line) else {
        let why = "not a JSON object with name, value or value_base64, and at will encrypted and metadata";
        return Row { name: None, read: Err(why.to_owned()) };
    };
    let Line { name, value, value_base64, encrypted, metadata } = line;
    let value = match (value, value_base64) {
        (Some(text), None) => text.into_secret(),
        (None, Some(encoded)) => encoded.into_secret(),
        _ => return Row { name: Some(name), read: Err("give either value or value_base64".to_owned()) },
    };
    let length = value.len();
    let row = ImportRow { name: name.clone(), value_base64: WireSecret::new(value), encrypted, metadata };
    Row { name: Some(name), read: Ok((row, length)) }
}

fn decoded(field: &[u8]) -> Result<SecretBytes, String> {
    let mut value = SecretBytes::with_capacity(field.len());
    let room = value.extend_zeroed(field.len() / 4 * 3 + 3);
    let length = STANDARD.decode_slice(field, room).map_err(|_| "the value is not base64 (RFC 4648, with padding)")?;
    value.truncate(length);
    Ok(value)
}
