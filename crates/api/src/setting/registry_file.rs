//! Files that the registry editor of Windows exports (`.reg`), read row by row; docs/guide/settings.md says what becomes of what.
//!
//! The form is that of Microsoft's "How to add, modify, or delete registry subkeys and values by using a .reg file": `REGEDIT4`
//! in eight bits, and `Windows Registry Editor Version 5.00` in UTF-16 (little-endian, with a byte order mark) or UTF-8.

mod data;
mod name;
mod scan;

use std::collections::HashMap;

use strongroom_secret::SecretBytes;

use super::value::Value;
use data::Form;
use scan::{Line, Scan};

/// A row of a file: a value, or what could not be read as one.
#[derive(Debug)]
pub struct Row {
    /// The line it begins in, from 1.
    pub line: usize,
    /// The line it ends in.
    pub last_line: usize,
    /// The name it gets here, when its own could be read and fits.
    pub name: Option<String>,
    /// The value, or why it cannot be taken over.
    pub read: Result<Value, RowRefusal>,
}

/// Why a file is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    /// It begins with something else.
    #[error("it does not begin with the line `REGEDIT4` or `Windows Registry Editor Version 5.00`")]
    Header,
    /// It is UTF-16 with the high byte first.
    #[error("it is UTF-16 in big-endian order; save it in little-endian order, as the registry editor does")]
    BigEndian,
    /// It begins as UTF-16 and is not.
    #[error("it begins as UTF-16 and is not UTF-16 throughout")]
    Utf16,
}

/// Why a row is not taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowRefusal {
    /// It is nothing that stands in such a file.
    #[error("this is no key, no value and no comment")]
    Unreadable,
    /// A key in brackets, wrongly written.
    #[error("a key stands in brackets on a line of its own")]
    Key,
    /// A value before any key, or below one that was refused.
    #[error("the value stands below no key that could be read")]
    NoKey,
    /// A key or value to be deleted.
    #[error("deleting is no import; delete the setting with `strongroom setting delete`")]
    Deletion,
    /// The key's or value's name does not fit.
    #[error(
        "the part `{part}` of its name does not fit: after spaces became `-`, each part begins with A-Z a-z 0-9 and has at most 128 of A-Z a-z 0-9 . _ @ -"
    )]
    Name {
        /// Which part.
        part: String,
    },
    /// The name has too many parts.
    #[error("its name has more than 16 parts")]
    Parts,
    /// Two values would have the same name.
    #[error("another value of the file would have this name, too, or one that differs in capital letters only")]
    Clash,
    /// Eight-bit text whose characters cannot be told.
    #[error("it has characters of a code page that the file does not name; export it as version 5.00")]
    CodePage,
    /// A quoted text without an end, or with something behind it.
    #[error("a quoted text has no end, or something behind its end")]
    Quotes,
    /// A backslash before something else than a backslash or a quote.
    #[error("in a quoted text only \\\\ and \\\" may follow a backslash")]
    Escape,
    /// Digits that are none, or too few or too many.
    #[error("it has wrong hexadecimal digits, or a wrong number of them")]
    Digits,
    /// The data is no text.
    #[error("the bytes of its text are no text, or have a zero inside")]
    Text,
    /// An integer above what a setting can hold.
    #[error("the number is greater than 9223372036854775807")]
    Number,
    /// A type that settings do not have.
    #[error("there is no type of settings for the registry's type {number}")]
    Type {
        /// The registry's number of the type, in hexadecimal digits.
        number: String,
    },
}

/// Reads a file.
///
/// # Errors
/// [`FileRefusal`], when it is not of this form at all. What is wrong with a row stands in the row.
pub fn read(file: &[u8]) -> Result<Vec<Row>, FileRefusal> {
    let decoded = scan::decode(file)?;
    let text = decoded.as_ref().map_or_else(|| file.strip_prefix(UTF_8_MARK).unwrap_or(file), SecretBytes::expose);
    let mut scan = Scan::new(text);
    let form = match scan.rest_of_line().trim_ascii_end() {
        b"REGEDIT4" if decoded.is_none() => Form::Four,
        b"Windows Registry Editor Version 5.00" => Form::Five,
        _ => return Err(FileRefusal::Header),
    };
    let mut rows = Vec::new();
    // The path of the key that values stand below.
    let mut key = None;
    while let Some(line) = scan.line() {
        let first = scan.number();
        let (name, read) = match line {
            Line::Nothing => {
                scan.rest_of_line();
                continue;
            }
            Line::Key => match scan.key(form) {
                Ok(path) => {
                    key = Some(path);
                    continue;
                }
                Err(refusal) => {
                    key = None;
                    (None, Err(refusal))
                }
            },
            Line::Value => row(&mut scan, form, key.as_deref()),
            Line::Other => (None, Err(RowRefusal::Unreadable)),
        };
        scan.end_row(read.as_ref().is_err_and(RowRefusal::is_of_digits));
        let row = Row { line: first, last_line: scan.last_number(), name, read };
        if row.hides_lines() {
            // There may be a key among them: what follows belongs to nothing that is known.
            key = None;
        }
        rows.push(row);
    }
    refuse_clashes(&mut rows);
    Ok(rows)
}

fn row(scan: &mut Scan<'_>, form: Form, key: Option<&str>) -> (Option<String>, Result<Value, RowRefusal>) {
    let own = match scan.value_name(form) {
        Ok(own) => own,
        Err(refusal) => return (None, Err(refusal)),
    };
    let name = key.ok_or(RowRefusal::NoKey).and_then(|key| name::of(key, own.as_deref()));
    let read = data::read(scan, form);
    match (name, read) {
        (Ok(name), read) => (Some(name), read),
        (Err(refusal), _) => (None, Err(refusal)),
    }
}

impl Row {
    /// Whether lines were read as the text of a row that was refused.
    const fn hides_lines(&self) -> bool {
        match &self.read {
            Ok(_) => false,
            Err(refusal) => self.last_line > self.line && !refusal.is_of_digits(),
        }
    }
}

impl RowRefusal {
    /// Whether it is about digits, which may go on in further lines.
    const fn is_of_digits(&self) -> bool {
        matches!(self, Self::Digits | Self::Text | Self::Number | Self::Type { .. })
    }
}

/// The registry does not tell capital letters from small ones: which of two such values counts nobody could say.
fn refuse_clashes(rows: &mut [Row]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for name in rows.iter().filter_map(|row| row.name.as_ref()) {
        *counts.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    for row in rows.iter_mut().filter(|row| row.read.is_ok()) {
        let is_clash = |name: &String| counts.get(&name.to_ascii_lowercase()).is_some_and(|count| *count > 1);
        if row.name.as_ref().is_some_and(is_clash) {
            row.read = Err(RowRefusal::Clash);
        }
    }
}

const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
