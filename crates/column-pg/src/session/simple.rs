//! Query: a text of statements, each made ready before any of them is sent.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::Session;
use super::analysis::Analysis;
use super::answer::{Answer, QueryAnswer};
use super::client::Job;
use super::effect::Effect;
use super::message::Message;
use super::piece::Judged;
use super::resolve::Progress;
use super::rows::Rows;
use super::{Encryption, refusal};
use crate::sql::{self, Span};
use crate::wire::frontend;
use crate::wire::{Malformed, Report};

/// A text of statements that is being asked about.
pub(super) struct QueryJob {
    message: Bytes,
    sql: Arc<str>,
    /// Statements that are not ready yet, and the name each prepares.
    waiting: VecDeque<(Judged, Option<String>)>,
    replacements: Vec<(Span, String)>,
    prepared: HashMap<String, Arc<Analysis>>,
    answer: QueryAnswer,
}

impl Session {
    pub(super) fn on_query(&mut self, message: Message<'_>) -> Result<(), Malformed> {
        let sql = frontend::query(&message)?;
        let job = self.readable_text(sql).and_then(|sql| self.read_query(message, sql));
        match job {
            Err(report) => self.refuse_query(report.error()),
            Ok(job) if job.waiting.is_empty() => self.send_query(&message, job.answer),
            Ok(job) => self.go_on_querying(Box::new(job)),
        }
        Ok(())
    }

    fn read_query(&self, message: Message<'_>, sql: &str) -> Result<QueryJob, Report> {
        let tokens = match sql::scan(sql) {
            Ok(tokens) => tokens,
            Err(_) if self.mode == Encryption::Disabled => Vec::new(),
            Err(error) => return Err(refusal::unreadable(&error)),
        };
        let mut job = QueryJob {
            message: Bytes::new(),
            sql: sql.into(),
            waiting: VecDeque::new(),
            replacements: Vec::new(),
            prepared: HashMap::new(),
            answer: QueryAnswer::default(),
        };
        for statement in sql::split(&tokens) {
            let kind = sql::classify(sql, statement);
            let effect = self.effect_of(sql, &kind, statement)?;
            let name = match &effect {
                Some(Effect::Prepare(name)) => Some(name.clone()),
                _ => None,
            };
            job.answer.effects.push_back(effect);
            match self.judge(sql, statement, &kind, &[]) {
                Judged::Refused(report) => return Err(report),
                judged => job.waiting.push_back((judged, name)),
            }
        }
        if job.waiting.iter().all(|(judged, _)| matches!(judged, Judged::Passes | Judged::PassesCopy)) {
            let copies = job.waiting.drain(..).filter(|(judged, _)| matches!(judged, Judged::PassesCopy));
            job.answer.copies = copies.map(|_| None).collect();
        } else {
            job.message = message.keep();
        }
        Ok(job)
    }

    /// Goes on with a text that is being asked about.
    pub(super) fn go_on_querying(&mut self, mut job: Box<QueryJob>) {
        while let Some((judged, name)) = job.waiting.front_mut() {
            let prepared = &job.prepared;
            match self.settle(judged, &|name| prepared.get(name).cloned()) {
                Progress::Wait => {
                    self.job = Some(Job::Query(job));
                    return;
                }
                Progress::Reload => {
                    self.job = Some(Job::Reload { tag: frontend::QUERY, message: job.message, arrived: false });
                    return;
                }
                Progress::Failed(error) => {
                    self.refuse_query(error);
                    return;
                }
                Progress::Found(settled) => {
                    job.replacements.extend(settled.replacements);
                    if let (Some(key), Some(analysis), 1) = (settled.key, &settled.analysis, job.answer.effects.len()) {
                        job.answer.expected = Some((key, Arc::clone(analysis)));
                    }
                    if let (Some(name), Some(analysis)) = (name.take(), settled.analysis) {
                        job.prepared.insert(name, analysis);
                    }
                    job.answer.copies.extend(settled.copy);
                    job.waiting.pop_front();
                }
            }
        }
        let QueryJob { sql, replacements, answer, .. } = *job;
        let text = sql::splice(&sql, &replacements);
        let mut message = bytes::BytesMut::new();
        frontend::write_query(&mut message, text.as_bytes());
        self.send_query(&message, answer);
    }

    fn send_query(&mut self, message: &[u8], answer: QueryAnswer) {
        for effect in answer.effects.iter().flatten() {
            self.before(effect);
        }
        self.to_server.extend_from_slice(message);
        self.answers.push_back(Answer::Query(Box::new(QueryAnswer { rows: Rows::default(), ..answer })));
        self.next_group();
    }
}
