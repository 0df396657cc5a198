//! What the server says: each message belongs to the first answer that is still to come.

use std::sync::Arc;

use super::analysis::{self, AllKnown, Analysis, Type};
use super::answer::{Answer, Own};
use super::effect::{Effect, keeps_names};
use super::rows::{Rows, Stop};
use super::statement::Statement;
use super::turn::{Asked, Step};
use super::{Encryption, Session, refusal};
use crate::wire::Malformed;
use crate::wire::backend::{self, Field};

/// The server answered something that was not asked.
const OUT_OF_ORDER: Malformed = Malformed::Field { field: "the order of answers" };

impl Session {
    /// Takes one message of the server.
    pub(super) fn on_server(&mut self, tag: u8, message: &[u8]) -> Result<Step, Malformed> {
        match tag {
            backend::ROW_DESCRIPTION => return self.on_row_description(message),
            backend::PARAMETER_DESCRIPTION => return self.on_parameter_description(message),
            backend::DATA_ROW => return self.on_data_row(message),
            backend::ERROR => self.on_error(message)?,
            backend::COPY_IN | backend::COPY_OUT => return self.on_copy_begins(tag, message),
            backend::COPY_DATA => self.on_copy_out(message)?,
            backend::COPY_DONE => self.on_copy_out_done(message),
            backend::PARSE_COMPLETE => self.on_parsed(message)?,
            backend::BIND_COMPLETE => match self.answers.pop_front() {
                Some(Answer::Bind { .. }) => self.say(message),
                Some(Answer::Own(Own::Bind)) => {}
                _ => return Err(OUT_OF_ORDER),
            },
            backend::CLOSE_COMPLETE => match self.answers.pop_front() {
                Some(Answer::Close { .. }) => self.say(message),
                Some(Answer::Own(Own::Close)) => {}
                Some(Answer::Own(Own::Last)) => self.heard.done = true,
                _ => return Err(OUT_OF_ORDER),
            },
            backend::NO_DATA => return self.on_columns(None, message),
            backend::COMMAND_COMPLETE => self.on_complete(message)?,
            backend::EMPTY_QUERY | backend::PORTAL_SUSPENDED => self.on_other_end(message)?,
            backend::READY => self.on_ready(message)?,
            backend::PARAMETER_STATUS => self.on_setting(message)?,
            backend::FUNCTION_RESULT => self.say(message),
            backend::COPY_BOTH => self.end("0A000", "replication does not go through column encryption"),
            _ if self.answers.is_empty() => self.say(message),
            _ => return Err(OUT_OF_ORDER),
        }
        Ok(Step::Done)
    }

    fn on_parsed(&mut self, message: &[u8]) -> Result<(), Malformed> {
        match self.answers.pop_front() {
            Some(Answer::Parse { statement, own, .. }) => {
                statement.confirm();
                if !own {
                    self.say(message);
                }
                Ok(())
            }
            Some(Answer::Own(Own::Parse)) => Ok(()),
            _ => Err(OUT_OF_ORDER),
        }
    }

