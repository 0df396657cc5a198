//! One token of a statement: what it is and where it stands; the values of literals stay in the text.

use std::borrow::Cow;
use std::ops::Range;

/// Where something stands in a text, in bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The same as a range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// What stands there; empty when `sql` is not the text the span is of.
    pub fn of(self, sql: &str) -> &str {
        sql.get(self.range()).unwrap_or_default()
    }

    /// From the beginning of this one to the end of `last`.
    #[must_use]
    pub fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end }
    }
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Where it stands; of a string in several parts or with `UESCAPE`, from the first to the last.
    pub span: Span,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A name without quotes, or a keyword: capital letters A-Z made small, as long as it is written.
    Word(Cow<'a, str>),
    /// A name in quotes, also `U&"…"`, decoded, as long as it is written; never a keyword.
    Quoted(Cow<'a, str>),
    /// A string.
    String(StringForm),
    /// `B'…'` or `X'…'`.
    Bits,
    /// A number of digits only, in base 2, 8, 10 or 16.
    Integer,
    /// A number with a point or an exponent.
    Decimal,
    /// `$1` and so on.
    Parameter(u32),
    /// An operator.
    Operator(&'a str),
    /// `, ( ) [ ] . ; : :: .. := =>`, and characters that begin no token, by themselves.
    Mark(&'a str),
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringForm {
    /// `'…'`.
    Plain,
    /// `E'…'`.
    Escape,
    /// `U&'…'` with this escape character.
    Unicode(char),
    /// `$tag$…$tag$`; how many bytes a delimiter has.
    Dollar(usize),
}

/// PostgreSQL cuts names to this many bytes (`NAMEDATALEN` - 1).
const NAME_BYTES: usize = 63;

impl<'a> Token<'a> {
    /// Whether it is this keyword or name, without quotes; `word` in small letters.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    /// Whether it is this mark.
    pub fn is_mark(&self, mark: &str) -> bool {
        matches!(self.kind, Kind::Mark(own) if own == mark)
    }

    /// Whether it is this operator.
    pub fn is_operator(&self, operator: &str) -> bool {
        matches!(self.kind, Kind::Operator(own) if own == operator)
    }

    /// The keyword or name without quotes, in small letters.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// As a name, with or without quotes, cut as PostgreSQL cuts it.
    pub fn name(&self) -> Option<&str> {
        self.full_name().map(cut)
    }

    /// As a name, as long as it is written.
    pub fn full_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(name) | Kind::Quoted(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is a string, a number or bits.
    pub fn is_literal(&self) -> bool {
        matches!(self.kind, Kind::String(_) | Kind::Bits | Kind::Integer | Kind::Decimal)
    }
}

/// Where `tokens` stand, from the first to the last.
pub fn span_of(tokens: &[Token<'_>]) -> Option<Span> {
    Some(tokens.first()?.span.to(tokens.last()?.span))
}

/// The longest beginning of whole characters that fits into a name.
fn cut(name: &str) -> &str {
    if name.len() <= NAME_BYTES {
        return name;
    }
    let end = (0..=NAME_BYTES).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.get(..end).unwrap_or_default()
}
