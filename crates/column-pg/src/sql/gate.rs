//! Whether a statement names anything that is encrypted.

use super::literal;
use super::probe::Probe;
use super::scan::scan;
use super::statement::{self, Code};
use super::token::{Kind, Token};

/// Whether a name in `statement` is one that `sensitive` knows: a name in any place, of any schema, quoted or not, and in `DO` and
/// `CREATE FUNCTION` also inside the code.
///
/// `sensitive` gets a name as PostgreSQL stores it (capital letters made small unless it is quoted, escapes decoded, cut to 63
/// bytes), and a longer one a second time as it is written, for servers built with longer names.
pub fn gate(sql: &str, statement: &[Token<'_>], sensitive: &dyn Fn(&str) -> bool) -> bool {
    if statement.iter().any(|token| is_named(token, sensitive)) {
        return true;
    }
    statement::code(statement)
        .is_some_and(|code| code.strings.iter().any(|string| names_in_code(sql, string, sensitive)))
}

/// Whether a name or keyword stands in `statement`, in small letters; for functions that change what a session is set to
/// (`set_config`).
pub fn mentions(statement: &[Token<'_>], name: &str) -> bool {
    statement.iter().any(|token| token.name() == Some(name))
}

/// Whether the code of a function, and so a value of a column, may stand in the code that `statement` brings: literals in it,
/// or code that cannot be read.
pub fn code_holds_values(sql: &str, statement: &[Token<'_>]) -> bool {
    let Some(Code { strings }) = statement::code(statement) else {
        return false;
    };
    // Defaults of parameters, settings, expressions of a body that is no string; costs (`COST 100`) are no values.
    let is_cost = |end: usize| {
        let at = statement.iter().position(|token| token.span.end == end).and_then(|at| at.checked_sub(1));
        at.and_then(|at| statement.get(at)).is_some_and(|token| token.is_word("cost") || token.is_word("rows"))
    };
    let is_code = |end: usize| strings.iter().any(|string| string.span.end == end);
    let probe = Probe::new(sql, statement);
    let mut ends = probe.literals().iter().map(|literal| literal.span.end);
    let others = ends.any(|end| !is_code(end) && !is_cost(end));
    let in_code = |string: &&Token<'_>| {
        let Ok(value) = literal::value(sql, string) else { return true };
        scan(value.text()).map_or(true, |tokens| tokens.iter().any(Token::is_literal))
    };
    others || strings.iter().any(in_code)
}

fn is_named(token: &Token<'_>, sensitive: &dyn Fn(&str) -> bool) -> bool {
    let Some(full) = token.full_name() else {
        return false;
    };
    let name = token.name().unwrap_or(full);
    sensitive(name) || (name.len() < full.len() && sensitive(full))
}

/// In code of whatever language: every word, however it is quoted, and every name that the scanner finds.
fn names_in_code(sql: &str, string: &Token<'_>, sensitive: &dyn Fn(&str) -> bool) -> bool {
    let value = literal::value(sql, string);
    let text = match &value {
        Ok(value) => value.text(),
        Err(_) => string.span.of(sql),
    };
    let is_name =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii();
    let mut words = text.split(|character| !is_name(character)).filter(|word| !word.is_empty());
    if words.any(|word| sensitive(word) || sensitive(&word.to_ascii_lowercase())) {
        return true;
    }
    let tokens = scan(text).unwrap_or_default();
    tokens.iter().any(|token| matches!(token.kind, Kind::Quoted(_)) && is_named(token, sensitive))
}
