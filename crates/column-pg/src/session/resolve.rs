//! What a statement's parameters and literals stand for: PostgreSQL is asked, in the user's own session and without any value.
//!
//! A question that PostgreSQL refuses must not harm the user's transaction. Outside one nothing can be harmed. In a block a
//! savepoint is set before a question that may have to be asked again in another form. In the middle of a pipeline there is one
//! try, and its failure is the statement's (docs/decisions/0008-probes-on-the-users-session.md).

use std::sync::Arc;

use bytes::Bytes;

use super::analysis::{self, AllKnown, Analysis, Parameter, Type};
use super::answer::{Heard, Own};
use super::client::Differs;
use super::texts::Text;
use super::turn::Asked;
use super::{Session, refusal};
use crate::sql::{self, Failure, Literal, Probe, Span, Variant};
use crate::wire::{error_fields, with_position};

/// What is asked about one text.
pub(super) struct Question {
    /// The text: one statement, or the part of one that can be described.
    pub(super) body: Arc<str>,
    /// Where in the client's text it begins, in bytes.
    pub(super) offset: usize,
    /// The same in characters, as PostgreSQL counts.
    pub(super) characters_before: usize,
    /// Whether the text is the statement: its result is that of the statement then.
    pub(super) whole: bool,
    /// Its literals.
    pub(super) literals: Vec<Literal>,
    /// The highest number of a parameter of the client's own.
    pub(super) own: usize,
    /// Types that the client declared.
    pub(super) declared: Vec<u32>,
    /// Where PREPARE names types.
    pub(super) types: Vec<Span>,
    /// What the answer is remembered by.
    pub(super) key: Text,
    /// The first form of the question.
    pub(super) first: Variant,
    pub(super) progress: State,
}

/// How far a question is.
#[derive(Default)]
pub(super) struct State {
    variant: Option<Variant>,
    declaring: Declaring,
    surroundings: Option<Surroundings>,
    asked: bool,
    tries: u32,
    /// Whether the savepoint is set.
    saved: bool,
    /// Whether the last try failed inside it.
    failed: bool,
    /// The refusal of the statement, if no other form is accepted.
    error: Option<Bytes>,
    /// What was found out; keys may still have to come.
    found: Option<Arc<Analysis>>,
}

/// Which of the client's declared types a try declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Declaring {
    /// None: a declared type keeps PostgreSQL from saying that a parameter is encrypted.
    #[default]
    None,
    /// All.
    All,
    /// All but one.
    AllBut(usize),
    /// What the statement will be sent with.
    Final(Vec<u32>),
}

/// Where the question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surroundings {
    /// Outside of any transaction.
    Idle,
    /// In a transaction block.
    Block,
    /// In a failed transaction block.
    Failed,
    /// In a group of messages that is a transaction of its own.
    Pipeline,
}

/// How a question stands.
pub(super) enum Progress<T> {
    Wait,
    /// The database is not what the manifest says: it is asked again with a newer catalogue.
    Reload,
    Found(T),
    /// The error that is the statement's.
    Failed(Bytes),
}

impl<T> Progress<T> {
    /// The same of something else; only what was found can be that.
    pub(super) fn unfound<U>(self) -> Progress<U> {
        match self {
            Self::Wait | Self::Found(_) => Progress::Wait,
            Self::Reload => Progress::Reload,
            Self::Failed(error) => Progress::Failed(error),
        }
    }
}

/// `record` and `record[]`.
const ROWS: [u32; 2] = [2249, 2287];
/// Forms of one question that are tried.
const MOST_TRIES: u32 = 24;
/// Parameters whose declared types are left out one at a time.
const MOST_SINGLE: usize = 8;
const SAVEPOINT: &str = "SAVEPOINT strongroom_probe";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT strongroom_probe";
const RELEASE: &str = "RELEASE SAVEPOINT strongroom_probe";

