//! Bind: values for encrypted columns become cells, and encrypted results are asked for in binary.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;

use super::again::{Again, Bound};
use super::analysis::{Analysis, Type};
use super::answer::Answer;
use super::client::Job;
use super::keys::Key;
use super::message::Message;
use super::rows::{Rows, format};
use super::statement::{Portal, Statement};
use super::value::{self, Sealing};
use super::{Encryption, Session, refusal};
use crate::catalogue::{ColumnClass, Shape};
use crate::wire::frontend::{self, BindUntouched, BindValues, code_of};
use crate::wire::{Malformed, Report};

/// Why a Bind is not sent now.
enum Hold {
    /// Something has to come first.
    Wait,
    /// The statement was judged by another catalogue.
    OutOfDate,
    Refused(Report),
}

impl From<Report> for Hold {
    fn from(report: Report) -> Self {
        Self::Refused(report)
    }
}

impl Session {
    pub(super) fn on_bind(&mut self, message: Message<'_>) -> Result<(), Malformed> {
        let names = frontend::bind(&message)?;
        let Some(statement) = self.statement_for(names.statement) else {
            self.job = Some(Job::Again(frontend::BIND, message.keep()));
            return Ok(());
        };
        let bound = match self.analysed(&statement) {
            Err(hold) => Err(hold),
            // Without parameters nothing can be sent that should not be; what comes back is described when it is asked for.
            Ok(None) => {
                self.bind_as_it_is(&message, names.portal, &statement, None);
                Ok(())
            }
            Ok(Some(analysis)) if self.mode == Encryption::Disabled || (!analysis.seals_any() && !analysis.opens()) => {
                self.bind_as_it_is(&message, names.portal, &statement, Some(&analysis));
                Ok(())
            }
            Ok(Some(analysis)) if !analysis.seals_any() => {
                let untouched = names.untouched()?;
                self.bind_opened((names.portal, names.statement), &untouched, &statement, &analysis)
            }
            Ok(Some(analysis)) => {
                let values = names.values()?;
                self.bind_sealed((names.portal, names.statement), &values, &statement, &analysis)
            }
        };
        match bound {
            Ok(()) => {}
            Err(Hold::Wait) => self.job = Some(Job::Again(frontend::BIND, message.keep())),
            Err(Hold::OutOfDate) => self.judge_again(&statement, frontend::BIND, message),
            Err(Hold::Refused(report)) => self.refuse(&report),
        }
        Ok(())
    }

    /// The statement of this name; one that is not known here is described first. Nothing when something has to come first.
    pub(super) fn statement_for(&mut self, name: &[u8]) -> Option<Arc<Statement>> {
        let Some(statement) = self.statements.get(name).cloned() else {
            self.learn(name);
            return None;
        };
        // What was parsed in an earlier group may have been dropped there, and the name still mean another statement.
        if !statement.is_confirmed() && statement.group != self.group.number {
            return None;
        }
        Some(statement)
    }

    /// Describes a statement that this session has not seen parsed.
    fn learn(&mut self, name: &[u8]) {
        let statement = Arc::new(Statement {
            name: name.into(),
            sql: None,
            key: None,
            declared: Vec::new(),
            analysis: std::sync::OnceLock::new(),
            refused: std::sync::OnceLock::new(),
            confirmed: false.into(),
            group: self.group.number,
            epoch: self.catalogue.epoch(),
            catalogue: self.catalogues,
            mode: self.mode,
            generation: self.texts.generation(),
            gated: false,
            parameters: true,
            effect: None,
            copy: None,
            again: Again::default(),
        });
        frontend::write_describe(&mut self.to_server, frontend::Target::Statement, name);
        self.answers.push_back(Answer::DescribeStatement {
            statement: Arc::clone(&statement),
            parameters: None,
            own: true,
        });
        self.statements.insert(name.into(), statement);
        self.group.begun = true;
        self.group.flushed = false;
        self.flush();
    }

    /// What is known of the statement; `None` when it need not be known.
    fn analysed(&mut self, statement: &Arc<Statement>) -> Result<Option<Arc<Analysis>>, Hold> {
        if let Some(report) = statement.refused.get() {
            return Err(Hold::Refused(report.clone()));
        }
        if self.out_of_date(statement) {
            return Err(Hold::OutOfDate);
        }
        match statement.analysis.get() {
            Some(analysis) => Ok(Some(Arc::clone(analysis))),
            None if !statement.parameters => Ok(None),
            None => {
                self.flush();
                Err(Hold::Wait)
            }
        }
    }

    fn bind_as_it_is(
        &mut self,
        message: &[u8],
        portal: &[u8],
        statement: &Arc<Statement>,
        analysis: Option<&Analysis>,
    ) {
        let bound = Portal { statement: Some(Arc::clone(statement)), group: self.group.number, ..Portal::default() };
        // What is not ours needs no description: rows go through.
        if analysis.is_some_and(|analysis| !analysis.opens()) {
            *bound.rows.lock() = Some(Rows::default());
        }
        self.put_portal(portal, bound);
        self.forward(message);
        self.answers.push_back(Answer::Bind { portal: portal.into() });
    }

