//! Which literals of a statement may be values of columns.

use super::context::{Context, Opening, before};
use super::neighbour::Neighbour;
use super::{Place, list, typed};
use crate::sql::keyword;
use crate::sql::literal::{self, Literal, LiteralKind};
use crate::sql::token::{Kind, Token};

/// The literals of `statement` that may be values, in their order, without those that cannot.
pub(super) fn literals<'a>(sql: &'a str, statement: &[Token<'a>]) -> Vec<(Literal, Place<'a>)> {
    let mut context = Context::new();
    let mut found = Vec::new();
    let mut array_end = 0;
    for at in 0..statement.len() {
        if let Some((array, end)) = list::array_at(sql, statement, at) {
            // With what it is compared.
            let text = |back: usize| {
                at.checked_sub(back).and_then(|at| statement.get(at)).map_or("", |token| token.span.of(sql))
            };
            let surroundings = [Some([text(4), text(3)]), None];
            let place = Place { type_name: None, neighbour: Neighbour::Equality, surroundings };
            found.push((array, place));
            array_end = end;
        } else if at < array_end {
            // Its constants are parts of the array.
        } else if let Some(token) = statement.get(at).filter(|_| is_value(&context, statement, at)) {
            let (mut literal, mut place) = literal_at(sql, &context, statement, at, token);
            if !drop_measures(&mut found, literal.span.start) {
                (literal.span, place.type_name) = (token.span, None);
            }
            found.push((literal, place));
        }
        context.pass(statement, at);
    }
    found
}

