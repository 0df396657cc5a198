//! One statement made ready to be sent: its question answered, its literals sealed.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_column::Format;

use super::analysis::{self, AllKnown, Analysis, Parameter, Type};
use super::answer::Own;
use super::bind::element_oid;
use super::client::Differs;
use super::copying::CopyPlan;
use super::keys::Key;
use super::piece::{CopyTable, Given, Judged, Named};
use super::resolve::{Progress, Question};
use super::texts::Text;
use super::turn::Asked;
use super::value::{self, Sealing};
use super::{Encryption, Session, refusal};
use crate::catalogue::quote;
use crate::catalogue::{ColumnClass, Shape};
use crate::sql::{CopyFlow, CopyOptions, Literal, Span};

/// A statement that may be sent.
#[derive(Default)]
pub(super) struct Settled {
    /// What stands in the text instead of what.
    pub(super) replacements: Vec<(Span, String)>,
    /// What is known of its parameters and its result.
    pub(super) analysis: Option<Arc<Analysis>>,
    /// By what that is remembered.
    pub(super) key: Option<Text>,
    /// What is done with the rows of a COPY; `Some(None)`: they go through.
    pub(super) copy: Option<Option<Arc<CopyPlan>>>,
}

impl Settled {
    /// What was asked about is a part of the statement: its parameters are the statement's, its result is not.
    fn without_result(self) -> Self {
        let analysis = self.analysis.map(|analysis| {
            let parameters = analysis.parameters.clone();
            Arc::new(Analysis { parameters, literals: None, fields: None, types: Vec::new() })
        });
        Self { analysis, key: None, ..self }
    }
}

impl Session {
    /// Goes on with one statement. `prepared` knows statements that were prepared earlier in the same text.
    pub(super) fn settle(
        &mut self,
        judged: &mut Judged,
        prepared: &dyn Fn(&str) -> Option<Arc<Analysis>>,
    ) -> Progress<Settled> {
        match judged {
            Judged::Passes => Progress::Found(Settled::default()),
            Judged::PassesCopy => Progress::Found(Settled { copy: Some(None), ..Settled::default() }),
            Judged::Refused(report) => Progress::Failed(report.error()),
            Judged::Asks(question) => match self.settle_question(question) {
                Progress::Found(settled) if !question.whole => Progress::Found(settled.without_result()),
                other => other,
            },
            Judged::Named(named) => self.settle_named(named, prepared),
            Judged::Copies(copy) => self.settle_copy(copy),
            Judged::CopiesQuery(question, options) => {
                let options = options.clone();
                let settled = match self.settle_question(question) {
                    Progress::Found(settled) => settled,
                    other => return other,
                };
                match plan_of_query(settled.analysis.as_deref(), options) {
                    Ok(plan) => Progress::Found(Settled { copy: Some(plan), ..settled }),
                    Err(error) => Progress::Failed(error),
                }
            }
        }
    }

    fn settle_question(&mut self, question: &mut Question) -> Progress<Settled> {
        let analysis = match self.resolve(question) {
            Progress::Found(analysis) => analysis,
            other => return other.unfound(),
        };
        let mut replacements = Vec::new();
        if let Some((variant, parameters)) = &analysis.literals {
            for (literal, number) in question.literals.iter().zip(&variant.numbers) {
                let Some(number) = number else { continue };
                let parameter = (*number as usize).checked_sub(question.own + 1).and_then(|at| parameters.get(at));
                let Some(Parameter { kind: Type::Class(class, shape), .. }) = parameter else { continue };
                match self.seal_literal(literal, class, *shape) {
                    Progress::Found(cell) => {
                        let span = Span {
                            start: literal.span.start + question.offset,
                            end: literal.span.end + question.offset,
                        };
                        replacements.push((span, cell));
                    }
                    other => return other.unfound(),
                }
            }
        }
        // A type that PREPARE names for an encrypted parameter would be refused: it is the encrypted one.
        for (span, parameter) in question.types.iter().zip(&analysis.parameters) {
            if let Type::Class(class, shape) = &parameter.kind {
                replacements.push((*span, sql_type(class, *shape)));
            }
        }
        replacements.sort_by_key(|(span, _)| span.start);
        Progress::Found(Settled { replacements, analysis: Some(analysis), key: Some(question.key.clone()), copy: None })
    }

