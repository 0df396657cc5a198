//! Where statements end: at semicolons outside parentheses, and outside the bodies of SQL functions.

use crate::sql::token::{Kind, Token};

/// The statements of a text, each without its semicolon; empty ones are left out.
///
/// A semicolon inside parentheses (a rule with several actions) and between `BEGIN ATOMIC` and its `END` (a function or procedure
/// whose body is SQL) ends nothing.
pub fn split<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut statements = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let (statement, after) = rest.split_at(end_of_statement(rest));
        if !statement.is_empty() {
            statements.push(statement);
        }
        rest = after.get(1..).unwrap_or_default();
    }
    statements
}

/// At which token the statement that `tokens` begin with ends: its semicolon, or the end of all.
fn end_of_statement(tokens: &[Token<'_>]) -> usize {
    let mut parentheses = 0usize;
    let mut bodies = 0usize;
    let mut at = 0;
    // Whether a statement begins here: only there a routine, or the end of a body, can stand.
    let mut begins = true;
    let mut routine = false;
    while let Some(token) = tokens.get(at) {
        let starts = core::mem::replace(&mut begins, false);
        if starts {
            routine = is_routine(tokens.get(at..).unwrap_or_default());
        }
        match token.kind {
            Kind::Mark("(") => parentheses += 1,
            Kind::Mark(")") => parentheses = parentheses.saturating_sub(1),
            Kind::Mark(";") if parentheses == 0 && bodies == 0 => return at,
            Kind::Mark(";") if parentheses == 0 => begins = true,
            _ if starts && bodies > 0 && token.is_word("end") => bodies -= 1,
            _ if routine && parentheses == 0 && is_body(tokens, at) => {
                bodies += 1;
                at += 1;
                begins = true;
            }
            _ => {}
        }
        at += 1;
    }
    tokens.len()
}

/// `BEGIN ATOMIC` at `at`.
fn is_body(tokens: &[Token<'_>], at: usize) -> bool {
    let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(word));
    word(at, "begin") && word(at + 1, "atomic")
}

/// `CREATE [OR REPLACE] FUNCTION` or `PROCEDURE`.
fn is_routine(tokens: &[Token<'_>]) -> bool {
    let words: Vec<&str> = tokens.iter().take(4).map_while(Token::word).collect();
    matches!(
        words.as_slice(),
        ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure", ..]
    )
}