impl Session {
    /// Goes on with a question.
    pub(super) fn resolve(&mut self, question: &mut Question) -> Progress<Arc<Analysis>> {
        if let Some(found) = &question.progress.found {
            return Progress::Found(Arc::clone(found));
        }
        if !question.progress.asked {
            if let Some(analysis) = self.texts.verified(&question.key) {
                return Progress::Found(analysis);
            }
            // Everything before has to be answered: only then it is known where the question is asked.
            if !self.answers.is_empty() {
                self.flush();
                return Progress::Wait;
            }
            let hint = self.texts.hint(&question.key);
            let hinted = hint.and_then(|hint| hint.literals.as_ref().map(|(variant, _)| variant.clone()));
            question.progress.variant = Some(hinted.unwrap_or_else(|| question.first.clone()));
            question.progress.surroundings = Some(self.surroundings());
            question.progress.asked = true;
            self.ask(question);
            return Progress::Wait;
        }
        if !self.heard.done {
            return Progress::Wait;
        }
        let judged = match self.heard.error.clone() {
            Some(error) => self.after_failure(question, &error),
            None => self.after_answer(question),
        };
        if !matches!(judged, Progress::Wait) && question.progress.saved && !question.progress.failed {
            question.progress.saved = false;
            self.run(RELEASE, Own::Execute);
            self.end_with_sync();
        }
        if let Progress::Found(analysis) = &judged {
            question.progress.found = Some(Arc::clone(analysis));
        }
        judged
    }

    fn surroundings(&self) -> Surroundings {
        match (self.group.begun, self.transaction.in_block, self.transaction.status) {
            (_, true, b'E') => Surroundings::Failed,
            (_, true, _) => Surroundings::Block,
            (false, false, _) => Surroundings::Idle,
            (true, false, _) => Surroundings::Pipeline,
        }
    }

    /// Sends one form of the question.
    fn ask(&mut self, question: &mut Question) {
        let state = &mut question.progress;
        let variant = state.variant.get_or_insert_with(|| question.first.clone());
        let types = match &state.declaring {
            Declaring::None => vec![0; question.own],
            Declaring::All => declared(&question.declared, question.own),
            Declaring::AllBut(free) => {
                let mut types = declared(&question.declared, question.own);
                if let Some(free) = types.get_mut(*free) {
                    *free = 0;
                }
                types
            }
            Declaring::Final(types) => types.clone(),
        };
        let sql = variant.sql.clone();
        let may_try_again = !question.literals.is_empty() || question.declared.iter().any(|oid| *oid != 0);
        let surroundings = state.surroundings.unwrap_or(Surroundings::Pipeline);
        state.tries += 1;
        self.listen();
        if std::mem::take(&mut state.failed) {
            self.run(ROLLBACK, Own::Execute);
        } else if surroundings == Surroundings::Block && may_try_again && !state.saved {
            state.saved = true;
            self.run(SAVEPOINT, Own::Execute);
        }
        self.ask_text(&sql, &types);
        self.run_check();
        if surroundings == Surroundings::Pipeline { self.end_within_group() } else { self.end_with_sync() }
    }

    /// The server has refused a form of the question.
    fn after_failure(&mut self, question: &mut Question, error: &Bytes) -> Progress<Arc<Analysis>> {
        let Question { progress: state, body, first, .. } = question;
        let Ok(fields) = error_fields(error) else {
            return Progress::Failed(error.clone());
        };
        let (sqlstate, message) = (String::from_utf8_lossy(fields.code), String::from_utf8_lossy(fields.message));
        let position = fields.position.map(|position| position as usize);
        let variant = state.variant.clone().unwrap_or_else(|| first.clone());
        let tokens = sql::scan(body).unwrap_or_default();
        let probe = Probe::new(body, &tokens);
        let told = position.and_then(|position| variant.original_position(&probe, position));
        let own_error =
            with_position(error, told.map(|told| told + question.characters_before)).unwrap_or_else(|_| error.clone());
        state.failed = state.saved;
        let alone = !state.saved && state.surroundings != Some(Surroundings::Idle);
        let failure = Failure { sqlstate: &sqlstate, position, message: &message };
        if alone || state.tries >= MOST_TRIES {
            return Progress::Failed(state.error.take().unwrap_or(own_error));
        }
        if let Some(next) = probe.next(&variant, &failure) {
            state.variant = Some(next);
        } else {
            // No form of the literals helps: it may be a type that was declared, or was not.
            let error = state.error.get_or_insert(own_error).clone();
            let Some(next) = self.next_declaring(question, &sqlstate) else {
                return Progress::Failed(error);
            };
            question.progress.declaring = next;
            question.progress.variant = Some(question.first.clone());
        }
        self.ask(question);
        Progress::Wait
    }