/// Drops the numbers in parentheses of a type whose name begins at `start`: they are no values. Anything else in them, and it is
/// no type: nothing is dropped.
fn drop_measures(found: &mut Vec<(Literal, Place<'_>)>, start: usize) -> bool {
    let kept = found.partition_point(|(literal, _)| literal.span.end <= start);
    let is_number = |(literal, _): &(Literal, Place<'_>)| {
        literal.value.as_ref().is_ok_and(|value| value.kind() == LiteralKind::Int4)
    };
    let all = found.get(kept..).unwrap_or_default().iter().all(is_number);
    if all {
        found.truncate(kept);
    }
    all
}

/// Whether the token at `at` is a literal that may be a value.
fn is_value(context: &Context, tokens: &[Token<'_>], at: usize) -> bool {
    match tokens.get(at).map(|token| &token.kind) {
        Some(Kind::String(_) | Kind::Decimal | Kind::Bits) => true,
        Some(Kind::Integer) => !is_count(tokens, at) && !is_measure(context) && !is_ordinal(context, tokens, at),
        Some(Kind::Word(word)) if word == "true" || word == "false" => !is_named(tokens, at) && !is_test(tokens, at),
        _ => false,
    }
}

/// The literal at `at`, with its sign or the type before it.
fn literal_at<'a>(
    sql: &'a str,
    context: &Context,
    tokens: &[Token<'a>],
    at: usize,
    token: &Token<'a>,
) -> (Literal, Place<'a>) {
    let mut span = token.span;
    let mut first = at;
    let mut value = literal::value(sql, token);
    let mut type_name = None;
    if matches!(token.kind, Kind::Integer | Kind::Decimal) && is_signed(tokens, at) {
        first = at - 1;
        let sign = before(tokens, at).map_or(token.span, |sign| sign.span);
        span = sign.to(token.span);
        if sign.of(sql) == "-" {
            value = value.map(literal::LiteralValue::negated);
        }
    }
    if matches!(token.kind, Kind::String(_)) {
        let named = typed::type_name(tokens, at);
        span = named.map_or(span, |name| name.to(span));
        // `N'…'` is a word of one letter that stands for another.
        let letter = before(tokens, at).is_some_and(|token| token.is_word("nchar") && token.span.of(sql).len() == 1);
        type_name = if letter { Some("nchar") } else { named.map(|name| name.of(sql)) };
    }
    let neighbour = neighbour(context.opening(), before(tokens, first), tokens.get(at + 1));
    let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.span.of(sql));
    let next = tokens.get(at + 1);
    let operand = next.is_some_and(|token| matches!(token.kind, Kind::Operator(_)) || token.is_mark("::"));
    let surroundings = [
        Some([text(first.checked_sub(2)), text(first.checked_sub(1))]),
        operand.then(|| [text(Some(at + 1)), text(Some(at + 2))]),
    ];
    (Literal { span, value }, Place { type_name, neighbour, surroundings })
}

/// Whether the number at `at` has a sign of its own before it: one that is no operator between two values.
fn is_signed(tokens: &[Token<'_>], at: usize) -> bool {
    let sign = before(tokens, at).is_some_and(|token| token.is_operator("-") || token.is_operator("+"));
    sign && match before(tokens, at - 1).map(|token| &token.kind) {
        None | Some(Kind::Operator(_)) => true,
        Some(Kind::Mark(mark)) => ["(", "[", ",", ":=", "=>", ":", ";"].contains(mark),
        Some(Kind::Word(word)) => keyword::begins_value(word),
        Some(_) => false,
    }
}

/// `LIMIT 10`, `OFFSET 10`, `FETCH FIRST 10`.
fn is_count(tokens: &[Token<'_>], at: usize) -> bool {
    let is = |words: &[&str]| before(tokens, at).and_then(Token::word).is_some_and(|word| words.contains(&word));
    let fetch = || at.checked_sub(2).and_then(|at| tokens.get(at)).is_some_and(|token| token.is_word("fetch"));
    is(&["limit", "offset"]) || (is(&["first", "next"]) && fetch())
}

/// A length or precision.
fn is_measure(context: &Context) -> bool {
    context.opening() == Opening::Measure
}

/// The number of a column: all that stands between two commas of `ORDER BY` and its kin.
fn is_ordinal(context: &Context, tokens: &[Token<'_>], at: usize) -> bool {
    let begins = before(tokens, at).is_some_and(|token| {
        token.is_word("by")
            || token.is_word("distinct")
            || token.is_word("all")
            || token.is_mark(",")
            || token.is_mark("(")
    });
    let ends = match tokens.get(at + 1).map(|token| &token.kind) {
        None | Some(Kind::Mark("," | ")" | ";")) => true,
        Some(Kind::Word(word)) => ["asc", "desc", "nulls", "using"].contains(&word.as_ref()) || is_end(word),
        Some(_) => false,
    };
    context.has_ordinals() && begins && ends
}

/// Words that end a list of columns.
fn is_end(word: &str) -> bool {
    const ENDS: [&str; 13] = [
        "except",
        "fetch",
        "for",
        "groups",
        "having",
        "intersect",
        "limit",
        "offset",
        "order",
        "range",
        "rows",
        "union",
        "window",
    ];
    ENDS.contains(&word)
}

/// `a.true`, `AS true`.
fn is_named(tokens: &[Token<'_>], at: usize) -> bool {
    before(tokens, at).is_some_and(|token| token.is_mark(".") || token.is_word("as"))
}

/// `IS TRUE`, `IS NOT FALSE`.
fn is_test(tokens: &[Token<'_>], at: usize) -> bool {
    let behind = |at: usize, word: &str| before(tokens, at).is_some_and(|token| token.is_word(word));
    behind(at, "is") || (behind(at, "not") && behind(at - 1, "is"))
}

fn neighbour(opening: Opening, before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> Neighbour {
    let operators = [before, after].into_iter().flatten().filter_map(|token| match token.kind {
        Kind::Operator(operator) => Some(operator),
        _ => None,
    });
    let (mut equal, mut other) = (false, false);
    for operator in operators {
        let is_equal = ["=", "<>", "!="].contains(&operator);
        equal |= is_equal;
        other |= !is_equal;
    }
    match opening {
        _ if other => Neighbour::Calculation,
        _ if equal => Neighbour::Equality,
        Opening::Call | Opening::Array | Opening::Values => Neighbour::Calculation,
        Opening::List => Neighbour::Equality,
        Opening::Group | Opening::Cast | Opening::Measure | Opening::Ordinals => Neighbour::Other,
    }
}
