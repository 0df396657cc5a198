//! Cursors, and `EXPLAIN`.

use super::{Statement, Walk};
use crate::sql::token::Token;

/// After `EXPLAIN`: its options in parentheses, or as words.
pub(super) fn explain<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    if !is_query_in_parentheses(walk) && walk.parenthesised().is_some() {
        return Statement::Explain { body: walk.rest() };
    }
    walk.one_of(&["analyze", "analyse"]);
    walk.is("verbose");
    Statement::Explain { body: walk.rest() }
}

/// `EXPLAIN (SELECT …)` has no options.
fn is_query_in_parentheses(mut walk: Walk<'_, '_>) -> bool {
    while walk.mark("(") {}
    walk.one_of(&["select", "values", "table", "with"])
}

/// After `DECLARE`.
pub(super) fn declare<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    let Some(cursor) = walk.name() else {
        return Statement::Utility;
    };
    walk.until(|token| token.is_word("for"));
    walk.next();
    Statement::Declare { cursor: cursor.to_owned(), body: walk.rest() }
}

/// After `FETCH` or `MOVE`: whatever direction and count come first, the cursor is the last.
pub(super) fn fetch<'t, 'a>(walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    match walk.rest().last().and_then(Token::name) {
        Some(cursor) => Statement::Fetch { cursor: cursor.to_owned() },
        None => Statement::Utility,
    }
}

/// After `CLOSE`.
pub(super) fn close<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    if walk.is("all") {
        return Statement::Close { cursor: None };
    }
    match walk.name() {
        Some(cursor) => Statement::Close { cursor: Some(cursor.to_owned()) },
        None => Statement::Utility,
    }
}
