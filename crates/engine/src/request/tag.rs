//! The inside of a start tag: a name and attributes, exactly as XML 1.0 and its namespaces write them.

use super::reference;
use super::{ATTRIBUTES, Position, Problem, RequestRefusal};

/// A name as it is written, and where its colon is.
#[derive(Clone, Copy)]
pub(super) struct QualifiedName<'d> {
    written: &'d str,
    /// Length of the prefix; without one there is no colon.
    prefix: Option<usize>,
}

impl<'d> QualifiedName<'d> {
    pub(super) fn as_written(self) -> &'d str {
        self.written
    }

    pub(super) fn prefix(self) -> Option<&'d str> {
        self.written.get(..self.prefix?)
    }

    /// The name behind the colon.
    pub(super) fn local(self) -> &'d str {
        let begin = self.prefix.map_or(0, |length| length + 1);
        self.written.get(begin..).unwrap_or_default()
    }
}

/// An attribute as it is written.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'d> {
    pub(super) name: QualifiedName<'d>,
    pub(super) value: &'d str,
    /// Where its name begins.
    pub(super) offset: usize,
}

/// Reads a tag of the document, from behind its `<` to before its `>` or `/>`.
pub(super) struct Scanner<'d> {
    document: &'d str,
    /// The document up to the end of the tag.
    bytes: &'d [u8],
    at: usize,
}

impl<'d> Scanner<'d> {
    pub(super) fn new(document: &'d str, begin: usize, end: usize) -> Self {
        Self { document, bytes: document.as_bytes().get(..end).unwrap_or_default(), at: begin }
    }

    /// The name that must stand here.
    pub(super) fn name(&mut self) -> Result<QualifiedName<'d>, RequestRefusal> {
        let mut end = self.at;
        let mut prefix = None;
        while let Some(byte) = self.bytes.get(end).filter(|byte| IN_NAME[usize::from(**byte)]) {
            if *byte == b':' {
                prefix = prefix.or(Some(end - self.at));
            }
            end += 1;
        }
        if self.bytes.get(end).is_some_and(|byte| !byte.is_ascii()) {
            end = self.at + name_length(self.rest());
            prefix = self.rest().get(..end - self.at).and_then(|name| name.find(':'));
        }
        let written = self.document.get(self.at..end).unwrap_or_default();
        let name = QualifiedName { written, prefix };
        let one_colon = prefix.is_none_or(|at| at > 0 && !name.local().contains(':'));
        if !one_colon || !name.local().starts_with(starts_name) {
            return Err(Problem::Name.at(self.document, self.at));
        }
        self.at = end;
        Ok(name)
    }

    /// All attributes up to the end of the tag.
    pub(super) fn attributes(&mut self, into: &mut Vec<Attribute<'d>>) -> Result<(), RequestRefusal> {
        into.clear();
        loop {
            let spaces = self.spaces();
            if self.at == self.bytes.len() {
                return Ok(());
            }
            if spaces == 0 {
                return Err(Problem::Attribute.at(self.document, self.at));
            }
            let attribute = self.attribute()?;
            if into.len() == ATTRIBUTES {
                let at = Position::of(self.document.as_bytes(), attribute.offset);
                return Err(RequestRefusal::TooManyAttributes { at });
            }
            into.push(attribute);
        }
    }

    fn attribute(&mut self) -> Result<Attribute<'d>, RequestRefusal> {
        let offset = self.at;
        let name = self.name()?;
        self.spaces();
        let equals = self.take(|byte| byte == b'=');
        self.spaces();
        let quote = self.take(|byte| matches!(byte, b'"' | b'\''));
        let Some(quote) = equals.and(quote) else {
            return Err(Problem::Attribute.at(self.document, self.at));
        };
        Ok(Attribute { name, value: self.value(quote)?, offset })
    }

    /// What stands before the next `quote`. Its references are resolved, only to see that they do.
    fn value(&mut self, quote: u8) -> Result<&'d str, RequestRefusal> {
        let begin = self.at;
        while let Some(next) = next_of(quote, self.bytes.get(self.at..).unwrap_or_default()) {
            self.at += next;
            match self.bytes.get(self.at) {
                Some(b'<') => break,
                Some(b'&') => self.reference()?,
                _ => {
                    let value = self.document.get(begin..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(value);
                }
            }
        }
        Err(Problem::Attribute.at(self.document, self.at))
    }

    fn reference(&mut self) -> Result<(), RequestRefusal> {
        let inner = self.rest().get(1..).and_then(|rest| rest.split_once(';'));
        let Some((inner, _)) = inner else {
            return Err(Problem::Reference.at(self.document, self.at));
        };
        reference::resolve(inner, self.document, self.at)?;
        self.at += inner.len() + 2;
        Ok(())
    }

    fn spaces(&mut self) -> usize {
        let begin = self.at;
        while self.bytes.get(self.at).is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
        self.at - begin
    }

    fn take(&mut self, wanted: impl FnOnce(u8) -> bool) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied().filter(|byte| wanted(*byte))?;
        self.at += 1;
        Some(byte)
    }

    fn rest(&self) -> &'d str {
        self.document.get(self.at..self.bytes.len()).unwrap_or_default()
    }
}

/// Where a value is interrupted. Most values are shorter than what a search of many bytes at a time takes to begin.
fn next_of(quote: u8, rest: &[u8]) -> Option<usize> {
    const SHORT: usize = 24;
    let stops = |byte: &u8| *byte == quote || matches!(byte, b'<' | b'&');
    let near = rest.iter().take(SHORT).position(stops);
    near.or_else(|| Some(SHORT + memchr::memchr3(quote, b'<', b'&', rest.get(SHORT..)?)?))
}

/// White space as XML has it.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether all of a text is one name.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|character| character == ':' || starts_name(character)) && name_length(text) == text.len()
}

/// How many bytes at the beginning may stand in a name.
fn name_length(text: &str) -> usize {
    text.find(|character| !goes_on_name(character)).unwrap_or(text.len())
}

/// `NameStartChar` of XML 1.0 but for the colon, which ends a prefix.
fn starts_name(character: char) -> bool {
    matches!(character, 'A'..='Z' | 'a'..='z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// `NameChar` of XML 1.0, the colon among them.
fn goes_on_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, ':' | '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The same for ASCII alone, by byte.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let ascii = byte as u8;
        table[byte] = ascii.is_ascii_alphanumeric() || matches!(ascii, b'_' | b'-' | b'.' | b':');
        byte += 1;
    }
    table
};
