//! PostgreSQL's scanner (its file `scan.l`), with `standard_conforming_strings` on: the tokens of a text, and nothing more.
//!
//! The dialect is that of PostgreSQL 16 and later: numbers in base 2, 8 and 16, underscores in numbers, and no name directly
//! behind a number. An older server refuses such texts itself, or reads no name out of them that is not found here.

mod blank;
mod number;
mod operator;
mod quoted;

use std::borrow::Cow;

use super::token::{Kind, Span, StringForm, Token};

/// Why a text has no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct ScanError {
    /// Where, in bytes from the beginning.
    pub at: usize,
    /// What is wrong there.
    pub problem: ScanProblem,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanProblem {
    /// A zero byte, which no text of PostgreSQL holds.
    #[error("zero byte")]
    Zero,
    /// It is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A comment without an end.
    #[error("unterminated /* comment")]
    Comment,
    /// A string without an end.
    #[error("unterminated quoted string")]
    String,
    /// A string between dollar signs without an end.
    #[error("unterminated dollar-quoted string")]
    Dollar,
    /// A bit string without an end.
    #[error("unterminated bit string")]
    Bits,
    /// A name in quotes without an end.
    #[error("unterminated quoted identifier")]
    Identifier,
    /// A name in quotes that is empty.
    #[error("zero-length delimited identifier")]
    EmptyIdentifier,
    /// An escape that stands for no character, or cannot be read.
    #[error("invalid Unicode escape")]
    Unicode,
    /// `UESCAPE` without one fitting character.
    #[error("invalid Unicode escape character")]
    UnicodeEscape,
    /// Digits are missing or do not fit.
    #[error("invalid number")]
    Number,
    /// Letters directly behind a number.
    #[error("trailing junk after numeric literal")]
    NumberJunk,
    /// Letters directly behind a parameter.
    #[error("trailing junk after parameter")]
    ParameterJunk,
    /// The number of a parameter is too large.
    #[error("parameter number too large")]
    Parameter,
    /// An operator longer than a name can be.
    #[error("operator too long")]
    Operator,
}

impl ScanError {
    /// The code PostgreSQL gives such an error.
    pub fn sqlstate(&self) -> &'static str {
        match self.problem {
            ScanProblem::Zero | ScanProblem::Utf8 => "22021",
            _ => "42601",
        }
    }
}

/// The bytes of a statement as text.
///
/// # Errors
/// A zero byte, or anything that is not UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, ScanError> {
    let text =
        str::from_utf8(bytes).map_err(|error| ScanError { at: error.valid_up_to(), problem: ScanProblem::Utf8 })?;
    match memchr::memchr(0, bytes) {
        Some(at) => Err(ScanError { at, problem: ScanProblem::Zero }),
        None => Ok(text),
    }
}

/// The tokens of `sql`, semicolons included, blanks and comments left out.
///
/// # Errors
/// What PostgreSQL's scanner refuses; a `$n` above what PostgreSQL can count.
pub fn scan(sql: &str) -> Result<Vec<Token<'_>>, ScanError> {
    text(sql.as_bytes())?;
    let mut scanner = Scanner { sql, at: 0 };
    let mut tokens = Vec::with_capacity(sql.len() / 6 + 1);
    while let Some(token) = scanner.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

/// Where the scanner stands. `at` is always between two characters.
struct Scanner<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn token(&mut self) -> Result<Option<Token<'a>>, ScanError> {
        self.blank()?;
        let start = self.at;
        let Some(first) = self.byte(0) else {
            return Ok(None);
        };
        let kind = match first {
            b'\'' => self.string(StringForm::Plain)?,
            b'"' => self.quoted_name()?,
            b'$' => self.dollar()?,
            b'0'..=b'9' => self.number()?,
            b'.' if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number()?,
            byte if is_name_start(byte) => self.word_or_prefix()?,
            byte if operator::is_operator(byte) => self.operator()?,
            _ => self.mark(),
        };
        Ok(Some(Token { kind, span: Span { start, end: self.at } }))
    }

    /// A word, or what a single letter before a quote begins.
    fn word_or_prefix(&mut self) -> Result<Kind<'a>, ScanError> {
        match (self.byte(0), self.byte(1), self.byte(2)) {
            (Some(b'e' | b'E'), Some(b'\''), _) => {
                self.at += 1;
                self.string(StringForm::Escape)
            }
            (Some(b'b' | b'B' | b'x' | b'X'), Some(b'\''), _) => {
                self.at += 1;
                self.bits()
            }
            (Some(b'n' | b'N'), Some(b'\''), _) => {
                self.at += 1;
                Ok(Kind::Word(Cow::Borrowed("nchar")))
            }
            (Some(b'u' | b'U'), Some(b'&'), Some(b'\'')) => {
                self.at += 2;
                self.unicode_string()
            }
            (Some(b'u' | b'U'), Some(b'&'), Some(b'"')) => {
                self.at += 2;
                self.unicode_name()
            }
            _ => Ok(Kind::Word(self.word())),
        }
    }

    /// A name as it is written, A-Z made small.
    fn word(&mut self) -> Cow<'a, str> {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !is_name(byte)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        self.at += length;
        if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(word.to_ascii_lowercase())
        } else {
            Cow::Borrowed(word)
        }
    }

    /// One of the marks of two characters, or any single character.
    fn mark(&mut self) -> Kind<'a> {
        let rest = self.rest();
        let pair = rest.get(..2).filter(|pair| ["::", ":=", ".."].contains(pair));
        let length = pair.map_or_else(|| rest.chars().next().map_or(0, char::len_utf8), str::len);
        self.at += length;
        Kind::Mark(rest.get(..length).unwrap_or_default())
    }

    /// A parameter, a string between dollar signs, or a dollar sign by itself.
    fn dollar(&mut self) -> Result<Kind<'a>, ScanError> {
        if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) {
            return self.parameter();
        }
        let rest = self.rest();
        let Some(delimiter) = dollar_delimiter(rest) else {
            self.at += 1;
            return Ok(Kind::Mark(rest.get(..1).unwrap_or_default()));
        };
        let body = rest.get(delimiter.len()..).unwrap_or_default();
        let end = memchr::memmem::find(body.as_bytes(), delimiter.as_bytes());
        let end = end.ok_or_else(|| self.error(ScanProblem::Dollar))?;
        self.at += end + 2 * delimiter.len();
        Ok(Kind::String(StringForm::Dollar(delimiter.len())))
    }

    fn rest(&self) -> &'a str {
        self.sql.get(self.at..).unwrap_or_default()
    }

    /// The byte so many behind where it stands.
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.sql.as_bytes().get(self.at + ahead).copied()
    }

    fn error(&self, problem: ScanProblem) -> ScanError {
        ScanError { at: self.at, problem }
    }
}

/// `$$` or `$tag$` at the beginning of `rest`.
fn dollar_delimiter(rest: &str) -> Option<&str> {
    let bytes = rest.as_bytes();
    let end = 1 + bytes.get(1..)?.iter().position(|byte| *byte == b'$' || !is_name(*byte))?;
    let tag = rest.get(1..end)?;
    let fits = tag.bytes().next().is_none_or(is_name_start);
    if bytes.get(end) == Some(&b'$') && fits { rest.get(..=end) } else { None }
}

/// What a name begins with: letters, `_`, and every character beyond ASCII.
fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

/// What a name goes on with.
fn is_name(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
}
