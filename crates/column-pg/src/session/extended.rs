//! Parse: what has to be found out about a text before values are sent for it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::again::Again;
use super::analysis::Analysis;
use super::answer::Answer;
use super::client::Job;
use super::effect::{Effect, effect};
use super::message::Message;
use super::piece::Judged;
use super::resolve::{Progress, sent_types};
use super::settle::Settled;
use super::statement::Statement;
use super::{Encryption, Session, refusal};
use crate::sql::{self, Kind, Token};
use crate::wire::frontend::{self, Target};
use crate::wire::{Malformed, Report};

/// A text of the extended protocol that is being asked about.
pub(super) struct ParseJob {
    /// The message that it is for: a Parse, or what waits for a text that is parsed once more.
    message: (u8, Bytes),
    name: Bytes,
    sql: Arc<str>,
    declared: Vec<u32>,
    judged: Judged,
    effect: Option<Effect>,
    /// Whether it is the session that parses the text once more.
    own: bool,
}

/// What was read in a text without asking anybody.
struct Text {
    judged: Judged,
    effect: Option<Effect>,
    parameters: bool,
}

impl Session {
    pub(super) fn on_parse(&mut self, message: Message<'_>) -> Result<(), Malformed> {
        let parse = frontend::parse(&message)?;
        let sql = match self.readable_text(parse.sql) {
            Ok(sql) => sql,
            Err(report) => {
                self.refuse(&report);
                return Ok(());
            }
        };
        match self.read_text(sql, &parse.types) {
            Err(report) => self.refuse(&report),
            Ok(Text { judged: Judged::Passes, effect, parameters }) => {
                self.parse_as_it_is(&message, parse.name, sql, parse.types, effect, parameters);
            }
            Ok(Text { judged, effect, .. }) => {
                let (name, sql) = (Bytes::copy_from_slice(parse.name), sql.into());
                let declared = parse.types;
                let message = (frontend::PARSE, message.keep());
                let job = ParseJob { message, name, sql, declared, judged, effect, own: false };
                self.go_on_parsing(Box::new(job));
            }
        }
        Ok(())
    }

