//! Strings and names in quotes.

use std::borrow::Cow;

use super::{Kind, ScanError, ScanProblem, Scanner, StringForm};
use crate::sql::literal::unicode;

impl<'a> Scanner<'a> {
    /// A string, from its first quote to its last; parts on further lines belong to it.
    pub(super) fn string(&mut self, form: StringForm) -> Result<Kind<'a>, ScanError> {
        self.pass_quotes(form == StringForm::Escape, ScanProblem::String)?;
        Ok(Kind::String(form))
    }

    /// A bit string, whose digits the server checks.
    pub(super) fn bits(&mut self) -> Result<Kind<'a>, ScanError> {
        self.pass_quotes(false, ScanProblem::Bits)?;
        Ok(Kind::Bits)
    }

    /// A string with Unicode escapes, and `UESCAPE` with its own string.
    pub(super) fn unicode_string(&mut self) -> Result<Kind<'a>, ScanError> {
        self.pass_quotes(false, ScanProblem::String)?;
        Ok(Kind::String(StringForm::Unicode(self.unicode_escape()?)))
    }

    /// A name in quotes.
    pub(super) fn quoted_name(&mut self) -> Result<Kind<'a>, ScanError> {
        self.delimited().map(Kind::Quoted)
    }

    /// A name in quotes with Unicode escapes, and `UESCAPE` with its string.
    pub(super) fn unicode_name(&mut self) -> Result<Kind<'a>, ScanError> {
        let start = self.at;
        let name = self.delimited()?;
        let escape = self.unicode_escape()?;
        match unicode::decode(&name, escape) {
            Some(decoded) if decoded.is_empty() => Err(ScanError { at: start, problem: ScanProblem::EmptyIdentifier }),
            Some(decoded) => Ok(Kind::Quoted(Cow::Owned(decoded))),
            None => Err(ScanError { at: start, problem: ScanProblem::Unicode }),
        }
    }

    /// What stands between double quotes, doubled ones made single.
    fn delimited(&mut self) -> Result<Cow<'a, str>, ScanError> {
        let start = self.at;
        let inside = self.sql.get(start + 1..).unwrap_or_default();
        let mut doubled = false;
        let mut end = 0;
        loop {
            let quote = memchr::memchr(b'"', inside.as_bytes().get(end..).unwrap_or_default());
            end += quote.ok_or(ScanError { at: start, problem: ScanProblem::Identifier })?;
            if inside.as_bytes().get(end + 1) != Some(&b'"') {
                break;
            }
            doubled = true;
            end += 2;
        }
        if end == 0 {
            return Err(ScanError { at: start, problem: ScanProblem::EmptyIdentifier });
        }
        self.at = start + end + 2;
        let name = inside.get(..end).unwrap_or_default();
        Ok(if doubled { Cow::Owned(name.replace("\"\"", "\"")) } else { Cow::Borrowed(name) })
    }

    /// Goes from a quote to behind the quote that ends the string.
    fn pass_quotes(&mut self, backslashes: bool, problem: ScanProblem) -> Result<(), ScanError> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.sql.as_bytes().get(self.at..).unwrap_or_default();
            let next = if backslashes { memchr::memchr2(b'\'', b'\\', rest) } else { memchr::memchr(b'\'', rest) };
            self.at += next.ok_or(ScanError { at: start, problem })?;
            match (self.byte(0), self.byte(1)) {
                (Some(b'\\'), Some(escaped)) => self.at += 1 + usize::from(escaped.is_ascii()),
                (Some(b'\\'), None) => return Err(ScanError { at: start, problem }),
                (_, Some(b'\'')) => self.at += 2,
                _ => {
                    self.at += 1;
                    if !self.continues() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The character of `UESCAPE '…'` if that follows, else a backslash.
    fn unicode_escape(&mut self) -> Result<char, ScanError> {
        let before = self.at;
        self.blank()?;
        let start = self.at;
        let is_word = self.byte(0).is_some_and(super::is_name_start);
        if !is_word || self.word() != "uescape" {
            self.at = before;
            return Ok('\\');
        }
        self.blank()?;
        let problem = ScanError { at: start, problem: ScanProblem::UnicodeEscape };
        if self.byte(0) != Some(b'\'') {
            return Err(problem);
        }
        let string = self.at;
        self.pass_quotes(false, ScanProblem::String)?;
        let own = crate::sql::literal::plain(self.sql.get(string..self.at).unwrap_or_default());
        let mut characters = own.chars();
        match (characters.next(), characters.next()) {
            (Some(escape), None) if unicode::may_escape(escape) => Ok(escape),
            _ => Err(problem),
        }
    }
}
