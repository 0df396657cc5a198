//! COPY: rows that go through as they are, or through a transcoder.

use std::sync::Arc;

use bytes::BufMut;
use strongroom_column::{CellKey, Format, Style};

use super::answer::Answer;
use super::client::Job;
use super::keys::Key;
use super::message::Message;
use super::turn::Step;
use super::{Session, refusal};
use crate::catalogue::ColumnClass;
use crate::copy::{CellRefusal, CellTransform, CopyColumn, CopyError, CopyTranscoder};
use crate::sql::{CopyFlow, CopyOptions};
use crate::wire::{Malformed, Reader, Report, backend, frame, frontend};

/// What is done with the rows of a COPY that has encrypted columns.
#[derive(Debug)]
pub(super) struct CopyPlan {
    pub(super) flow: CopyFlow,
    pub(super) options: CopyOptions,
    pub(super) columns: Vec<(String, Option<Arc<ColumnClass>>)>,
}

/// The COPY that is under way.
pub(super) enum Copying {
    /// Rows go through; whether the server reads them.
    Through { reads: bool },
    /// The client's rows are sealed.
    In(Box<CopyTranscoder>),
    /// The server's rows are opened.
    Out(Box<CopyTranscoder>),
    /// The client's rows were refused, and are dropped to their end.
    Failed,
}

impl Copying {
    /// Whether the client sends rows.
    pub(super) fn reads(&self) -> bool {
        matches!(self, Self::Through { reads: true } | Self::In(_) | Self::Failed)
    }

    /// Whether rows of the server go through unread.
    pub(super) fn passes_out(&self) -> bool {
        matches!(self, Self::Through { .. })
    }
}

/// Seals and opens the values of one column.
struct ColumnTransform {
    key: Arc<CellKey>,
    class: Arc<ColumnClass>,
    style: Style,
    normal: Vec<u8>,
}

impl CellTransform for ColumnTransform {
    fn seal(&mut self, value: &[u8], format: Format, cell: &mut Vec<u8>) -> Result<(), CellRefusal> {
        self.normal.clear();
        let plain = &self.class.class.plain;
        plain
            .normalise(value, format, plain.oid(), &self.style, &mut self.normal)
            .map_err(|bad| CellRefusal { sqlstate: bad.sqlstate(), reason: bad.to_string() })?;
        self.key.seal(self.class.class.mode, &self.normal, cell);
        Ok(())
    }

    fn open(&mut self, cell: &[u8], format: Format, value: &mut Vec<u8>) -> Result<(), CellRefusal> {
        self.normal.clear();
        let refused = |reason: String| CellRefusal { sqlstate: "XX001", reason };
        self.key.open(cell, &mut self.normal).map_err(|error| refused(error.to_string()))?;
        self.class
            .class
            .plain
            .denormalise(&self.normal, format, &self.style, value)
            .map_err(|bad| refused(bad.to_string()))
    }
}

/// What a COPY begins with.
enum Start {
    Begins(Copying),
    Wait,
    Refused(Report),
}

impl Session {
    /// Takes a CopyInResponse or CopyOutResponse.
    pub(super) fn on_copy_begins(&mut self, tag: u8, message: &[u8]) -> Result<Step, Malformed> {
        let (_, count) = backend::copy_response(message)?;
        let reads = tag == backend::COPY_IN;
        let plan = match self.answers.front() {
            Some(Answer::Query(query)) => query.copies.front().cloned(),
            Some(Answer::Execute { portal, .. }) => portal
                .statement
                .as_ref()
                .filter(|statement| statement.sql.is_some())
                .map(|statement| statement.copy.clone()),
            _ => None,
        };
        let start = match plan {
            _ if self.draining => Start::Refused(refusal::copy("the statement before it has failed")),
            None => Start::Refused(refusal::copy("it was not seen in the text")),
            Some(None) => Start::Begins(Copying::Through { reads }),
            Some(Some(plan)) => self.start_copy(&plan, count),
        };
        match start {
            Start::Wait => return Ok(Step::Wait),
            Start::Begins(copying) => {
                self.copying = Some(copying);
                self.say(message);
            }
            Start::Refused(report) if reads => self.fail_copy_in(&report),
            Start::Refused(report) => self.fail_result(&report),
        }
        match self.answers.front_mut() {
            Some(Answer::Query(query)) => {
                query.copies.pop_front();
            }
            // The server reads over a Sync that comes between rows, and does not answer it.
            Some(Answer::Execute { .. }) if reads => self.answers.retain(|answer| !matches!(answer, Answer::Sync)),
            _ => {}
        }
        Ok(Step::Done)
    }

