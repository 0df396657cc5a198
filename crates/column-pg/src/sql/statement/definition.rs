//! `CREATE` and `ALTER`: what they make may keep expressions, and with them values.

use super::{Statement, Walk, prepared};
use crate::sql::token::{Kind, Token};

/// What is made without any expression.
const PLAIN: [&str; 16] = [
    "access",
    "collation",
    "conversion",
    "database",
    "event",
    "extension",
    "group",
    "language",
    "role",
    "sequence",
    "server",
    "subscription",
    "tablespace",
    "text",
    "transform",
    "user",
];

/// What can be altered so that it keeps other expressions.
const ALTERED: [&str; 7] = ["domain", "foreign", "index", "materialized", "policy", "publication", "table"];

/// After `CREATE`.
pub(super) fn create<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    walk.are(&["or", "replace"]);
    while walk.one_of(&["global", "local", "temp", "temporary", "unlogged"]) {}
    if walk.is("table") {
        return table(walk);
    }
    match walk.word() {
        Some(word) if PLAIN.contains(&word) => Statement::Utility,
        _ => Statement::Definition,
    }
}

/// After `ALTER`.
pub(super) fn alter<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    match walk.word() {
        Some(word) if ALTERED.contains(&word) => Statement::Definition,
        _ => Statement::Utility,
    }
}

/// After `CREATE TABLE`: one made of a query has `AS` outside parentheses.
fn table<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    walk.until(|token| token.is_word("as"));
    if walk.next().is_none() {
        return Statement::Definition;
    }
    if walk.is("execute") {
        return prepared::create_as(walk);
    }
    Statement::Query
}

/// The code that a statement brings.
pub(in crate::sql) struct Code<'t, 'a> {
    /// Strings that are code.
    pub(in crate::sql) strings: Vec<&'t Token<'a>>,
}

/// The code of `DO`, `CREATE FUNCTION` and `CREATE PROCEDURE`; nothing for other statements.
pub(in crate::sql) fn code<'t, 'a>(statement: &'t [Token<'a>]) -> Option<Code<'t, 'a>> {
    let mut walk = Walk::new(statement);
    let is_code = if walk.is("do") {
        true
    } else {
        walk.is("create") && {
            walk.are(&["or", "replace"]);
            walk.one_of(&["function", "procedure"])
        }
    };
    if !is_code {
        return None;
    }
    let mut strings = Vec::new();
    let mut before: Option<&Token<'a>> = None;
    for token in walk.rest() {
        match token.kind {
            // `AS 'file', 'symbol'` is code in two strings; a function in SQL cannot be written so.
            Kind::String(_) if before.is_none_or(|before| before.is_word("as") || before.is_word("language")) => {
                strings.push(token);
            }
            Kind::String(_) if walk.rest().len() <= 3 => strings.push(token),
            _ => {}
        }
        before = Some(token);
    }
    Some(Code { strings })
}