    fn put_portal(&mut self, name: &[u8], portal: Portal) {
        let portal = Arc::new(portal);
        match self.portals.get_mut(name) {
            Some(slot) => *slot = portal,
            None => {
                self.portals.insert(name.into(), portal);
            }
        }
    }

    /// The values go as they are; cells are asked for in binary.
    fn bind_opened(
        &mut self,
        (portal, name): (&[u8], &[u8]),
        bind: &BindUntouched<'_>,
        statement: &Arc<Statement>,
        analysis: &Analysis,
    ) -> Result<(), Hold> {
        self.settings.readable()?;
        if bind.count != analysis.parameters.len() {
            return Err(refusal::count(bind.count, analysis.parameters.len()).into());
        }
        let bound = statement.again.bound(bind.results(), analysis);
        frontend::write_bind_untouched(&mut self.to_server, (portal, name), bind, &bound.asked);
        self.bound(portal, statement, Some(bound));
        Ok(())
    }

    /// A Bind was sent whose values or formats are the session's.
    fn bound(&mut self, portal: &[u8], statement: &Arc<Statement>, bound: Option<Arc<Bound>>) {
        let rows = bound.as_ref().map(|bound| bound.rows.clone()).unwrap_or_default();
        let made = Portal {
            rows: Mutex::new(Some(rows)),
            bound,
            statement: Some(Arc::clone(statement)),
            group: self.group.number,
            ..Portal::default()
        };
        self.put_portal(portal, made);
        self.answers.push_back(Answer::Bind { portal: portal.into() });
        self.group.begun = true;
        self.group.flushed = false;
    }

    fn bind_sealed(
        &mut self,
        (portal, name): (&[u8], &[u8]),
        bind: &BindValues<'_>,
        statement: &Arc<Statement>,
        analysis: &Analysis,
    ) -> Result<(), Hold> {
        self.settings.readable()?;
        if bind.values.len() != analysis.parameters.len() {
            return Err(refusal::count(bind.values.len(), analysis.parameters.len()).into());
        }
        let (formats, values) = self.sealed_values(bind, statement, analysis)?;
        let opened = analysis.opens().then(|| statement.again.bound(bind.results.iter().copied(), analysis));
        let asked = opened.as_ref().map_or(&bind.results, |opened| &opened.asked);
        frontend::write_bind(&mut self.to_server, (portal, name), &formats, (bind.values.len(), &values), asked);
        self.bound(portal, statement, opened);
        Ok(())
    }

    /// The values as they are sent: each with its length, and the format of each.
    fn sealed_values(
        &mut self,
        bind: &BindValues<'_>,
        statement: &Statement,
        analysis: &Analysis,
    ) -> Result<(Vec<i16>, BytesMut), Hold> {
        if self.mode == Encryption::ResultSetOnly {
            return Err(refusal::results_only().into());
        }
        let mut formats = Vec::with_capacity(bind.values.len());
        let mut values = BytesMut::new();
        for (index, (sent, parameter)) in bind.values.iter().zip(&analysis.parameters).enumerate() {
            let code = code_of(&bind.formats, index);
            let Type::Class(class, shape) = &parameter.kind else {
                formats.push(code);
                put(&mut values, *sent);
                continue;
            };
            formats.push(1);
            let Some(sent) = *sent else {
                put(&mut values, None);
                continue;
            };
            let declared = statement.declared.get(index).copied().filter(|declared| *declared != 0);
            let given = declared.unwrap_or_else(|| parameter.kind.shown(parameter.oid));
            self.seal_value(class, *shape, sent, code, given, index)?;
            put(&mut values, Some(&self.scratch.value));
        }
        Ok((formats, values))
    }

    fn seal_value(
        &mut self,
        class: &Arc<ColumnClass>,
        shape: Shape,
        sent: &[u8],
        code: i16,
        given: u32,
        index: usize,
    ) -> Result<(), Hold> {
        let key = match self.keys.of(class) {
            Key::Here(key) => key,
            Key::Awaited => return Err(Hold::Wait),
            Key::Failed(report) => return Err(report.into()),
        };
        let sealing = Sealing {
            key: &key,
            mode: class.class.mode,
            plain: &class.class.plain,
            shape,
            given,
            format: format(code),
            style: &self.settings.style,
            element: element_oid(class, shape),
            sent: strongroom_column::Format::Binary,
        };
        value::seal(&sealing, sent, &mut self.scratch)
            .map_err(|not_sealed| refusal::value(&not_sealed, &format!("parameter ${}", index + 1)).into())
    }
}

/// The type an array's elements have.
pub(super) fn element_oid(class: &ColumnClass, shape: Shape) -> u32 {
    match shape {
        Shape::Cell | Shape::CellArray => class.cell_oid,
        Shape::Domain | Shape::DomainArray => class.domain_oid,
    }
}

fn put(values: &mut BytesMut, value: Option<&[u8]>) {
    match value {
        None => values.put_i32(-1),
        Some(value) => {
            values.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
            values.put_slice(value);
        }
    }
}
