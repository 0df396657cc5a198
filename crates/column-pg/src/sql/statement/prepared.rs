//! `PREPARE`, `EXECUTE` and `DEALLOCATE` as SQL.

use super::walk::at_commas;
use super::{Statement, Transaction, Walk};
use crate::sql::token::{Span, Token, span_of};

/// What one parameter is given in `EXECUTE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument<'t, 'a> {
    /// Where it stands.
    pub span: Span,
    /// Its tokens: [`Probe::new`](crate::sql::Probe::new) finds the literals in them.
    pub tokens: &'t [Token<'a>],
}

/// After `PREPARE`.
pub(super) fn prepare<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    let mut ahead = walk;
    if ahead.is("transaction") && ahead.peek().is_some_and(Token::is_literal) {
        return Statement::Transaction(Transaction::Prepare);
    }
    let Some(name) = walk.name() else {
        return Statement::Utility;
    };
    let types = walk.parenthesised().map(at_commas).unwrap_or_default();
    let types = types.into_iter().filter_map(span_of).collect();
    walk.is("as");
    Statement::Prepare { name: name.to_owned(), types, body: walk.rest() }
}

/// After `EXECUTE`.
pub(super) fn execute<'t, 'a>(walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    match named(walk) {
        Some((name, arguments)) => Statement::Execute { name, arguments },
        None => Statement::Utility,
    }
}

/// After `CREATE TABLE … AS EXECUTE`.
pub(super) fn create_as<'t, 'a>(walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    match named(walk) {
        Some((name, arguments)) => Statement::CreateAsExecute { name, arguments },
        None => Statement::Utility,
    }
}

fn named<'t, 'a>(mut walk: Walk<'t, 'a>) -> Option<(String, Vec<Argument<'t, 'a>>)> {
    let name = walk.name()?.to_owned();
    let arguments = walk.parenthesised().map(at_commas).unwrap_or_default();
    let argument = |tokens: &'t [Token<'a>]| Some(Argument { span: span_of(tokens)?, tokens });
    Some((name, arguments.into_iter().filter_map(argument).collect()))
}

/// After `DEALLOCATE`.
pub(super) fn deallocate<'t, 'a>(mut walk: Walk<'t, 'a>) -> Statement<'t, 'a> {
    if walk.rest().len() > 1 {
        walk.is("prepare");
    }
    if walk.is("all") {
        return Statement::Deallocate { name: None };
    }
    match walk.name() {
        Some(name) => Statement::Deallocate { name: Some(name.to_owned()) },
        None => Statement::Utility,
    }
}