    fn next_declaring(&self, question: &Question, sqlstate: &str) -> Option<Declaring> {
        const OF_TYPES: [&str; 8] = ["42804", "42883", "42P18", "42725", "42846", "42P08", "42P38", "42809"];
        if !OF_TYPES.contains(&sqlstate) {
            return None;
        }
        let most = question.own.min(question.declared.len()).min(MOST_SINGLE);
        let free = |from: usize| {
            (from..most).find(|at| question.declared.get(*at).is_some_and(|oid| *oid != 0)).map(Declaring::AllBut)
        };
        match &question.progress.declaring {
            Declaring::None if question.declared.iter().any(|oid| *oid != 0) => Some(Declaring::All),
            Declaring::All => free(0),
            Declaring::AllBut(last) => free(last + 1),
            Declaring::None | Declaring::Final(_) => None,
        }
    }

    /// The server has described a form of the question.
    fn after_answer(&mut self, question: &mut Question) -> Progress<Arc<Analysis>> {
        if let Some(difference) = self.heard.difference.take() {
            return match self.differs(&difference) {
                Differs::Reload => Progress::Reload,
                Differs::Refused(report) => Progress::Failed(report.error()),
            };
        }
        let Heard { parameters, fields, .. } = &self.heard;
        let oids = parameters.iter().copied().chain(fields.iter().flatten().map(|field| field.oid));
        let types = match analysis::all_known(&self.catalogue, &self.texts, oids) {
            AllKnown::Types(types) => types,
            AllKnown::Refused(report) => return Progress::Failed(report.error()),
            AllKnown::Unknown(oid) => {
                self.unknown_type = Some(oid);
                if self.wants_catalogue == Asked::No {
                    self.wants_catalogue = Asked::Soon;
                }
                return Progress::Wait;
            }
        };
        let variant = question.progress.variant.clone().unwrap_or_else(|| question.first.clone());
        let highest = variant.numbers.iter().flatten().max().map_or(question.own, |number| *number as usize);
        if parameters.len() < highest || parameters.contains(&0) {
            // PostgreSQL has not looked at all of them: what they stand for is not known.
            return Progress::Failed(refusal::not_described("this statement").error());
        }
        // What rows are made of is not looked at, and a record may have any column.
        if parameters.iter().any(|oid| ROWS.contains(oid) || self.catalogue.is_row(*oid)) {
            return Progress::Failed(refusal::rows().error());
        }
        let types_of_fields = types.get(parameters.len()..).unwrap_or_default().to_vec();
        let mut parameters: Vec<_> =
            parameters.iter().zip(&types).map(|(oid, kind)| Parameter { oid: *oid, kind: kind.clone() }).collect();
        let literals = parameters.split_off(question.own.min(parameters.len()));
        if let Some(last) = self.final_types(question, &parameters) {
            question.progress.declaring = Declaring::Final(last);
            self.ask(question);
            return Progress::Wait;
        }
        let beyond = question.declared.get(question.own..).unwrap_or_default();
        parameters.extend(beyond.iter().map(|oid| Parameter { oid: *oid, kind: Type::Plain }));
        let analysis = Arc::new(Analysis {
            parameters,
            literals: Some((variant, literals)),
            fields: self.heard.fields.take(),
            types: types_of_fields,
        });
        self.texts.remember(question.key.clone(), &analysis);
        Progress::Found(analysis)
    }

    /// The types the statement will be sent with, if they are not those that the answer is for and literals may change with them.
    fn final_types(&self, question: &Question, parameters: &[Parameter]) -> Option<Vec<u32>> {
        if question.literals.is_empty() || matches!(question.progress.declaring, Declaring::Final(_)) {
            return None;
        }
        let last = sent_types(parameters, &question.declared);
        let same = parameters.iter().zip(&last).all(|(parameter, last)| parameter.oid == *last);
        (!same).then_some(last)
    }
}

/// The types a statement is sent with: encrypted parameters as PostgreSQL said, others as the client declared them, if it did.
pub(super) fn sent_types(parameters: &[Parameter], own: &[u32]) -> Vec<u32> {
    let sent = |(index, parameter): (usize, &Parameter)| match own.get(index) {
        Some(declared) if *declared != 0 && !parameter.kind.is_class() => *declared,
        _ => parameter.oid,
    };
    parameters.iter().enumerate().map(sent).collect()
}

fn declared(types: &[u32], count: usize) -> Vec<u32> {
    (0..count).map(|at| types.get(at).copied().unwrap_or(0)).collect()
}
