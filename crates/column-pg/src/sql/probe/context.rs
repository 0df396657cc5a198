//! Where in a statement a token stands: in which parentheses, and in which clause of them.

use super::typed::name_start;
use crate::sql::keyword;
use crate::sql::token::{Kind, Token};

/// What parentheses or brackets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// Around an expression or a query, or nothing that is known.
    Group,
    /// Behind the name of a function.
    Call,
    /// Of `CAST`, where `AS` comes before a type.
    Cast,
    /// Behind a type: lengths and precisions.
    Measure,
    /// Behind `IN`, and around a row that is inserted.
    List,
    /// Around a row of `VALUES` that is no row to be inserted: its columns have types of their own.
    Values,
    /// Around numbers of columns: `DISTINCT ON (1)`, `ROLLUP (1, 2)`.
    Ordinals,
    /// `ARRAY[…]`, and brackets in it.
    Array,
}

/// The clause that a level of parentheses is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    /// `ORDER BY` and `GROUP BY`.
    Ordinals,
    /// `VALUES` of `INSERT`.
    Inserted,
    /// `VALUES` elsewhere.
    Values,
    /// Any other.
    Other,
}

/// Where a walk through a statement stands.
pub(super) struct Context {
    levels: Vec<(Opening, Clause)>,
}

impl Context {
    pub(super) fn new() -> Self {
        Context { levels: vec![(Opening::Group, Clause::Other)] }
    }

    /// What the parentheses are that it stands in.
    pub(super) fn opening(&self) -> Opening {
        self.levels.last().map_or(Opening::Group, |level| level.0)
    }

    /// Whether numbers of columns may stand here.
    pub(super) fn has_ordinals(&self) -> bool {
        self.opening() == Opening::Ordinals || self.clause() == Clause::Ordinals
    }

    /// Goes on to behind the token at `at`.
    pub(super) fn pass(&mut self, tokens: &[Token<'_>], at: usize) {
        let Some(token) = tokens.get(at) else { return };
        match &token.kind {
            Kind::Mark("(") => self.levels.push((self.parenthesis(tokens, at), Clause::Other)),
            Kind::Mark("[") => self.levels.push((self.bracket(tokens, at), Clause::Other)),
            Kind::Mark(")" | "]") if self.levels.len() > 1 => {
                self.levels.pop();
            }
            Kind::Word(word) => self.word(word, before(tokens, at)),
            _ => {}
        }
    }

    fn clause(&self) -> Clause {
        self.levels.last().map_or(Clause::Other, |level| level.1)
    }

    fn word(&mut self, word: &str, before: Option<&Token<'_>>) {
        let behind = |word: &str| before.is_some_and(|token| token.is_word(word));
        let clause = match word {
            "by" if behind("order") || behind("group") => Clause::Ordinals,
            "values"
                if before.is_none_or(|token| token.is_mark("(") || token.word().is_some_and(keyword::is_reserved)) =>
            {
                Clause::Values
            }
            "values" => Clause::Inserted,
            // What may stand in these clauses without ending them.
            "asc" | "desc" | "distinct" | "all" | "using" | "and" | "or" | "not" | "null" | "case" | "when"
            | "then" | "else" | "end" | "true" | "false" | "cast" | "as" | "array" | "any" | "some" | "default" => {
                return;
            }
            word if keyword::is_reserved(word) => Clause::Other,
            _ => return,
        };
        if let Some(level) = self.levels.last_mut() {
            level.1 = clause;
            if level.0 == Opening::Ordinals && ["select", "values", "with", "table"].contains(&word) {
                // It is a query, not a list of numbers.
                level.0 = Opening::Group;
            }
        }
    }

    /// What the parenthesis at `at` is.
    fn parenthesis(&self, tokens: &[Token<'_>], at: usize) -> Opening {
        let before = before(tokens, at);
        let starts_item = before.is_some_and(|token| token.is_mark(",") || token.is_mark("(") || token.is_word("by"));
        match before.map(|token| &token.kind) {
            Some(Kind::Word(word)) if keyword::is_measured(word) => Opening::Measure,
            Some(Kind::Word(_) | Kind::Quoted(_)) if self.is_type(tokens, at) => Opening::Measure,
            Some(Kind::Word(word)) => match word.as_ref() {
                "cast" | "treat" | "xmlserialize" => Opening::Cast,
                "in" => Opening::List,
                "values" if self.clause() == Clause::Values => Opening::Values,
                "values" => Opening::List,
                "rollup" | "cube" | "sets" => Opening::Ordinals,
                "on" if at
                    .checked_sub(2)
                    .and_then(|at| tokens.get(at))
                    .is_some_and(|token| token.is_word("distinct")) =>
                {
                    Opening::Ordinals
                }
                "coalesce" | "nullif" | "greatest" | "least" | "row" | "exists" | "over" | "filter" => Opening::Group,
                "by" if self.has_ordinals() => Opening::Ordinals,
                word if keyword::is_reserved(word) => Opening::Group,
                _ => Opening::Call,
            },
            Some(Kind::Quoted(_)) => Opening::Call,
            Some(Kind::Mark(",")) if self.clause() == Clause::Values => Opening::Values,
            Some(Kind::Mark(",")) if self.clause() == Clause::Inserted => Opening::List,
            _ if starts_item && self.has_ordinals() => Opening::Ordinals,
            _ => Opening::Group,
        }
    }

    /// What the bracket at `at` is.
    fn bracket(&self, tokens: &[Token<'_>], at: usize) -> Opening {
        let before = before(tokens, at);
        let inside =
            self.opening() == Opening::Array && before.is_some_and(|token| token.is_mark("[") || token.is_mark(","));
        if inside || before.is_some_and(|token| token.is_word("array")) {
            Opening::Array
        } else if self.is_type(tokens, at) {
            Opening::Measure
        } else {
            Opening::Group
        }
    }

    /// Whether the name of a type ends before `at`: behind `::`, or behind `AS` in a `CAST`.
    fn is_type(&self, tokens: &[Token<'_>], at: usize) -> bool {
        let Some(last) = at.checked_sub(1) else { return false };
        if tokens.get(last).and_then(Token::full_name).is_none() {
            return false;
        }
        match before(tokens, name_start(tokens, last)) {
            Some(token) => token.is_mark("::") || (token.is_word("as") && self.opening() == Opening::Cast),
            None => false,
        }
    }
}

/// The token before `at`.
pub(super) fn before<'t, 'a>(tokens: &'t [Token<'a>], at: usize) -> Option<&'t Token<'a>> {
    tokens.get(at.checked_sub(1)?)
}
