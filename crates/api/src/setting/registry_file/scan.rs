//! The lines of a file: keys, names of values, quoted texts.

use strongroom_secret::SecretBytes;

use super::data::Form;
use super::{FileRefusal, RowRefusal};

/// What a line begins.
pub(super) enum Line {
    /// Nothing, or a comment.
    Nothing,
    /// A key in brackets.
    Key,
    /// A value.
    Value,
    /// What does not belong here.
    Other,
}

/// A place in a file.
pub(super) struct Scan<'a> {
    rest: &'a [u8],
    /// The line of the place.
    number: usize,
    /// The last line that something was read of.
    last: usize,
}

/// UTF-16 as UTF-8; none when the file is in eight bits.
pub(super) fn decode(file: &[u8]) -> Result<Option<SecretBytes>, FileRefusal> {
    if file.starts_with(b"\xfe\xff") {
        return Err(FileRefusal::BigEndian);
    }
    file.strip_prefix(b"\xff\xfe").map(|units| from_utf16(units).ok_or(FileRefusal::Utf16)).transpose()
}

/// UTF-16 in little-endian order as UTF-8.
pub(super) fn from_utf16(bytes: &[u8]) -> Option<SecretBytes> {
    let (units, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let mut text = SecretBytes::with_capacity(bytes.len() / 2 * 3);
    for character in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        text.extend_from_slice(character.ok()?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(text)
}

impl<'a> Scan<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest, number: 1, last: 1 }
    }

    /// The line of the place.
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The last line that something was read of.
    pub const fn last_number(&self) -> usize {
        self.last
    }

    /// What the line begins at this place; none at the end of the file.
    pub fn line(&mut self) -> Option<Line> {
        self.skip_spaces();
        Some(match self.rest.first()? {
            b'\r' | b'\n' | b';' => Line::Nothing,
            b'[' => Line::Key,
            b'"' | b'@' => Line::Value,
            _ => Line::Other,
        })
    }

    pub fn skip_spaces(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    pub fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !wanted(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Goes on behind these bytes, whose letters may be capital, when they stand here.
    pub fn take(&mut self, wanted: &[u8]) -> bool {
        match self.rest.split_at_checked(wanted.len()) {
            Some((here, rest)) if here.eq_ignore_ascii_case(wanted) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The line from here without its end; goes on at the next one.
    pub fn rest_of_line(&mut self) -> &'a [u8] {
        let line = self.take_while(|byte| byte != b'\n');
        self.last = self.number;
        self.end_line();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Goes on at the next line, when this one ends here.
    pub fn end_line(&mut self) -> bool {
        let ended = self.take(b"\r\n") || self.take(b"\n");
        self.number += usize::from(ended);
        ended
    }

    /// Whether nothing but a comment is left of the line.
    pub fn is_at_end(&mut self) -> bool {
        self.skip_spaces();
        matches!(self.rest.first(), None | Some(b'\r' | b'\n' | b';'))
    }

    /// Ends a row; with `digits` together with the lines in which its digits go on.
    pub fn end_row(&mut self, digits: bool) {
        while self.rest_of_line().trim_ascii_end().ends_with(b"\\") && digits {}
    }

    /// The path of a key.
    pub fn key(&mut self, form: Form) -> Result<String, RowRefusal> {
        // A refused key ends with its line, which the end of the row skips.
        let line = self.rest.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        let path = line.strip_prefix(b"[").and_then(|line| line.strip_suffix(b"]")).ok_or(RowRefusal::Key)?;
        if path.starts_with(b"-") {
            return Err(RowRefusal::Deletion);
        }
        let path = text_of(path, form)?.to_owned();
        self.rest_of_line();
        Ok(path)
    }

    /// The name of a value and the equals sign; none for the value without a name.
    pub fn value_name(&mut self, form: Form) -> Result<Option<String>, RowRefusal> {
        let name = if self.take(b"@") {
            None
        } else {
            let quoted = self.quoted()?;
            Some(text_of(quoted.expose(), form)?.to_owned())
        };
        self.skip_spaces();
        if self.take(b"=") { Ok(name) } else { Err(RowRefusal::Unreadable) }
    }

    /// A quoted text, which may have ends of lines inside.
    pub fn quoted(&mut self) -> Result<SecretBytes, RowRefusal> {
        if !self.take(b"\"") {
            return Err(RowRefusal::Quotes);
        }
        let mut text = SecretBytes::with_capacity(self.rest.iter().position(|byte| *byte == b'"').unwrap_or(0));
        loop {
            text.extend_from_slice(self.take_while(|byte| !matches!(byte, b'"' | b'\\' | b'\n')));
            let Some((special, rest)) = self.rest.split_first() else { return Err(RowRefusal::Quotes) };
            self.rest = rest;
            match special {
                b'"' => return Ok(text),
                b'\n' => {
                    self.number += 1;
                    text.push(b'\n');
                }
                _ => match self.rest.split_first() {
                    Some((escaped @ (b'"' | b'\\'), rest)) => {
                        text.push(*escaped);
                        self.rest = rest;
                    }
                    _ => return Err(RowRefusal::Escape),
                },
            }
        }
    }
}

/// The text, when its characters can be told.
pub(super) fn text_of(bytes: &[u8], form: Form) -> Result<&str, RowRefusal> {
    let is_known = form == Form::Five || bytes.is_ascii();
    std::str::from_utf8(bytes).ok().filter(|_| is_known).ok_or(RowRefusal::CodePage)
}
