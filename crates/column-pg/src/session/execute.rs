//! Describe and Execute: what comes back is known before it comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Session;
use super::answer::Answer;
use super::client::Job;
use super::effect::Effect;
use super::message::Message;
use super::statement::{Portal, Statement};
use crate::wire::Malformed;
use crate::wire::frontend::{self, Target};

impl Session {
    pub(super) fn on_describe(&mut self, message: Message<'_>) -> Result<(), Malformed> {
        let (target, name) = frontend::target(&message)?;
        let answer = match target {
            Target::Statement => {
                let Some(statement) = self.statement_for(name) else {
                    self.job = Some(Job::Again(frontend::DESCRIBE, message.keep()));
                    return Ok(());
                };
                if let Some(report) = statement.refused.get() {
                    let report = report.clone();
                    self.refuse(&report);
                    return Ok(());
                }
                Answer::DescribeStatement { statement, parameters: None, own: false }
            }
            Target::Portal => {
                let portal = self.portal(name);
                portal.described.store(true, Ordering::Relaxed);
                Answer::DescribePortal { portal, own: false }
            }
        };
        self.forward(&message);
        self.answers.push_back(answer);
        Ok(())
    }

    pub(super) fn on_execute(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (name, _) = frontend::execute(message)?;
        let portal = self.portal(name);
        if portal.rows.lock().is_none() && !portal.described.swap(true, Ordering::Relaxed) {
            frontend::write_describe(&mut self.to_server, Target::Portal, name);
            self.answers.push_back(Answer::DescribePortal { portal: Arc::clone(&portal), own: true });
        }
        let effect = portal.statement.as_ref().and_then(|statement| statement.effect.clone());
        let forgotten = effect.as_ref().map(|effect| self.before(effect)).unwrap_or_default();
        self.forward(message);
        self.answers.push_back(Answer::Execute { portal, effect, forgotten });
        Ok(())
    }

    /// The portal of this name; one that is not known here was made by SQL.
    fn portal(&mut self, name: &[u8]) -> Arc<Portal> {
        if let Some(portal) = self.portals.get(name) {
            return Arc::clone(portal);
        }
        let portal = Arc::new(Portal { group: self.group.number, ..Portal::default() });
        self.portals.insert(name.into(), Arc::clone(&portal));
        portal
    }

    /// What a command changes as soon as it is sent: what follows it must not be taken for what was before. Statements that were
    /// forgotten and still are there if the command is not run.
    pub(super) fn before(&mut self, effect: &Effect) -> Vec<Arc<Statement>> {
        match effect {
            Effect::Prepare(name) => {
                self.forget_statements(Some(name));
                Vec::new()
            }
            Effect::Deallocate(name) => self.forget_statements(name.as_deref()),
            Effect::DiscardAll => {
                self.texts.names_changed();
                self.forget_statements(None)
            }
            Effect::Mode(mode) => {
                // More care begins at once, less when the server has agreed.
                if *mode != super::Encryption::Disabled {
                    self.set_mode(*mode);
                }
                Vec::new()
            }
            Effect::Set { name, value: Some(value) } if name == "standard_conforming_strings" => {
                // What follows may be read the other way before the server has said so.
                if !value.eq_ignore_ascii_case("on") {
                    self.set(name, value);
                }
                Vec::new()
            }
            Effect::Names | Effect::ResetAll => {
                // What follows may be read before this is done; nothing is learned again until everything was answered.
                self.texts.names_changed();
                Vec::new()
            }
            Effect::Ends => {
                if self.transaction.names_changed {
                    self.texts.names_changed();
                }
                Vec::new()
            }
            Effect::Set { .. } => Vec::new(),
        }
    }
}
