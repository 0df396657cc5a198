//! What a literal stands for: the text PostgreSQL would hand to the input function of its type.

mod escape;
pub(super) mod unicode;

use std::borrow::Cow;
use std::fmt;

use super::token::{Kind, Span, StringForm, Token};

/// A literal of a statement that may be a value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Where it stands: with its sign, and with the name of the type before it (`date '…'`).
    pub span: Span,
    /// What it stands for, or why that cannot be told; that matters only if it belongs to an encrypted column.
    pub value: Result<LiteralValue, LiteralRefusal>,
}

/// What a literal stands for. `Debug` shows no value.
#[derive(Clone, PartialEq, Eq)]
pub struct LiteralValue {
    kind: LiteralKind,
    text: String,
}

/// What kind of literal it is, and with it the type PostgreSQL gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    /// A string: its type is what it is compared with or stored in.
    String,
    /// A whole number that fits into four bytes.
    Int4,
    /// A whole number that fits into eight bytes.
    Int8,
    /// Any other number.
    Numeric,
    /// `TRUE` or `FALSE`.
    Boolean,
}

/// Why it cannot be told what a literal stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiteralRefusal {
    /// An escape that stands for no character.
    #[error("a string has an escape that stands for no character")]
    Escape,
    /// Bytes that are no text.
    #[error("a string has escapes that do not make UTF-8")]
    Utf8,
    /// `\v`, which PostgreSQL reads as a vertical tab from version 17 on, and as the letter before.
    #[error("the escape \\v means different things in different versions of PostgreSQL; write \\x0b or v")]
    VerticalTab,
    /// A number in another base with more than 128 bits.
    #[error("a number in base 2, 8 or 16 has more than 128 bits; write it in base 10")]
    Number,
    /// Bits are no value of an encrypted column.
    #[error("a bit string is no value of an encrypted column; write '\\x…'")]
    Bits,
    /// Not a literal at all.
    #[error("this is no literal")]
    Other,
}

impl LiteralRefusal {
    /// The code PostgreSQL gives such an error.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            LiteralRefusal::Escape => "22025",
            LiteralRefusal::Utf8 => "22021",
            LiteralRefusal::Number => "22003",
            LiteralRefusal::VerticalTab | LiteralRefusal::Other => "0A000",
            LiteralRefusal::Bits => "42804",
        }
    }
}

impl LiteralValue {
    /// That of a string.
    pub(super) fn string(text: String) -> Self {
        Self { kind: LiteralKind::String, text }
    }

    /// What kind of literal it is.
    pub fn kind(&self) -> LiteralKind {
        self.kind
    }

    /// What the input function of a type would get: strings decoded, numbers in base 10, `true` or `false`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The OID of the type PostgreSQL gives such a literal; 705 (unknown) for strings.
    pub fn oid(&self) -> u32 {
        match self.kind {
            LiteralKind::String => 705,
            LiteralKind::Int4 => 23,
            LiteralKind::Int8 => 20,
            LiteralKind::Numeric => 1700,
            LiteralKind::Boolean => 16,
        }
    }

    /// The same number with a minus before it.
    #[must_use]
    pub(super) fn negated(self) -> LiteralValue {
        match self.kind {
            LiteralKind::String | LiteralKind::Boolean => self,
            LiteralKind::Int4 | LiteralKind::Int8 | LiteralKind::Numeric => number(format!("-{}", self.text)),
        }
    }
}

impl fmt::Debug for LiteralValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiteralValue").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What the literal `token` of `sql` stands for.
pub(super) fn value(sql: &str, token: &Token<'_>) -> Result<LiteralValue, LiteralRefusal> {
    let written = token.span.of(sql);
    let string = |text: String| Ok(LiteralValue::string(text));
    match &token.kind {
        Kind::String(StringForm::Plain) => string(plain(written).into_owned()),
        Kind::String(StringForm::Escape) => string(escape::decode(&parts(written, true))?),
        Kind::String(StringForm::Unicode(escape)) => {
            let decoded = unicode::decode(&plain(written.get(2..).unwrap_or_default()), *escape);
            string(decoded.ok_or(LiteralRefusal::Escape)?)
        }
        Kind::String(StringForm::Dollar(delimiter)) => {
            let end = written.len().saturating_sub(*delimiter);
            string(written.get(*delimiter..end).unwrap_or_default().to_owned())
        }
        Kind::Integer => integer(written),
        Kind::Decimal => Ok(number(written.replace('_', ""))),
        Kind::Word(word) if word == "true" || word == "false" => {
            Ok(LiteralValue { kind: LiteralKind::Boolean, text: word.to_string() })
        }
        Kind::Bits => Err(LiteralRefusal::Bits),
        Kind::Word(_) | Kind::Quoted(_) | Kind::Parameter(_) | Kind::Operator(_) | Kind::Mark(_) => {
            Err(LiteralRefusal::Other)
        }
    }
}

/// What a string without escapes stands for: doubled quotes are single ones, parts on further lines follow each other. What
/// comes after its last quote (`UESCAPE`) does not belong to it.
pub(super) fn plain(written: &str) -> Cow<'_, str> {
    let inside = parts(written, false);
    if inside.contains("''") { Cow::Owned(inside.replace("''", "'")) } else { inside }
}

/// What stands between the quotes of all parts of a string, with quotes still doubled.
fn parts(written: &str, backslashes: bool) -> Cow<'_, str> {
    let mut all = Cow::Borrowed("");
    let mut rest = written;
    while let Some((part, after)) = part(rest, backslashes) {
        if all.is_empty() {
            all = Cow::Borrowed(part);
        } else {
            all.to_mut().push_str(part);
        }
        rest = after;
        // Only blanks and comments stand between parts: the scanner saw to that. A comment may hold quotes.
        rest = skip_to_part(rest);
    }
    all
}

/// What stands between the first quote and the one that ends it, and what follows.
fn part(text: &str, backslashes: bool) -> Option<(&str, &str)> {
    let inside = text.split_once('\'')?.1;
    let bytes = inside.as_bytes();
    let mut at = 0;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'\\', Some(_)) if backslashes => at += 2,
            (b'\'', Some(b'\'')) => at += 2,
            (b'\'', _) => return Some((inside.get(..at)?, inside.get(at + 1..)?)),
            _ => at += 1,
        }
    }
}

/// The text from the quote of the next part on; nothing when no part follows.
fn skip_to_part(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        let Some(comment) = text.strip_prefix("--") else {
            return if text.starts_with('\'') { text } else { "" };
        };
        let end = comment.find(['\n', '\r']).unwrap_or(comment.len());
        text = comment.get(end..).unwrap_or_default();
    }
}

fn integer(written: &str) -> Result<LiteralValue, LiteralRefusal> {
    let digits = written.replace('_', "").to_ascii_lowercase();
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            let value = u128::from_str_radix(digits, base).map_err(|_| LiteralRefusal::Number)?;
            return Ok(number(value.to_string()));
        }
    }
    Ok(number(digits))
}

/// A number in base 10, of the smallest type that holds it.
fn number(text: String) -> LiteralValue {
    let kind = match text.parse::<i64>() {
        Ok(value) if i32::try_from(value).is_ok() => LiteralKind::Int4,
        Ok(_) => LiteralKind::Int8,
        Err(_) => LiteralKind::Numeric,
    };
    LiteralValue { kind, text }
}
