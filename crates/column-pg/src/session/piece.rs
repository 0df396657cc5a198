//! One statement of a text: what has to be found out before it may be sent.

use std::sync::Arc;

use super::resolve::Question;
use super::{Encryption, Session, refusal};
use crate::sql::{
    self, Argument, CopyEndpoint, CopyFlow, CopyOptions, CopySource, CopyStatement, Kind, Literal, Probe, Span,
    Statement, Token,
};
use crate::wire::Report;

/// What has to be found out about one statement.
pub(super) enum Judged {
    /// Nothing: it goes as it is.
    Passes,
    /// It goes as it is, and rows follow that go as they are.
    PassesCopy,
    /// What its literals and parameters stand for.
    Asks(Question),
    /// What the parameters of a prepared statement stand for.
    Named(Named),
    /// What the columns of a table are.
    Copies(CopyTable),
    /// What the columns of a query are, which is copied out.
    CopiesQuery(Question, CopyOptions),
    /// It is not sent.
    Refused(Report),
}

/// `EXECUTE` with arguments.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) arguments: Vec<Given>,
    /// Whether the server was asked.
    pub(super) asked: bool,
}

/// An argument of EXECUTE.
pub(super) enum Given {
    /// NULL, or a parameter of the protocol.
    Nothing,
    /// One literal.
    Literal(Literal),
    /// Anything else.
    Expression,
}

/// COPY of a table.
pub(super) struct CopyTable {
    pub(super) relation: String,
    pub(super) columns: Option<Vec<String>>,
    pub(super) flow: CopyFlow,
    pub(super) options: CopyOptions,
    /// Whether the server was asked.
    pub(super) asked: bool,
}

