//! The options of `COPY`, in the syntax with parentheses and in the older one without.

use super::super::Walk;
use super::super::walk::at_commas;
use super::{CopyFlow, CopyFormat, CopyHeader, CopyOptions, CopyRefusal, Listed, names_of};
use crate::sql::literal;
use crate::sql::token::{Kind, Token};

/// Options that say nothing about bytes of rows.
const WITHOUT_WEIGHT: [&str; 4] = ["freeze", "on_error", "log_verbosity", "reject_limit"];

/// What was read so far.
pub(super) struct Reader<'s> {
    sql: &'s str,
    seen: Vec<String>,
    format: CopyFormat,
    delimiter: Option<u8>,
    null: Option<String>,
    default: Option<String>,
    header: CopyHeader,
    quote: Option<u8>,
    escape: Option<u8>,
    force_quote: Listed,
    force_not_null: Listed,
    force_null: Listed,
}

impl<'s> Reader<'s> {
    pub(super) fn new(sql: &'s str) -> Self {
        Reader {
            sql,
            seen: Vec::new(),
            format: CopyFormat::Text,
            delimiter: None,
            null: None,
            default: None,
            header: CopyHeader::Absent,
            quote: None,
            escape: None,
            force_quote: Listed::None,
            force_not_null: Listed::None,
            force_null: Listed::None,
        }
    }

    /// All options, in either syntax.
    pub(super) fn all(&mut self, walk: &mut Walk<'_, '_>) -> Result<(), CopyRefusal> {
        if let Some(list) = walk.parenthesised() {
            return at_commas(list).into_iter().try_for_each(|option| self.named(option));
        }
        while self.word(walk)? {}
        Ok(())
    }