    /// What stands in the text instead of a literal: its cell, with its type.
    fn seal_literal(&mut self, literal: &Literal, class: &Arc<ColumnClass>, shape: Shape) -> Progress<String> {
        if self.mode == Encryption::ResultSetOnly {
            return Progress::Failed(refusal::results_only().error());
        }
        let what = || format!("the literal for a value of type {}", class.class.plain.word());
        let value = match &literal.value {
            Ok(value) => value,
            Err(refused) => {
                let why = value::NotSealed { sqlstate: refused.sqlstate(), why: refused.to_string() };
                return Progress::Failed(refusal::value(&why, &what()).error());
            }
        };
        let key = match self.keys.of(class) {
            Key::Here(key) => key,
            Key::Awaited => return Progress::Wait,
            Key::Failed(report) => return Progress::Failed(report.error()),
        };
        let sealing = Sealing {
            key: &key,
            mode: class.class.mode,
            plain: &class.class.plain,
            shape,
            given: value.oid(),
            format: Format::Text,
            style: &self.settings.style,
            element: element_oid(class, shape),
            sent: Format::Text,
        };
        match value::seal(&sealing, value.text().as_bytes(), &mut self.scratch) {
            // The blank parts it from a word that stands directly before.
            Ok(()) => {
                let text = String::from_utf8_lossy(&self.scratch.value);
                Progress::Found(format!(" {}::{}", quote::literal(&text), sql_type(class, shape)))
            }
            Err(why) => Progress::Failed(refusal::value(&why, &what()).error()),
        }
    }

    fn settle_named(
        &mut self,
        named: &mut Named,
        prepared: &dyn Fn(&str) -> Option<Arc<Analysis>>,
    ) -> Progress<Settled> {
        let parameters = match prepared(&named.name) {
            Some(analysis) => analysis.parameters.clone(),
            None => match self.parameters_of(named) {
                Progress::Found(parameters) => parameters,
                other => return other.unfound(),
            },
        };
        let mut replacements = Vec::new();
        for (given, parameter) in named.arguments.iter().zip(&parameters) {
            if self.catalogue.is_row(parameter.oid) && !matches!(given, Given::Nothing) {
                return Progress::Failed(refusal::rows().error());
            }
            let Type::Class(class, shape) = &parameter.kind else { continue };
            if let Err(report) = self.servable() {
                return Progress::Failed(report.error());
            }
            match given {
                Given::Nothing => {}
                Given::Expression => return Progress::Failed(refusal::argument(&named.name).error()),
                Given::Literal(literal) => match self.seal_literal(literal, class, *shape) {
                    Progress::Found(cell) => replacements.push((literal.span, cell)),
                    other => return other.unfound(),
                },
            }
        }
        Progress::Found(Settled { replacements, ..Settled::default() })
    }

    /// The parameters of a statement that was prepared by SQL or by the protocol, as the server tells them now.
    fn parameters_of(&mut self, named: &mut Named) -> Progress<Vec<Parameter>> {
        if !named.asked {
            if !self.answers.is_empty() {
                self.flush();
                return Progress::Wait;
            }
            named.asked = true;
            self.listen();
            self.ask_named(named.name.as_bytes());
            self.end_question();
            return Progress::Wait;
        }
        if !self.heard.done {
            return Progress::Wait;
        }
        if let Some(error) = &self.heard.error {
            return Progress::Failed(error.clone());
        }
        let oids = self.heard.parameters.clone();
        match self.known_types(oids.iter().copied()) {
            Progress::Found(types) => {
                let parameter = |(oid, kind)| Parameter { oid, kind };
                Progress::Found(oids.into_iter().zip(types).map(parameter).collect())
            }
            other => other.unfound(),
        }
    }

    fn end_question(&mut self) {
        if self.group.begun && !self.transaction.in_block { self.end_within_group() } else { self.end_with_sync() }
    }

    /// What types are; waits when a fresh catalogue has to say.
    pub(super) fn known_types(&mut self, oids: impl Iterator<Item = u32>) -> Progress<Vec<Type>> {
        match analysis::all_known(&self.catalogue, &self.texts, oids) {
            AllKnown::Types(types) => Progress::Found(types),
            AllKnown::Refused(report) => Progress::Failed(report.error()),
            AllKnown::Unknown(oid) => {
                self.unknown_type = Some(oid);
                if self.wants_catalogue == Asked::No {
                    self.wants_catalogue = Asked::Soon;
                }
                Progress::Wait
            }
        }
    }