impl Session {
    /// Whether a statement names anything that may be encrypted.
    pub(super) fn gated(&self, text: &str, statement: &[Token<'_>]) -> bool {
        let catalogue = &self.catalogue;
        self.mode != Encryption::Disabled && sql::gate(text, statement, &|name| catalogue.sensitive(name))
    }

    /// What has to be found out about `statement`, which consists of tokens of `text`.
    pub(super) fn judge(
        &self,
        text: &str,
        statement: &[Token<'_>],
        kind: &Statement<'_, '_>,
        declared: &[u32],
    ) -> Judged {
        if self.mode == Encryption::Disabled {
            return if matches!(kind, Statement::Copy(_)) { Judged::PassesCopy } else { Judged::Passes };
        }
        let gated = self.gated(text, statement);
        match executed(kind) {
            // What is executed was named elsewhere.
            Some((name, arguments)) if !arguments.is_empty() => named(text, name, arguments),
            _ if !gated => {
                if matches!(kind, Statement::Copy(_)) {
                    Judged::PassesCopy
                } else if let Statement::Explain { body } = kind {
                    self.judge_explained(text, body, declared)
                } else {
                    Judged::Passes
                }
            }
            _ => match self.servable() {
                Ok(()) => self.judge_gated(text, statement, kind, declared),
                Err(report) => Judged::Refused(report),
            },
        }
    }

    /// What is explained is judged as if it were run. `EXPLAIN EXPLAIN …` is no statement.
    fn judge_explained(&self, text: &str, body: &[Token<'_>], declared: &[u32]) -> Judged {
        match sql::classify(text, body) {
            Statement::Explain { .. } => Judged::Refused(refusal::not_described("EXPLAIN of EXPLAIN")),
            kind => match self.judge(text, body, &kind, declared) {
                Judged::Asks(question) => Judged::Asks(Question { whole: false, ..question }),
                other => other,
            },
        }
    }

    /// Whether anything that is encrypted is served at all.
    pub(super) fn servable(&self) -> Result<(), Report> {
        if let Some(why) = self.catalogue.refused() {
            return Err(refusal::untrusted(why));
        }
        self.settings.readable()
    }

    fn judge_gated(&self, text: &str, statement: &[Token<'_>], kind: &Statement<'_, '_>, declared: &[u32]) -> Judged {
        match kind {
            Statement::Query | Statement::Call => self.question(text, (statement, statement), declared, &[]),
            Statement::Declare { body, .. } => self.question(text, (statement, body), declared, &[]),
            Statement::Prepare { body, types, .. } => self.question(text, (statement, body), declared, types),
            Statement::Explain { body } => self.judge_explained(text, body, declared),
            Statement::Copy(Ok(copy)) => self.judge_copy(text, copy),
            Statement::Copy(Err(refusal)) => {
                Judged::Refused(Report::new(refusal.sqlstate(), refusal.to_string(), "Nothing was sent."))
            }
            Statement::Do | Statement::Definition => {
                let holds =
                    sql::code_holds_values(text, statement) || !Probe::new(text, statement).literals().is_empty();
                if holds { Judged::Refused(refusal::not_described("this statement")) } else { Judged::Passes }
            }
            Statement::Execute { .. }
            | Statement::CreateAsExecute { .. }
            | Statement::Deallocate { .. }
            | Statement::Fetch { .. }
            | Statement::Close { .. }
            | Statement::Setting(_)
            | Statement::Transaction(_)
            | Statement::Utility => Judged::Passes,
        }
    }

    fn question(
        &self,
        text: &str,
        (statement, body): (&[Token<'_>], &[Token<'_>]),
        declared: &[u32],
        types: &[Span],
    ) -> Judged {
        let Some(span) = sql::span_of(body) else {
            return Judged::Passes;
        };
        let body: Arc<str> = span.of(text).into();
        // The part is scanned by itself, so that it can be again when nothing else of the text is there.
        let tokens = sql::scan(&body).unwrap_or_default();
        let catalogue = &self.catalogue;
        let (column, own) =
            (|name: &str| catalogue.is_encrypted_column(name), |name: &str| catalogue.is_type_name(name));
        if let Some(column) = sql::converted(&tokens, &column, &own) {
            let text = format!("the statement makes text of the encrypted column \"{column}\"");
            return Judged::Refused(refusal::unsupported(&text));
        }
        if let Some(function) = sql::making_rows(&tokens, &own) {
            return Judged::Refused(refusal::unsupported(&format!("{function} may make rows with encrypted columns")));
        }
        if let Some(table) = sql::positional(&tokens, &|name| catalogue.is_reordered(name)) {
            return Judged::Refused(refusal::reordered(table, "INSERT"));
        }
        let probe = Probe::new(&body, &tokens);
        if !probe.fits() {
            return Judged::Refused(refusal::unsupported(
                "the statement has more literals than PostgreSQL has parameters",
            ));
        }
        let first = probe.first();
        let key: Arc<str> = first.sql.as_str().into();
        let (literals, own) = (probe.literals().to_vec(), probe.own() as usize);
        Judged::Asks(Question {
            whole: sql::span_of(statement) == Some(span),
            offset: span.start,
            characters_before: text.get(..span.start).unwrap_or_default().chars().count(),
            literals,
            own,
            declared: declared.to_vec(),
            types: types.to_vec(),
            key: self.texts.text(self.catalogue.epoch(), &key, declared),
            first,
            progress: super::resolve::State::default(),
            body: Arc::clone(&body),
        })
    }

    fn judge_copy(&self, text: &str, copy: &CopyStatement<'_, '_>) -> Judged {
        if copy.endpoint != CopyEndpoint::Client {
            return Judged::Refused(refusal::copy(
                "rows go between client and server only, not through files or programs",
            ));
        }
        if copy.filter.is_some_and(|filter| !Probe::new(text, filter).literals().is_empty()) {
            return Judged::Refused(refusal::copy("the condition after WHERE holds literals"));
        }
        match &copy.source {
            CopySource::Query(body) => match self.question(text, (body, body), &[], &[]) {
                Judged::Asks(question) => Judged::CopiesQuery(question, copy.options.clone()),
                other => other,
            },
            CopySource::Table { relation, columns: None }
                if copy.flow == CopyFlow::From && self.catalogue.is_reordered(&relation.name) =>
            {
                Judged::Refused(refusal::reordered(&relation.name, "COPY"))
            }
            CopySource::Table { relation, columns } => {
                let name = crate::catalogue::quote::identifier(&relation.name);
                let relation = match &relation.schema {
                    Some(schema) => format!("{}.{name}", crate::catalogue::quote::identifier(schema)),
                    None => name,
                };
                let (columns, flow, options) = (columns.clone(), copy.flow, copy.options.clone());
                Judged::Copies(CopyTable { relation, columns, flow, options, asked: false })
            }
        }
    }
}

fn executed<'s, 't, 'a>(kind: &'s Statement<'t, 'a>) -> Option<(&'s str, &'s [Argument<'t, 'a>])> {
    match kind {
        Statement::Execute { name, arguments } | Statement::CreateAsExecute { name, arguments } => {
            Some((name, arguments))
        }
        _ => None,
    }
}

fn named(text: &str, name: &str, arguments: &[Argument<'_, '_>]) -> Judged {
    let given = |argument: &Argument<'_, '_>| {
        if let [token] = argument.tokens
            && (matches!(token.kind, Kind::Parameter(_)) || token.is_word("null"))
        {
            return Given::Nothing;
        }
        match Probe::new(text, argument.tokens).literals() {
            [literal] if literal.span == argument.span => Given::Literal(literal.clone()),
            _ => Given::Expression,
        }
    };
    let arguments = arguments.iter().map(given).collect();
    Judged::Named(Named { name: name.to_owned(), arguments, asked: false })
}