    fn on_setting(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (name, value) = backend::parameter_status(message)?;
        if let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) {
            self.told(name, value);
        }
        self.to_client.extend_from_slice(message);
        Ok(())
    }

    /// The kinds of these types; nothing when a fresh catalogue has to say first.
    fn kinds(&mut self, oids: impl Iterator<Item = u32>) -> Option<Result<Vec<Type>, crate::wire::Report>> {
        if self.mode == Encryption::Disabled {
            return Some(Ok(oids.map(|_| Type::Plain).collect()));
        }
        match analysis::all_known(&self.catalogue, &self.texts, oids) {
            AllKnown::Types(types) => Some(Ok(types)),
            AllKnown::Refused(report) => Some(Err(report)),
            AllKnown::Unknown(oid) => {
                self.unknown_type = Some(oid);
                if self.wants_catalogue == Asked::No {
                    self.wants_catalogue = Asked::Soon;
                }
                None
            }
        }
    }

    fn on_parameter_description(&mut self, message: &[u8]) -> Result<Step, Malformed> {
        let oids = backend::parameter_description(message)?;
        let (statement, own) = match self.answers.front() {
            Some(Answer::Own(Own::Describe)) => {
                self.heard.parameters = oids;
                return Ok(Step::Done);
            }
            Some(Answer::DescribeStatement { statement, own, .. }) => (Arc::clone(statement), *own),
            _ => return Err(OUT_OF_ORDER),
        };
        let takes_rows = self.mode != Encryption::Disabled && oids.iter().any(|oid| self.catalogue.is_row(*oid));
        let kinds = match self.kinds(oids.iter().copied()) {
            None => return Ok(Step::Wait),
            Some(Ok(_)) if takes_rows => {
                let _ = statement.refused.set(refusal::rows());
                if !own {
                    self.fail_result(&refusal::rows());
                }
                vec![Type::Plain; oids.len()]
            }
            Some(Ok(kinds)) => kinds,
            Some(Err(report)) => {
                let _ = statement.refused.set(report.clone());
                if !own {
                    self.fail_result(&report);
                }
                vec![Type::Plain; oids.len()]
            }
        };
        if !own && !self.draining {
            let shown = |(index, (oid, kind)): (usize, (&u32, &Type))| match statement.declared.get(index) {
                Some(declared) if *declared != 0 => *declared,
                _ => kind.shown(*oid),
            };
            let shown: Vec<u32> = oids.iter().zip(&kinds).enumerate().map(shown).collect();
            backend::write_parameter_description(&mut self.to_client, &shown);
        }
        if let Some(Answer::DescribeStatement { parameters, .. }) = self.answers.front_mut() {
            *parameters = Some(oids);
        }
        Ok(Step::Done)
    }

    fn on_row_description(&mut self, message: &[u8]) -> Result<Step, Malformed> {
        if self.described_again(message) {
            return Ok(Step::Done);
        }
        let fields = backend::row_description(message)?;
        self.on_columns(Some(fields), message)
    }

    /// Whether a portal is described as its statement's last one was.
    fn described_again(&mut self, message: &[u8]) -> bool {
        let Some(Answer::DescribePortal { portal, own }) = self.answers.front() else { return false };
        let Some(statement) = portal.statement.as_ref().filter(|statement| !self.out_of_date(statement)) else {
            return false;
        };
        let shows = !own && !self.draining;
        let known =
            statement.again.described(message, (&self.catalogue, self.mode), portal.bound.as_ref(), |shown, rows| {
                if shows {
                    self.to_client.extend_from_slice(shown);
                }
                *portal.rows.lock() = Some(rows);
            });
        if known.is_some() {
            self.answers.pop_front();
        }
        known.is_some()
    }

    /// The end of a description: columns, or none.
    fn on_columns(&mut self, fields: Option<Vec<Field>>, message: &[u8]) -> Result<Step, Malformed> {
        if let Some(Answer::Own(Own::Describe)) = self.answers.front() {
            self.answers.pop_front();
            self.heard.fields = fields;
            return Ok(Step::Done);
        }
        let oids: Vec<u32> = fields.iter().flatten().map(|field| field.oid).collect();
        let types = match self.kinds(oids.into_iter()) {
            None => return Ok(Step::Wait),
            Some(Ok(types)) => types,
            Some(Err(report)) => {
                self.fail_result(&report);
                vec![Type::Plain; fields.as_ref().map_or(0, Vec::len)]
            }
        };
        if self.is_changed(&types) {
            self.forget_analysis();
            self.fail_result(&refusal::changed());
        }
        match self.answers.front_mut() {
            Some(Answer::Query(query)) => {
                let Some(fields) = fields else {
                    return Err(OUT_OF_ORDER);
                };
                query.rows = Rows::new(&fields, &types, None, None);
                self.say_columns(&fields, &types, message, None);
            }
            Some(Answer::DescribePortal { .. }) => self.on_portal_described(fields.as_deref(), &types, message),
            Some(Answer::DescribeStatement { .. }) => self.on_statement_described(fields, types, message)?,
            _ => return Err(OUT_OF_ORDER),
        }
        Ok(Step::Done)
    }

    fn on_portal_described(&mut self, fields: Option<&[Field]>, types: &[Type], message: &[u8]) {
        let Some(Answer::DescribePortal { portal, own }) = self.answers.pop_front() else {
            return;
        };
        let wanted = portal.bound.as_ref().map(|bound| bound.wanted.as_slice());
        let rows = fields.map(|fields| Rows::new(fields, types, None, wanted)).unwrap_or_default();
        *portal.rows.lock() = Some(rows.clone());
        if own || self.draining {
            return;
        }
        let Some(fields) = fields else {
            self.say(message);
            return;
        };
        let before = self.to_client.len();
        self.say_columns(fields, types, message, wanted);
        if let Some(statement) = portal.statement.as_ref().filter(|statement| !self.out_of_date(statement)) {
            let shown = self.to_client.get(before..).unwrap_or_default();
            statement.again.remember(message, (&self.catalogue, self.mode), portal.bound.as_ref(), (shown, &rows));
        }
    }

    fn on_statement_described(
        &mut self,
        fields: Option<Vec<Field>>,
        types: Vec<Type>,
        message: &[u8],
    ) -> Result<(), Malformed> {
        let Some(Answer::DescribeStatement { statement, parameters, own }) = self.answers.pop_front() else {
            return Ok(());
        };
        if !own {
            match &fields {
                Some(fields) => self.say_columns(fields, &types, message, None),
                None => self.say(message),
            }
        }
        let parameters = parameters.ok_or(OUT_OF_ORDER)?;
        self.learned(&statement, parameters, fields, types);
        Ok(())
    }

    /// A statement was described for the first time.
    fn learned(&mut self, statement: &Arc<Statement>, oids: Vec<u32>, fields: Option<Vec<Field>>, types: Vec<Type>) {
        if statement.analysis.get().is_some() || statement.refused.get().is_some() {
            return;
        }
        let Some(Ok(kinds)) = self.kinds(oids.iter().copied()) else {
            return;
        };
        statement.confirm();
        let parameters =
            oids.into_iter().zip(kinds).map(|(oid, kind)| analysis::Parameter { oid, kind }).collect::<Vec<_>>();
        let analysis = Arc::new(Analysis { parameters, literals: None, fields, types });
        if let (Some(sql), false) = (&statement.sql, statement.gated) {
            let text = self.texts.text(statement.epoch, sql, &statement.declared);
            let current = statement.epoch == self.catalogue.epoch() && self.mode != Encryption::Disabled;
            if statement.parameters && current {
                self.texts.remember(text, &analysis);
            }
        }
        let _ = statement.analysis.set(analysis);
    }

    fn say_columns(&mut self, fields: &[Field], types: &[Type], message: &[u8], wanted: Option<&[i16]>) {
        if self.draining {
            return;
        }
        if !types.iter().any(Type::is_class) {
            self.to_client.extend_from_slice(message);
            return;
        }
        let format = |index| wanted.map(|codes| crate::wire::frontend::code_of(codes, index));
        let shown = |(index, (field, kind))| analysis::shown_field(field, kind, format(index));
        let shown: Vec<Field> = fields.iter().zip(types).enumerate().map(shown).collect();
        backend::write_row_description(&mut self.to_client, &shown);
    }

    /// Whether rows of the result that comes now go through as they are.
    pub(super) fn rows_pass(&self) -> bool {
        match self.answers.front() {
            Some(Answer::Execute { portal, .. }) => portal.rows.lock().as_ref().is_some_and(Rows::untouched),
            Some(Answer::Query(query)) => query.rows.untouched(),
            _ => false,
        }
    }

    fn on_data_row(&mut self, message: &[u8]) -> Result<Step, Malformed> {
        match self.open_row(message) {
            Ok(()) => return Ok(Step::Done),
            Err(Stop::Wait) => return Ok(Step::Wait),
            Err(Stop::Malformed(malformed)) => return Err(malformed),
            Err(Stop::Refused(report)) => self.fail_result(&report),
            Err(Stop::Changed) => {
                self.forget_analysis();
                self.fail_result(&refusal::changed());
            }
        }
        Ok(Step::Done)
    }

    fn open_row(&mut self, message: &[u8]) -> Result<(), Stop> {
        let locked;
        let rows = match self.answers.front() {
            Some(Answer::Execute { portal, .. }) => {
                locked = portal.rows.lock();
                locked.as_ref()
            }
            Some(Answer::Query(query)) => Some(&query.rows),
            Some(Answer::Own(own @ (Own::Check | Own::Rows))) => {
                let own = *own;
                return Ok(self.hear_row(own, message)?);
            }
            _ => return Err(OUT_OF_ORDER.into()),
        };
        match rows {
            _ if self.draining => Ok(()),
            Some(rows) if !rows.untouched() => {
                let style = &self.settings.style;
                rows.open(message, &mut self.keys, style, &mut self.scratch, &mut self.to_client)
            }
            _ => {
                self.to_client.extend_from_slice(message);
                Ok(())
            }
        }
    }

    /// Whether the result that is described is not the one that was remembered of its text: what was a cell may be anything now.
    fn is_changed(&self, types: &[Type]) -> bool {
        if self.mode == Encryption::Disabled {
            return false;
        }
        let statement = match self.answers.front() {
            Some(Answer::Query(query)) => {
                return query.expected.as_ref().is_some_and(|(_, analysis)| !analysis.has_result(types));
            }
            Some(Answer::DescribePortal { portal, .. }) => portal.statement.as_ref(),
            Some(Answer::DescribeStatement { statement, .. }) => Some(statement),
            _ => None,
        };
        let remembered = statement.filter(|statement| statement.key.is_some() && !self.out_of_date(statement));
        let analysis = remembered.and_then(|statement| statement.analysis.get());
        analysis.is_some_and(|analysis| !analysis.has_result(types))
    }

    /// The result is not what was remembered of the text: it is asked about again the next time.
    pub(super) fn forget_analysis(&mut self) {
        let statement = match self.answers.front() {
            Some(Answer::Query(query)) => {
                if let Some((key, _)) = query.expected.clone() {
                    self.texts.forget_text(&key);
                }
                return;
            }
            Some(Answer::DescribePortal { portal, .. }) => portal.statement.clone(),
            Some(Answer::DescribeStatement { statement, .. }) => Some(Arc::clone(statement)),
            Some(Answer::Execute { portal, .. }) => portal.statement.clone(),
            Some(Answer::Bind { portal }) => self.portals.get(portal).and_then(|portal| portal.statement.clone()),
            _ => None,
        };
        if let Some(key) = statement.as_ref().and_then(|statement| statement.key.as_ref()) {
            self.texts.forget_text(key);
        }
    }

    fn on_complete(&mut self, message: &[u8]) -> Result<(), Malformed> {
        self.copying = None;
        let effect = match self.answers.front_mut() {
            Some(Answer::Query(query)) => {
                query.rows = Rows::default();
                query.effects.pop_front().flatten()
            }
            Some(Answer::Execute { effect, .. }) => {
                let effect = effect.take();
                self.answers.pop_front();
                effect
            }
            Some(Answer::Own(Own::Execute | Own::Rows | Own::Check)) => {
                self.answers.pop_front();
                return Ok(());
            }
            _ => return Err(OUT_OF_ORDER),
        };
        self.note_completion(backend::command_tag(message)?, effect);
        self.say(message);
        Ok(())
    }

    /// What the completion of a command of the client's changes.
    fn note_completion(&mut self, tag: &[u8], effect: Option<Effect>) {
        match tag {
            b"BEGIN" | b"START TRANSACTION" => self.transaction.in_block = true,
            b"COMMIT" | b"ROLLBACK" | b"PREPARE TRANSACTION" => {
                // Perhaps to a savepoint only: ReadyForQuery tells.
                self.transaction.in_block = false;
                if self.transaction.names_changed {
                    self.texts.names_changed();
                }
                if tag == b"ROLLBACK" { self.undone() } else { self.committed() }
            }
            _ => {}
        }
        let harmless = match &effect {
            Some(Effect::Set { .. } | Effect::Mode(_) | Effect::DiscardAll | Effect::Ends) => true,
            Some(Effect::Names | Effect::ResetAll) => false,
            Some(Effect::Prepare(_) | Effect::Deallocate(_)) | None => keeps_names(tag),
        };
        if !harmless {
            self.texts.names_changed();
            self.transaction.names_changed = true;
        }
        if let Some(effect) = effect {
            self.apply(effect);
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Mode(mode) => self.set_mode(mode),
            Effect::Set { name, value: Some(value) } => self.set(&name, &value),
            Effect::ResetAll => self.set_mode(self.opted),
            Effect::DiscardAll => {
                self.set_mode(self.opted);
                self.texts.begin_again();
            }
            Effect::Set { .. } | Effect::Prepare(_) | Effect::Deallocate(_) | Effect::Names | Effect::Ends => {}
        }
    }

    fn on_other_end(&mut self, message: &[u8]) -> Result<(), Malformed> {
        match self.answers.front_mut() {
            Some(Answer::Execute { .. }) => {
                self.answers.pop_front();
            }
            Some(Answer::Query(_)) => {}
            Some(Answer::Own(Own::Execute)) => {
                self.answers.pop_front();
                return Ok(());
            }
            _ => return Err(OUT_OF_ORDER),
        }
        self.say(message);
        Ok(())
    }

    fn on_ready(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let status = backend::ready(message)?;
        self.transaction.status = status;
        self.transaction.in_block = status != b'I';
        self.copying = None;
        self.copy_error = None;
        match self.answers.pop_front() {
            Some(Answer::Own(Own::Sync)) => {
                self.heard.done = true;
                return Ok(());
            }
            Some(Answer::Sync | Answer::Query(_) | Answer::Function) | None => {}
            Some(_) => return Err(OUT_OF_ORDER),
        }
        if status == b'I' {
            if std::mem::take(&mut self.transaction.names_changed) {
                self.texts.names_changed();
            }
            // Portals end with their transaction; those of groups that were sent since are not made yet.
            let groups_under_way = self.answers.iter().filter(|answer| ends_group(answer)).count() as u64;
            let ended = self.group.number.saturating_sub(groups_under_way);
            self.portals.retain(|_, portal| portal.group >= ended);
            self.settled();
        }
        self.draining = false;
        self.say(message);
        Ok(())
    }

    /// Ends the statement whose result comes now with an error of the session's own: the rest of what the server says of this
    /// group is not for the client, and the rest of the group does not go to the server.
    pub(super) fn fail_result(&mut self, report: &crate::wire::Report) {
        if self.draining {
            return;
        }
        self.say(&report.error());
        self.draining = true;
        if !self.answers.iter().any(ends_group) {
            self.group.skipping = true;
            self.job = None;
        }
    }
}

/// Whether the client sees ReadyForQuery after this.
pub(super) fn ends_group(answer: &Answer) -> bool {
    matches!(answer, Answer::Sync | Answer::Query(_) | Answer::Function)
}
