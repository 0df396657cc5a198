//! Errors: whose they are, what the server drops after them, and what was not done then.

use bytes::Bytes;

use super::answer::{Answer, Own};
use super::rows::Rows;
use super::{Session, refusal};
use crate::wire::{Malformed, Report, error_fields, with_position};

impl Session {
    /// Takes an ErrorResponse.
    pub(super) fn on_error(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let fields = error_fields(message)?;
        if matches!(fields.severity, b"FATAL" | b"PANIC") {
            // The server closes the connection: whatever the client was not to hear, this it has to.
            self.to_client.extend_from_slice(message);
            return Ok(());
        }
        if !matches!(self.answers.front(), Some(Answer::Own(_))) {
            self.undone();
        }
        self.copying = None;
        let ours = self.copy_error.take();
        let message = ours.as_deref().unwrap_or(message);
        let outdated = fields.code == b"08P01" && self.bound_by_memory();
        match self.answers.front_mut() {
            None | Some(Answer::Sync | Answer::Function) => self.say(message),
            Some(Answer::Query(query)) => {
                query.rows = Rows::default();
                query.copies.clear();
                query.effects.clear();
                self.say(message);
            }
            Some(Answer::Refuse(error)) => {
                let error = error.clone();
                self.say(&error);
                self.answers.pop_front();
                self.skip();
            }
            Some(Answer::Own(_)) => self.on_own_error(message)?,
            // The formats of a result that was remembered are not as many as it has columns now.
            Some(Answer::Bind { .. }) if outdated => {
                self.forget_analysis();
                self.say(&refusal::changed().error());
                self.pop_failed();
                self.skip();
            }
            Some(_) => {
                self.say(message);
                self.pop_failed();
                self.skip();
            }
        }
        Ok(())
    }

    /// Whether the first answer is to a Bind whose result formats were chosen by what was remembered.
    fn bound_by_memory(&self) -> bool {
        let Some(Answer::Bind { portal }) = self.answers.front() else {
            return false;
        };
        let statement = self.portals.get(portal).and_then(|portal| portal.statement.as_ref());
        statement.is_some_and(|statement| statement.analysis.get().is_some_and(|analysis| analysis.opens()))
    }

    /// The first answer did not come: what was asked has failed. A named statement is what it was before; the unnamed one is gone.
    fn pop_failed(&mut self) {
        match self.answers.pop_front() {
            Some(Answer::Parse { statement, previous, .. }) => {
                let previous = previous.filter(|_| !statement.name.is_empty());
                self.restore(&statement, previous);
            }
            Some(answer) => self.undo(answer),
            None => {}
        }
    }

    /// What the server drops after an error: everything up to the next Sync.
    pub(super) fn skip(&mut self) {
        let end = self.answers.iter().position(|answer| matches!(answer, Answer::Sync | Answer::Own(Own::Sync)));
        let dropped: Vec<_> = self.answers.drain(..end.unwrap_or(self.answers.len())).collect();
        dropped.into_iter().rev().for_each(|answer| self.undo(answer));
        if end.is_none() {
            self.group.skipping = true;
            self.job = None;
        }
    }

    /// Something that was sent was not done.
    fn undo(&mut self, answer: Answer) {
        match answer {
            Answer::Parse { statement, previous, .. } => self.restore(&statement, previous),
            Answer::Bind { portal } => {
                self.portals.remove(&portal);
            }
            Answer::DescribeStatement { statement, own: true, .. } if !statement.is_confirmed() => {
                self.restore(&statement, None);
            }
            Answer::Close { forgotten: Some(statement) } => {
                self.statements.entry(statement.name.clone()).or_insert(statement);
            }
            Answer::Execute { forgotten, .. } => {
                for statement in forgotten {
                    self.statements.entry(statement.name.clone()).or_insert(statement);
                }
            }
            Answer::Close { forgotten: None }
            | Answer::DescribeStatement { .. }
            | Answer::DescribePortal { .. }
            | Answer::Sync
            | Answer::Query(_)
            | Answer::Function
            | Answer::Own(_)
            | Answer::Refuse(_) => {}
        }
    }

    fn restore(
        &mut self,
        statement: &std::sync::Arc<super::statement::Statement>,
        previous: Option<std::sync::Arc<super::statement::Statement>>,
    ) {
        let is_it = self.statements.get(&statement.name).is_some_and(|own| std::sync::Arc::ptr_eq(own, statement));
        if is_it {
            match previous {
                Some(previous) => self.statements.insert(statement.name.clone(), previous),
                None => self.statements.remove(&statement.name),
            };
        }
    }

    /// What the session asked itself has failed.
    fn on_own_error(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let own_sync = self.answers.iter().position(|answer| matches!(answer, Answer::Own(Own::Sync)));
        match own_sync {
            Some(at) => {
                self.answers.drain(..at);
                self.heard.error = Some(Self::own_bytes(message));
            }
            // In the middle of a group of the client's the failure is the statement's, and the server drops the rest itself.
            None => {
                let error = with_position(message, None)?;
                self.say(&error);
                self.skip();
            }
        }
        Ok(())
    }

    /// Refuses what the client sent in a group of the extended protocol; the rest of the group is dropped, here and there.
    pub(super) fn refuse(&mut self, report: &Report) {
        self.refuse_with(report.error());
    }

    /// As [`Session::refuse`], with an error that is written already.
    pub(super) fn refuse_with(&mut self, error: Bytes) {
        self.send_refusal(error);
        self.group.skipping = true;
        self.job = None;
    }

    /// Refuses a Query message: the error, then what the server says to a Sync.
    pub(super) fn refuse_query(&mut self, error: Bytes) {
        self.send_refusal(error);
        self.send_sync();
        self.job = None;
    }
}