    /// One option of the older syntax; false when none comes.
    fn word(&mut self, walk: &mut Walk<'_, '_>) -> Result<bool, CopyRefusal> {
        if walk.is("binary") {
            self.flag("format", "binary")?;
        } else if walk.is("csv") {
            self.flag("format", "csv")?;
        } else if walk.is("freeze") {
            self.flag("freeze", "true")?;
        } else if walk.is("header") {
            self.flag("header", "true")?;
        } else if walk.is("force") {
            let name = if walk.is("quote") {
                "force_quote"
            } else if walk.are(&["not", "null"]) {
                "force_not_null"
            } else if walk.is("null") {
                "force_null"
            } else {
                return Err(CopyRefusal::Form);
            };
            let columns = columns(walk)?;
            self.columns(name, columns)?;
        } else if walk.peek().is_some_and(|token| is_string_option(token)) {
            let name = walk.word().ok_or(CopyRefusal::Form)?;
            walk.is("as");
            self.value(name, walk.next())?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// One option of the syntax with parentheses: its name, and perhaps a value.
    fn named(&mut self, option: &[Token<'_>]) -> Result<(), CopyRefusal> {
        let (name, value) = option.split_first().ok_or(CopyRefusal::Form)?;
        let name = name.name().ok_or(CopyRefusal::Form)?;
        if name.starts_with("force_") {
            let mut walk = Walk::new(value);
            let parenthesised = walk.parenthesised();
            let columns = match (parenthesised, value) {
                (Some(columns), _) => Listed::Columns(names_of(columns)?),
                (None, [star]) if star.is_operator("*") => Listed::All,
                _ => return Err(CopyRefusal::Value { name: name.to_owned() }),
            };
            return self.columns(name, columns);
        }
        match value {
            [] => self.flag(name, "true"),
            [value] => self.value(name, Some(value)),
            _ => Err(CopyRefusal::Value { name: name.to_owned() }),
        }
    }

    /// An option and the token that is its value.
    pub(super) fn value(&mut self, name: &str, value: Option<&Token<'_>>) -> Result<(), CopyRefusal> {
        let refusal = || CopyRefusal::Value { name: name.to_owned() };
        let token = value.ok_or_else(refusal)?;
        match token.name() {
            Some(word) => self.flag(name, word),
            None => {
                let value = literal::value(self.sql, token).map_err(|_| refusal())?;
                self.flag(name, value.text())
            }
        }
    }

    /// An option and the text of its value.
    pub(super) fn flag(&mut self, name: &str, value: &str) -> Result<(), CopyRefusal> {
        self.once(name)?;
        let refusal = || CopyRefusal::Value { name: name.to_owned() };
        match name {
            "format" => self.format = format(value).ok_or_else(refusal)?,
            "delimiter" => self.delimiter = Some(byte(value).ok_or_else(refusal)?),
            "null" => self.null = Some(value.to_owned()),
            "default" => self.default = Some(value.to_owned()),
            "header" => self.header = header(value).ok_or_else(refusal)?,
            "quote" => self.quote = Some(byte(value).ok_or_else(refusal)?),
            "escape" => self.escape = Some(byte(value).ok_or_else(refusal)?),
            "encoding" if is_utf8(value) => {}
            "encoding" => return Err(CopyRefusal::Encoding),
            other if WITHOUT_WEIGHT.contains(&other) => {}
            other => return Err(CopyRefusal::Option { name: other.to_owned() }),
        }
        Ok(())
    }

    fn columns(&mut self, name: &str, columns: Listed) -> Result<(), CopyRefusal> {
        self.once(name)?;
        match name {
            "force_quote" => self.force_quote = columns,
            "force_not_null" => self.force_not_null = columns,
            "force_null" => self.force_null = columns,
            other => return Err(CopyRefusal::Option { name: other.to_owned() }),
        }
        Ok(())
    }

    fn once(&mut self, name: &str) -> Result<(), CopyRefusal> {
        if self.seen.iter().any(|seen| seen == name) {
            return Err(CopyRefusal::Twice { name: name.to_owned() });
        }
        self.seen.push(name.to_owned());
        Ok(())
    }

    /// The options with PostgreSQL's defaults. Where they do not fit together PostgreSQL would refuse them, or bytes could be read
    /// in two ways: then nothing is translated.
    pub(super) fn finish(self, flow: CopyFlow) -> Result<CopyOptions, CopyRefusal> {
        let csv = self.format == CopyFormat::Csv;
        let quote = self.quote.unwrap_or(b'"');
        let options = CopyOptions {
            format: self.format,
            delimiter: self.delimiter.unwrap_or(if csv { b',' } else { b'\t' }),
            null: self.null.unwrap_or_else(|| if csv { String::new() } else { "\\N".to_owned() }),
            default: self.default,
            header: self.header,
            quote,
            escape: self.escape.unwrap_or(quote),
            force_quote: self.force_quote,
            force_not_null: self.force_not_null,
            force_null: self.force_null,
        };
        match misfit(&self.seen, &options, flow) {
            Some(name) => Err(CopyRefusal::Value { name: name.to_owned() }),
            None => Ok(options),
        }
    }
}

/// The option that does not fit the others.
fn misfit<'s>(seen: &'s [String], options: &CopyOptions, flow: CopyFlow) -> Option<&'s str> {
    let csv = options.format == CopyFormat::Csv;
    let (delimiter, quote, escape) = (options.delimiter, options.quote, options.escape);
    let ends_line = |byte: u8| matches!(byte, b'\r' | b'\n');
    let spoils =
        |text: &String| text.bytes().any(|byte| byte == delimiter || ends_line(byte) || (csv && byte == quote));
    let default = options.default.as_ref();
    let wrong = |name: &str| match name {
        "quote" | "escape" => !csv || ends_line(quote) || ends_line(escape),
        "force_quote" | "force_not_null" | "force_null" => !csv,
        _ if options.format == CopyFormat::Binary => ["delimiter", "null", "default", "header"].contains(&name),
        "delimiter" => {
            ends_line(delimiter)
                || if csv { delimiter == quote } else { b"\\.".contains(&delimiter) || is_small(delimiter) }
        }
        "default" => flow == CopyFlow::To || default.is_some_and(|text| spoils(text) || *text == options.null),
        "header" => options.header == CopyHeader::Match && flow == CopyFlow::To,
        _ => false,
    };
    let named = seen.iter().map(String::as_str).find(|name| wrong(name));
    // These may not fit although it was another option that was written.
    let unwritten = if options.format == CopyFormat::Binary {
        None
    } else if csv && delimiter == quote {
        Some("quote")
    } else {
        spoils(&options.null).then_some("null")
    };
    named.or(unwritten)
}

fn is_string_option(token: &Token<'_>) -> bool {
    ["delimiter", "null", "quote", "escape", "encoding"].iter().any(|word| token.is_word(word))
}

/// After `FORCE …`: `*`, or names between commas.
fn columns(walk: &mut Walk<'_, '_>) -> Result<Listed, CopyRefusal> {
    if walk.peek().is_some_and(|token| matches!(token.kind, Kind::Operator("*"))) {
        walk.next();
        return Ok(Listed::All);
    }
    let mut columns = Vec::new();
    loop {
        columns.push(walk.name().ok_or(CopyRefusal::Form)?.to_owned());
        if !walk.mark(",") {
            return Ok(Listed::Columns(columns));
        }
    }
}

fn format(value: &str) -> Option<CopyFormat> {
    match value {
        "text" => Some(CopyFormat::Text),
        "csv" => Some(CopyFormat::Csv),
        "binary" => Some(CopyFormat::Binary),
        _ => None,
    }
}

fn header(value: &str) -> Option<CopyHeader> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Some(CopyHeader::Present),
        "false" | "off" | "0" => Some(CopyHeader::Absent),
        "match" => Some(CopyHeader::Match),
        _ => None,
    }
}

/// A delimiter, quote or escape is one byte.
fn byte(value: &str) -> Option<u8> {
    match value.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        _ => None,
    }
}

/// PostgreSQL forbids these as delimiters of the text format, because they may follow a backslash.
fn is_small(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// PostgreSQL knows encodings whatever their case and punctuation.
fn is_utf8(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    ["utf8", "unicode"].contains(&plain.to_ascii_lowercase().as_str())
}
