//! What a session is set to: `SET`, `RESET`, `DISCARD`.

use super::{Setting, Statement, Walk};
use crate::sql::literal;
use crate::sql::token::{Kind, Token};

/// After `SET`.
pub(super) fn set<'t, 'a>(sql: &str, mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    Statement::Setting(read(sql, &mut walk).unwrap_or(Setting::Transaction))
}

/// After `RESET`.
pub(super) fn reset<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    let setting = if walk.is("all") {
        Some(Setting::ResetAll)
    } else if walk.are(&["session", "authorization"]) || (walk.rest().len() == 1 && walk.is("role")) {
        Some(Setting::Role)
    } else if walk.are(&["time", "zone"]) {
        Some(Setting::Reset { name: "timezone".to_owned() })
    } else if walk.are(&["transaction", "isolation", "level"]) {
        Some(Setting::Transaction)
    } else {
        variable(&mut walk).map(|name| Setting::Reset { name })
    };
    setting.map_or(Statement::Utility, Statement::Setting)
}

/// After `DISCARD`.
pub(super) fn discard<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    Statement::Setting(if walk.is("all") { Setting::DiscardAll } else { Setting::Discard })
}

fn read(sql: &str, walk: &mut Walk<'_, '_>) -> Option<Setting> {
    let mut local = false;
    let mut ahead = *walk;
    // `SESSION` before `AUTHORIZATION` and `CHARACTERISTICS` is part of what is set.
    if ahead.is("session") && !matches!(ahead.word(), Some("authorization" | "characteristics")) {
        walk.next();
    } else if walk.is("local") {
        local = true;
    }
    let named = |name: &str, value| Some(Setting::Set { name: name.to_owned(), local, value });
    if walk.are(&["session", "authorization"]) || is_role(walk) {
        return Some(Setting::Role);
    }
    if walk.are(&["session", "characteristics"]) || walk.one_of(&["transaction", "constraints"]) {
        return Some(Setting::Transaction);
    }
    if walk.are(&["time", "zone"]) {
        return named("timezone", value(sql, walk.rest()));
    }
    if walk.are(&["xml", "option"]) {
        return named("xmloption", value(sql, walk.rest()));
    }
    for (word, name) in [("names", "client_encoding"), ("schema", "search_path"), ("catalog", "catalog")] {
        let mut ahead = *walk;
        if ahead.is(word) && !ahead.is("to") && !is_equals(&mut ahead) {
            return named(name, value(sql, ahead.rest()));
        }
    }
    let name = variable(walk)?;
    if !walk.is("to") {
        is_equals(walk);
    }
    Some(Setting::Set { name, local, value: value(sql, walk.rest()) })
}

/// `ROLE` and a name; `role = name` is the same.
fn is_role(walk: &Walk<'_, '_>) -> bool {
    walk.peek().is_some_and(|token| token.is_word("role"))
}

fn is_equals(walk: &mut Walk<'_, '_>) -> bool {
    let found = walk.peek().is_some_and(|token| token.is_operator("="));
    if found {
        walk.next();
    }
    found
}

/// A name with points, in small letters: PostgreSQL finds settings whatever their case.
fn variable(walk: &mut Walk<'_, '_>) -> Option<String> {
    let mut name = walk.name()?.to_ascii_lowercase();
    while walk.mark(".") {
        name.push('.');
        name.push_str(&walk.name()?.to_ascii_lowercase());
    }
    Some(name)
}

/// One word, string or number.
fn value(sql: &str, tokens: &[Token<'_>]) -> Option<String> {
    match tokens {
        [Token { kind: Kind::Word(word), .. }] if word == "default" => None,
        [token] if token.name().is_some() => token.name().map(str::to_owned),
        [token] => Some(literal::value(sql, token).ok()?.text().to_owned()),
        [sign, number] if sign.is_operator("-") => Some(format!("-{}", literal::value(sql, number).ok()?.text())),
        _ => None,
    }
}
