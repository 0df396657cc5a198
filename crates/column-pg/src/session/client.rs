//! What the client sends: each message is dealt with in its order, and those behind one that has to wait wait too.

use bytes::Bytes;

use super::answer::Answer;
use super::extended::ParseJob;
use super::message::Message;
use super::simple::QueryJob;
use super::statement::Statement;
use super::turn::Asked;
use super::{Session, refusal};
use crate::wire::frontend::{self, Target};
use crate::wire::{Malformed, Reader, Report};

/// What the client's messages wait for.
pub(super) enum Job {
    /// A message that is dealt with from its beginning when something has happened.
    Again(u8, Bytes),
    /// A text that is being asked about.
    Parse(Box<ParseJob>),
    /// Texts that are being asked about.
    Query(Box<QueryJob>),
    /// A message that is dealt with from its beginning when a newer catalogue is there.
    Reload { tag: u8, message: Bytes, arrived: bool },
}

/// What is done about a difference.
pub(super) enum Differs {
    /// A newer catalogue is read first.
    Reload,
    Refused(Report),
}

/// Functions below belong to PostgreSQL itself, and none takes a value of an encrypted column from a client.
const FIRST_OWN_FUNCTION: u32 = 16_384;

impl Session {
    /// Takes one message of the client.
    pub(super) fn on_client(&mut self, tag: u8, message: Message<'_>) {
        if self.group.skipping && !matches!(tag, frontend::SYNC | frontend::TERMINATE) {
            return;
        }
        let dealt = match tag {
            frontend::PARSE => self.on_parse(message),
            frontend::BIND => self.on_bind(message),
            frontend::DESCRIBE => self.on_describe(message),
            frontend::EXECUTE => self.on_execute(&message),
            frontend::CLOSE => self.on_close(&message),
            frontend::FLUSH => {
                self.forward(&message);
                Ok(())
            }
            frontend::SYNC => {
                self.on_sync();
                Ok(())
            }
            frontend::QUERY => self.on_query(message),
            frontend::FUNCTION_CALL => self.on_function_call(&message),
            frontend::COPY_DATA | frontend::COPY_DONE | frontend::COPY_FAIL => self.on_copy_in(tag, message),
            frontend::TERMINATE => {
                self.to_server.extend_from_slice(&message);
                Ok(())
            }
            _ => Err(Malformed::Field { field: "type of a message" }),
        };
        if let Err(malformed) = dealt {
            self.end("08P01", format!("the client sent what is not understood: {malformed}"));
        }
    }

    /// Goes on with what waits.
    pub(super) fn resume(&mut self, job: Job) {
        match job {
            Job::Again(tag, message) => self.on_client(tag, Message::of(&message)),
            Job::Parse(job) => self.go_on_parsing(job),
            Job::Query(job) => self.go_on_querying(job),
            Job::Reload { tag, message, arrived: true } => {
                self.reloaded = true;
                self.on_client(tag, Message::of(&message));
            }
            waiting @ Job::Reload { .. } => self.job = Some(waiting),
        }
    }

    /// Sends a message of the client's as it is.
    pub(super) fn forward(&mut self, message: &[u8]) {
        self.to_server.extend_from_slice(message);
        self.group.begun = true;
        self.group.flushed = false;
    }

    /// The database differs from the manifest as it was read: a newer one may say why. What it does not explain is refused.
    pub(super) fn differs(&mut self, difference: &str) -> Differs {
        if self.reloaded {
            return Differs::Refused(refusal::untrusted(difference));
        }
        if self.wants_catalogue == Asked::No {
            self.wants_catalogue = Asked::Soon;
        }
        Differs::Reload
    }

    fn on_sync(&mut self) {
        // A COPY that reads rows does not hear of it, and the server neither.
        if self.copying.as_ref().is_some_and(super::copying::Copying::reads) {
            return;
        }
        self.send_sync();
    }

    /// The end of a group of the client's.
    pub(super) fn send_sync(&mut self) {
        frontend::write_bare(&mut self.to_server, frontend::SYNC);
        self.answers.push_back(Answer::Sync);
        self.next_group();
    }

    /// The client's messages from here on belong to another group.
    pub(super) fn next_group(&mut self) {
        self.group.number += 1;
        self.group.begun = false;
        self.group.skipping = false;
        // What ends a group has the server send what it has.
        self.group.flushed = true;
    }

    fn on_close(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (target, name) = frontend::target(message)?;
        let forgotten = match target {
            Target::Statement => self.statements.remove(name),
            Target::Portal => {
                self.portals.remove(name);
                None
            }
        };
        self.forward(message);
        self.answers.push_back(Answer::Close { forgotten });
        Ok(())
    }

    fn on_function_call(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let function = Reader::of_message(message)?.u32()?;
        if function >= FIRST_OWN_FUNCTION && self.mode != super::Encryption::Disabled {
            self.refuse_query(refusal::function_call().error());
            return Ok(());
        }
        self.forward(message);
        self.answers.push_back(Answer::Function);
        self.next_group();
        Ok(())
    }

    /// Statements that a command forgets, as soon as it is sent.
    pub(super) fn forget_statements(&mut self, name: Option<&str>) -> Vec<std::sync::Arc<Statement>> {
        match name {
            Some(name) => self.statements.remove(name.as_bytes()).into_iter().collect(),
            // The unnamed one stays.
            None => {
                let unnamed = self.statements.remove_entry(&b""[..]);
                let all = std::mem::take(&mut self.statements);
                self.statements.extend(unnamed);
                all.into_values().collect()
            }
        }
    }
}
