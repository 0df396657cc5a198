//! Literals with the name of a type before them: `date '2020-01-01'`, `timestamp(3) with time zone '…'`.

use crate::sql::keyword;
use crate::sql::token::{Kind, Span, Token};

/// Where the name of the type stands that comes before the string at `at`; nothing when none does.
pub(super) fn type_name(tokens: &[Token<'_>], at: usize) -> Option<Span> {
    let end = at.checked_sub(1)?;
    let start = with_time_zone(tokens, end).or_else(|| measured(tokens, end))?;
    Some(tokens.get(start)?.span.to(tokens.get(end)?.span))
}

/// `time` or `timestamp`, perhaps with a precision, and `with` or `without time zone`, which ends at `end`.
fn with_time_zone(tokens: &[Token<'_>], end: usize) -> Option<usize> {
    let is = |at: usize, words: &[&str]| tokens.get(at).and_then(Token::word).is_some_and(|word| words.contains(&word));
    let with = end.checked_sub(2)?;
    if !(is(end, &["zone"]) && is(end - 1, &["time"]) && is(with, &["with", "without"])) {
        return None;
    }
    let before = with.checked_sub(1)?;
    let start = opening(tokens, before).map_or(Some(before), |opening| opening.checked_sub(1))?;
    is(start, &["time", "timestamp"]).then_some(start)
}

/// A name that ends at `end`, perhaps with numbers in parentheses.
fn measured(tokens: &[Token<'_>], end: usize) -> Option<usize> {
    let last = opening(tokens, end).map_or(Some(end), |opening| opening.checked_sub(1))?;
    let fits = match &tokens.get(last)?.kind {
        Kind::Word(word) => keyword::may_be_type(word),
        Kind::Quoted(_) => true,
        _ => false,
    };
    fits.then(|| name_start(tokens, last))
}

/// Where the name begins whose last word is at `last`: names with points, and names of several words.
pub(super) fn name_start(tokens: &[Token<'_>], last: usize) -> usize {
    let is = |at: Option<usize>, words: &[&str]| {
        at.and_then(|at| tokens.get(at)).and_then(Token::word).is_some_and(|word| words.contains(&word))
    };
    let before = |at: usize| at.checked_sub(1);
    let mut start = last;
    if is(Some(last), &["precision"]) && is(before(last), &["double"]) {
        return last - 1;
    }
    if is(Some(last), &["varying"]) && is(before(last), &["bit", "char", "character", "nchar"]) {
        start = last - 1;
    }
    if is(Some(start), &["char", "character"]) && is(before(start), &["national"]) {
        return start - 1;
    }
    while let Some(name) = start.checked_sub(2) {
        let point = tokens.get(start - 1).is_some_and(|token| token.is_mark("."));
        if !point || tokens.get(name).and_then(Token::full_name).is_none() {
            break;
        }
        start = name;
    }
    start
}

/// Where the parenthesis stands whose partner is at `end`.
fn opening(tokens: &[Token<'_>], end: usize) -> Option<usize> {
    if !tokens.get(end)?.is_mark(")") {
        return None;
    }
    let mut depth = 0usize;
    for (at, token) in tokens.get(..=end)?.iter().enumerate().rev() {
        match token.kind {
            Kind::Mark(")") => depth += 1,
            Kind::Mark("(") if depth == 1 => return Some(at),
            Kind::Mark("(") => depth -= 1,
            _ => {}
        }
    }
    None
}
