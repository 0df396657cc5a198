//! Prepared statements and portals, as the client names them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Encryption;
use super::again::{Again, Bound};
use super::analysis::Analysis;
use super::copying::CopyPlan;
use super::effect::Effect;
use super::rows::Rows;
use super::texts::Text;
use crate::wire::Report;

/// A prepared statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// The name the client gave it.
    pub(super) name: Box<[u8]>,
    /// Its text as the client sent it; none for one that was prepared by SQL.
    pub(super) sql: Option<Arc<str>>,
    /// By what its analysis is remembered.
    pub(super) key: Option<Text>,
    /// Types the client declared.
    pub(super) declared: Vec<u32>,
    /// What the server says of it, when it is known.
    pub(super) analysis: OnceLock<Arc<Analysis>>,
    /// Why no values are sent for it.
    pub(super) refused: OnceLock<Report>,
    /// Whether the server has answered its Parse.
    pub(super) confirmed: AtomicBool,
    /// The group of messages in which it was parsed.
    pub(super) group: u64,
    /// The epoch of the catalogue it was judged by.
    pub(super) epoch: u64,
    /// Which of the session's catalogues that was.
    pub(super) catalogue: u64,
    /// The mode it was judged in.
    pub(super) mode: Encryption,
    /// How often names had changed in this session.
    pub(super) generation: u64,
    /// Whether its text holds a sensitive name.
    pub(super) gated: bool,
    /// Whether its text speaks of parameters at all.
    pub(super) parameters: bool,
    /// What its execution changes here.
    pub(super) effect: Option<Effect>,
    /// What is done with the rows of a COPY.
    pub(super) copy: Option<Arc<CopyPlan>>,
    /// What was worked out the last time.
    pub(super) again: Again,
}

impl Statement {
    pub(super) fn confirm(&self) {
        self.confirmed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Relaxed)
    }
}

/// A portal.
#[derive(Debug, Default)]
pub(super) struct Portal {
    /// What is done with its rows, when it is known; as the server describes them, not as they were remembered, if it does.
    pub(super) rows: Mutex<Option<Rows>>,
    /// The formats of the result, where the session asks the server for others than the client asked for.
    pub(super) bound: Option<Arc<Bound>>,
    /// The statement it was bound from.
    pub(super) statement: Option<Arc<Statement>>,
    /// The group of messages in which it was bound.
    pub(super) group: u64,
    /// Whether its description is on the way.
    pub(super) described: AtomicBool,
}
