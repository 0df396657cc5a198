//! Messages of the session's own: what it asks the server between the client's messages, under names of its own.

use crate::wire::Malformed;
use crate::wire::backend;
use crate::wire::frontend::{self, Target};

use super::Session;
use super::answer::{Answer, Heard, Own};

/// Statements that are described to find out what stands for what.
pub(super) const PROBE: &[u8] = b"strongroom_probe";
/// Statements and portals that are run.
const RUN: &[u8] = b"strongroom_run";
/// A statement that does not exist.
const REFUSED: &[u8] = b"strongroom_refused";

impl Session {
    /// Sends messages of the session's own: the answers to come are noted by `write`.
    fn send(&mut self, answer: Own, write: impl FnOnce(&mut bytes::BytesMut)) {
        write(&mut self.to_server);
        self.answers.push_back(Answer::Own(answer));
        self.group.flushed = false;
    }

    /// Begins something new to be heard.
    pub(super) fn listen(&mut self) {
        self.heard = Heard::default();
    }

    /// Describes a text.
    pub(super) fn ask_text(&mut self, sql: &str, types: &[u32]) {
        // The one before is still there if what followed it failed.
        self.send(Own::Close, |out| frontend::write_close(out, Target::Statement, PROBE));
        self.send(Own::Parse, |out| frontend::write_parse(out, PROBE, sql.as_bytes(), types));
        self.send(Own::Describe, |out| frontend::write_describe(out, Target::Statement, PROBE));
    }

    /// Describes a statement of the client's.
    pub(super) fn ask_named(&mut self, name: &[u8]) {
        self.send(Own::Describe, |out| frontend::write_describe(out, Target::Statement, name));
    }

    /// Runs a statement; its rows are heard as `rows` says.
    pub(super) fn run(&mut self, sql: &str, rows: Own) {
        self.send(Own::Close, |out| frontend::write_close(out, Target::Portal, RUN));
        self.send(Own::Close, |out| frontend::write_close(out, Target::Statement, RUN));
        self.send(Own::Parse, |out| frontend::write_parse(out, RUN, sql.as_bytes(), &[]));
        self.send(Own::Bind, |out| frontend::write_bind_empty(out, RUN, RUN));
        self.send(rows, |out| frontend::write_execute(out, RUN));
        self.send(Own::Close, |out| frontend::write_close(out, Target::Portal, RUN));
        self.send(Own::Close, |out| frontend::write_close(out, Target::Statement, RUN));
    }

    /// Asks whether the database is still what the manifest says.
    pub(super) fn run_check(&mut self) {
        let check = self.catalogue.check().to_owned();
        if !check.is_empty() {
            self.run(&check, Own::Check);
        }
    }

    /// The end of what was asked: the server answers, and whatever failed is over.
    pub(super) fn end_with_sync(&mut self) {
        self.send(Own::Sync, |out| frontend::write_bare(out, frontend::SYNC));
        self.group.flushed = true;
    }

    /// The end of what was asked in the middle of a group: a failure is the group's.
    pub(super) fn end_within_group(&mut self) {
        self.send(Own::Last, |out| frontend::write_close(out, Target::Statement, PROBE));
        self.group.begun = true;
        self.flush();
    }

    /// Has the server send what it has.
    pub(super) fn flush(&mut self) {
        if !self.group.flushed && !self.answers.is_empty() {
            frontend::write_bare(&mut self.to_server, frontend::FLUSH);
            self.group.flushed = true;
        }
    }

    /// Sends a message that fails, so that the server's transaction fails as the statement does; the client hears `error`.
    pub(super) fn send_refusal(&mut self, error: bytes::Bytes) {
        frontend::write_bind_empty(&mut self.to_server, REFUSED, REFUSED);
        self.answers.push_back(Answer::Refuse(error));
        self.group.begun = true;
        self.group.flushed = false;
    }

    /// Takes a row of the session's own statement.
    pub(super) fn hear_row(&mut self, own: Own, message: &[u8]) -> Result<(), Malformed> {
        let (count, mut values) = backend::data_row(message)?;
        let row = (0..count).map(|_| values.value()).collect::<Result<Vec<_>, _>>()?;
        if own == Own::Check {
            if self.heard.difference.is_none() {
                self.heard.difference = Some(difference(&row));
            }
        } else {
            self.heard.rows.push(row.into_iter().map(|value| value.map(Into::into)).collect());
        }
        Ok(())
    }
}

/// A difference as the check names it: schema, table, column, what.
fn difference(row: &[Option<&[u8]>]) -> String {
    let text = |at: usize| row.get(at).copied().flatten().map(String::from_utf8_lossy).unwrap_or_default();
    let place: Vec<_> = (0..3).map(text).filter(|part| !part.is_empty()).collect();
    format!("{}: {}", place.join("."), text(3))
}