    /// The text of a statement, if names and literals can be found in it.
    pub(super) fn readable_text<'m>(&self, sql: &'m [u8]) -> Result<&'m str, Report> {
        if !self.settings.utf8() && !sql.is_ascii() && self.mode != Encryption::Disabled {
            return Err(refusal::setting("client_encoding", "UTF8"));
        }
        if self.mode != Encryption::Disabled && !self.settings.backslashes_mean_themselves() && sql.contains(&b'\\') {
            return Err(refusal::backslashes());
        }
        if self.mode == Encryption::Disabled {
            // Nothing is looked for.
            return Ok(std::str::from_utf8(sql).unwrap_or_default());
        }
        std::str::from_utf8(sql).map_err(|_| refusal::not_utf8())
    }

    fn read_text(&self, sql: &str, declared: &[u32]) -> Result<Text, Report> {
        let tokens = match sql::scan(sql) {
            Ok(tokens) => tokens,
            Err(_) if self.mode == Encryption::Disabled => Vec::new(),
            Err(error) => return Err(refusal::unreadable(&error)),
        };
        let parameters = self.mode != Encryption::Disabled
            && (!declared.is_empty() || tokens.iter().any(|token| matches!(token.kind, Kind::Parameter(_))));
        let statements = sql::split(&tokens);
        let one = match statements.as_slice() {
            [] => return Ok(Text { judged: Judged::Passes, effect: None, parameters }),
            [one] => *one,
            several => {
                // The server refuses them too; but it would write them into its log.
                if several.iter().any(|statement| self.gated(sql, statement)) {
                    return Err(refusal::several());
                }
                return Ok(Text { judged: Judged::Passes, effect: None, parameters });
            }
        };
        let kind = sql::classify(sql, one);
        let effect = self.effect_of(sql, &kind, one)?;
        Ok(Text { judged: self.judge(sql, one, &kind, declared), effect, parameters })
    }

    /// What the execution of a statement changes.
    pub(super) fn effect_of(
        &self,
        text: &str,
        kind: &sql::Statement<'_, '_>,
        statement: &[Token<'_>],
    ) -> Result<Option<Effect>, Report> {
        effect(kind, (text, statement), self.opted).map_err(|why| Report::new("22023", why, ""))
    }

    /// A text without sensitive names: sent as the client sent it, and described where it has parameters.
    fn parse_as_it_is(
        &mut self,
        message: &[u8],
        name: &[u8],
        sql: &str,
        declared: Vec<u32>,
        effect: Option<Effect>,
        parameters: bool,
    ) {
        let sql: Arc<str> = sql.into();
        let analysis = parameters.then(|| {
            let text = self.texts.text(self.catalogue.epoch(), &sql, &declared);
            self.texts.verified(&text).or_else(|| self.texts.hint(&text))
        });
        let analysis = analysis.flatten();
        let statement = self.new_statement(name, Some(sql), declared, analysis, effect);
        let statement = Arc::new(Statement { parameters, ..statement });
        let known = statement.analysis.get().is_some();
        self.forward(message);
        self.put_statement(Arc::clone(&statement), false);
        if parameters && !known {
            self.describe_own(statement);
        }
    }

    fn describe_own(&mut self, statement: Arc<Statement>) {
        frontend::write_describe(&mut self.to_server, Target::Statement, &statement.name);
        self.answers.push_back(Answer::DescribeStatement { statement, parameters: None, own: true });
        self.group.begun = true;
        self.group.flushed = false;
    }

    fn put_statement(&mut self, statement: Arc<Statement>, own: bool) {
        let previous = self.statements.insert(statement.name.clone(), Arc::clone(&statement));
        self.answers.push_back(Answer::Parse { statement, previous, own });
    }

    fn new_statement(
        &self,
        name: &[u8],
        sql: Option<Arc<str>>,
        declared: Vec<u32>,
        analysis: Option<Arc<Analysis>>,
        effect: Option<Effect>,
    ) -> Statement {
        Statement {
            name: name.into(),
            sql,
            key: None,
            declared,
            analysis: analysis.map(OnceLock::from).unwrap_or_default(),
            refused: OnceLock::new(),
            confirmed: AtomicBool::new(false),
            group: self.group.number,
            epoch: self.catalogue.epoch(),
            catalogue: self.catalogues,
            mode: self.mode,
            generation: self.texts.generation(),
            gated: false,
            parameters: true,
            effect,
            copy: None,
            again: Again::default(),
        }
    }

    /// Goes on with a text that is being asked about.
    pub(super) fn go_on_parsing(&mut self, mut job: Box<ParseJob>) {
        match self.settle(&mut job.judged, &|_| None) {
            Progress::Wait => self.job = Some(Job::Parse(job)),
            Progress::Reload => {
                let (tag, message) = job.message;
                self.job = Some(Job::Reload { tag, message, arrived: false });
            }
            Progress::Failed(error) => self.refuse_with(error),
            Progress::Found(settled) => self.parse_settled(*job, settled),
        }
    }

    fn parse_settled(&mut self, job: ParseJob, settled: Settled) {
        let ParseJob { message: (tag, message), name, sql, declared, effect, own, .. } = job;
        let types = match &settled.analysis {
            Some(analysis) => sent_types(&analysis.parameters, &declared),
            None => declared.clone(),
        };
        let text = sql::splice(&sql, &settled.replacements);
        if own {
            self.close_own(&name);
        }
        frontend::write_parse(&mut self.to_server, &name, text.as_bytes(), &types);
        self.group.begun = true;
        self.group.flushed = false;
        let analysed = settled.analysis.is_some();
        let statement = self.new_statement(&name, Some(sql), declared, settled.analysis, effect);
        let (copy, key) = (settled.copy.flatten(), settled.key);
        let statement = Arc::new(Statement { gated: true, parameters: analysed, copy, key, ..statement });
        self.put_statement(statement, own);
        if own {
            self.on_client(tag, Message::of(&message));
        }
    }

    fn close_own(&mut self, name: &[u8]) {
        frontend::write_close(&mut self.to_server, Target::Statement, name);
        self.answers.push_back(Answer::Own(super::answer::Own::Close));
    }

    /// Whether a statement was judged by another catalogue or in another mode, or its names may mean something else now.
    pub(super) fn out_of_date(&self, statement: &Statement) -> bool {
        (statement.gated && statement.generation != self.texts.generation())
            || statement.catalogue != self.catalogues
            || statement.mode != self.mode
    }

    /// Judges a statement once more, and parses it once more if its text names what may be encrypted now; `message` waits.
    pub(super) fn judge_again(&mut self, statement: &Arc<Statement>, tag: u8, message: Message<'_>) {
        let judged = match &statement.sql {
            Some(sql) => self.read_text(sql, &statement.declared),
            None => Ok(Text { judged: Judged::Passes, effect: None, parameters: true }),
        };
        match judged {
            Err(report) => self.refuse(&report),
            Ok(Text { judged: Judged::Passes | Judged::PassesCopy, effect, parameters }) => {
                let (sql, declared) = (statement.sql.clone(), statement.declared.clone());
                let fresh = self.new_statement(&statement.name, sql, declared, None, effect);
                let fresh = Arc::new(Statement { parameters, ..fresh });
                fresh.confirm();
                self.statements.insert(fresh.name.clone(), Arc::clone(&fresh));
                if parameters {
                    self.describe_own(fresh);
                }
                self.on_client(tag, message);
            }
            Ok(Text { judged, effect, .. }) => {
                let sql = statement.sql.clone().unwrap_or_default();
                let name = Bytes::copy_from_slice(&statement.name);
                let declared = statement.declared.clone();
                let job = ParseJob { message: (tag, message.keep()), name, sql, declared, judged, effect, own: true };
                self.go_on_parsing(Box::new(job));
            }
        }
    }
}