    fn settle_copy(&mut self, copy: &mut CopyTable) -> Progress<Settled> {
        if !copy.asked {
            if !self.answers.is_empty() {
                self.flush();
                return Progress::Wait;
            }
            copy.asked = true;
            self.listen();
            self.run(&columns_query(&copy.relation), Own::Rows);
            self.run_check();
            self.end_question();
            return Progress::Wait;
        }
        if !self.heard.done {
            return Progress::Wait;
        }
        if let Some(error) = &self.heard.error {
            return Progress::Failed(error.clone());
        }
        if let Some(difference) = self.heard.difference.take() {
            return match self.differs(&difference) {
                Differs::Reload => Progress::Reload,
                Differs::Refused(report) => Progress::Failed(report.error()),
            };
        }
        let Some(found) = self.columns_found() else {
            return Progress::Failed(refusal::copy("its columns could not be read").error());
        };
        let types = match self.known_types(found.iter().map(|column| column.oid)) {
            Progress::Found(types) => types,
            other => return other.unfound(),
        };
        let all: Vec<_> = found.into_iter().zip(types).collect();
        match plan(copy.columns.as_deref(), &all, copy.flow, copy.options.clone()) {
            Ok(plan) => Progress::Found(Settled { copy: Some(plan), ..Settled::default() }),
            Err(error) => Progress::Failed(error),
        }
    }

    fn columns_found(&self) -> Option<Vec<Found>> {
        let column = |row: &Vec<Option<Box<[u8]>>>| {
            let [Some(name), Some(oid), Some(generated)] = row.as_slice() else {
                return None;
            };
            let oid = std::str::from_utf8(oid).ok()?.parse().ok()?;
            Some(Found { name: std::str::from_utf8(name).ok()?.to_owned(), oid, generated: !generated.is_empty() })
        };
        self.heard.rows.iter().map(column).collect()
    }
}

/// The type of a literal's cell in a text.
fn sql_type(class: &ColumnClass, shape: Shape) -> String {
    match shape {
        Shape::Cell | Shape::Domain => class.sql_name.clone(),
        Shape::CellArray | Shape::DomainArray => format!("{}[]", class.sql_name),
    }
}

/// The columns of a table, with their types, and whether they are generated.
fn columns_query(relation: &str) -> String {
    format!(
        "SELECT a.attname::pg_catalog.text, a.atttypid::pg_catalog.int8, a.attgenerated::pg_catalog.text FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid OPERATOR(pg_catalog.=) {}::pg_catalog.regclass AND a.attnum OPERATOR(pg_catalog.>) 0 \
         AND NOT a.attisdropped ORDER BY a.attnum",
        quote::literal(relation)
    )
}

/// A column of a table.
struct Found {
    name: String,
    oid: u32,
    generated: bool,
}

/// What COPY does with the columns of a table; nothing when none is encrypted.
fn plan(
    named: Option<&[String]>,
    all: &[(Found, Type)],
    flow: CopyFlow,
    options: CopyOptions,
) -> Result<Option<Arc<CopyPlan>>, Bytes> {
    let taken = |(column, kind): &(Found, Type)| (column.name.clone(), kind.clone());
    let listed: Option<Vec<_>> = match named {
        None => Some(all.iter().filter(|(column, _)| !column.generated).map(taken).collect()),
        Some(named) => named.iter().map(|name| all.iter().find(|(own, _)| own.name == *name).map(taken)).collect(),
    };
    // Of a column that is not there the server says so in its own words, before it takes any row.
    let Some(listed) = listed else {
        return Ok(None);
    };
    plan_of(listed, flow, options)
}

fn plan_of_query(analysis: Option<&Analysis>, options: CopyOptions) -> Result<Option<Arc<CopyPlan>>, Bytes> {
    let Some(analysis) = analysis else {
        return Ok(None);
    };
    let fields = analysis.fields.iter().flatten();
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let listed = fields.zip(&analysis.types).map(|(field, kind)| (name(&field.name), kind.clone())).collect();
    plan_of(listed, CopyFlow::To, options)
}

fn plan_of(listed: Vec<(String, Type)>, flow: CopyFlow, options: CopyOptions) -> Result<Option<Arc<CopyPlan>>, Bytes> {
    if !listed.iter().any(|(_, kind)| kind.is_class()) {
        return Ok(None);
    }
    let column = |(name, kind): (String, Type)| match kind {
        Type::Plain => Ok((name, None)),
        Type::Class(class, Shape::Cell | Shape::Domain) => Ok((name, Some(class))),
        Type::Class(_, Shape::CellArray | Shape::DomainArray) => {
            Err(refusal::copy("arrays of encrypted values are not copied").error())
        }
    };
    let columns = listed.into_iter().map(column).collect::<Result<_, _>>()?;
    Ok(Some(Arc::new(CopyPlan { flow, options, columns })))
}