    fn start_copy(&mut self, plan: &Arc<CopyPlan>, count: usize) -> Start {
        if let Err(report) = self.settings.readable() {
            return Start::Refused(report);
        }
        if plan.columns.len() != count {
            return Start::Refused(refusal::copy("its columns are not those that the table has"));
        }
        if plan.flow == CopyFlow::From && self.mode == super::Encryption::ResultSetOnly {
            return Start::Refused(refusal::results_only());
        }
        let mut columns = Vec::with_capacity(count);
        for (name, class) in &plan.columns {
            let transform = match class {
                None => None,
                Some(class) => match self.keys.of(class) {
                    Key::Here(key) => Some(self.transform(class, key)),
                    Key::Awaited => return Start::Wait,
                    Key::Failed(report) => return Start::Refused(report),
                },
            };
            columns.push(CopyColumn { name: name.clone(), transform });
        }
        let transcoder = Box::new(CopyTranscoder::new(plan.flow, &plan.options, columns));
        Start::Begins(match plan.flow {
            CopyFlow::From => Copying::In(transcoder),
            CopyFlow::To => Copying::Out(transcoder),
        })
    }

    fn transform(&self, class: &Arc<ColumnClass>, key: Arc<CellKey>) -> Box<dyn CellTransform + Send> {
        let style = self.settings.style.clone();
        Box::new(ColumnTransform { key, class: Arc::clone(class), style, normal: Vec::new() })
    }

    /// Has the server give the COPY up; the client hears `report` in place of what the server says to that.
    fn fail_copy_in(&mut self, report: &Report) {
        frontend::write_copy_fail(&mut self.to_server, "refused by column encryption");
        self.copy_error = Some(report.error());
        self.copying = Some(Copying::Failed);
    }

    /// Takes CopyData, CopyDone or CopyFail of the client.
    pub(super) fn on_copy_in(&mut self, tag: u8, message: Message<'_>) -> Result<(), Malformed> {
        match self.copying.take() {
            Some(Copying::Through { reads: true }) => {
                self.to_server.extend_from_slice(&message);
                if tag == frontend::COPY_DATA {
                    self.copying = Some(Copying::Through { reads: true });
                }
            }
            Some(Copying::Failed) => {
                if tag == frontend::COPY_DATA {
                    self.copying = Some(Copying::Failed);
                }
            }
            Some(Copying::In(transcoder)) => self.seal_rows(tag, &message, transcoder)?,
            other => {
                self.copying = other;
                // Rows may come before the server has said that it wants them. Those it does not want are dropped, as it drops
                // them itself: they must not go to it unsealed.
                if !self.answers.is_empty() {
                    self.flush();
                    self.job = Some(Job::Again(tag, message.keep()));
                }
            }
        }
        Ok(())
    }

    fn seal_rows(&mut self, tag: u8, message: &[u8], mut transcoder: Box<CopyTranscoder>) -> Result<(), Malformed> {
        if tag == frontend::COPY_FAIL {
            self.to_server.extend_from_slice(message);
            return Ok(());
        }
        let mut rows = Vec::new();
        let sealed = if tag == frontend::COPY_DATA {
            transcoder.feed(Reader::of_message(message)?.rest(), &mut rows)
        } else {
            transcoder.finish(&mut rows)
        };
        if let Err(error) = sealed {
            self.fail_copy_in(&refused_rows(&error));
            if tag == frontend::COPY_DONE {
                self.copying = None;
            }
            return Ok(());
        }
        if !rows.is_empty() {
            frame::write(&mut self.to_server, frontend::COPY_DATA, |out| out.put_slice(&rows));
        }
        if tag == frontend::COPY_DONE {
            self.to_server.extend_from_slice(message);
        } else {
            self.copying = Some(Copying::In(transcoder));
        }
        Ok(())
    }

    /// Takes CopyData of the server.
    pub(super) fn on_copy_out(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let body = Reader::of_message(message)?.rest();
        self.open_rows(message, |transcoder, rows| transcoder.feed(body, rows));
        Ok(())
    }

    /// Takes CopyDone of the server.
    pub(super) fn on_copy_out_done(&mut self, message: &[u8]) {
        self.open_rows(&[], |transcoder, rows| transcoder.finish(rows));
        self.copying = None;
        self.say(message);
    }

    fn open_rows(
        &mut self,
        message: &[u8],
        open: impl FnOnce(&mut CopyTranscoder, &mut Vec<u8>) -> Result<(), CopyError>,
    ) {
        if self.draining {
            return;
        }
        let Some(Copying::Out(transcoder)) = &mut self.copying else {
            self.say(message);
            return;
        };
        let mut rows = Vec::new();
        match open(transcoder, &mut rows) {
            Ok(()) if rows.is_empty() => {}
            Ok(()) => frame::write(&mut self.to_client, backend::COPY_DATA, |out| out.put_slice(&rows)),
            Err(error) => self.fail_result(&refused_rows(&error)),
        }
    }
}

fn refused_rows(error: &CopyError) -> Report {
    Report::new(error.sqlstate(), error.to_string(), "")
}
