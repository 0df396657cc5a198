//! What the server is still to answer, in its order: one entry for each message that was sent to it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::analysis::Analysis;
use super::copying::CopyPlan;
use super::effect::Effect;
use super::rows::Rows;
use super::statement::{Portal, Statement};
use super::texts::Text;
use crate::wire::backend::Field;

/// One answer that is to come.
#[derive(Debug)]
pub(super) enum Answer {
    /// To a Parse; what the name meant before. The client does not hear of it when it is `own`.
    Parse { statement: Arc<Statement>, previous: Option<Arc<Statement>>, own: bool },
    /// To a Bind of the client.
    Bind { portal: Box<[u8]> },
    /// To a Describe of a statement: parameters, then columns. The client does not hear of it when it is `own`.
    DescribeStatement { statement: Arc<Statement>, parameters: Option<Vec<u32>>, own: bool },
    /// To a Describe of a portal.
    DescribePortal { portal: Arc<Portal>, own: bool },
    /// To an Execute of the client; statements that were forgotten when it was sent.
    Execute { portal: Arc<Portal>, effect: Option<Effect>, forgotten: Vec<Arc<Statement>> },
    /// To a Close of the client.
    Close { forgotten: Option<Arc<Statement>> },
    /// To a Sync of the client.
    Sync,
    /// To a Query of the client.
    Query(Box<QueryAnswer>),
    /// To a function call of the client.
    Function,
    /// To a message of the session's own.
    Own(Own),
    /// To a message that fails on purpose: the client hears this instead.
    Refuse(Bytes),
}

/// Messages of the session's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Parse,
    Bind,
    Close,
    /// The description that was asked for.
    Describe,
    /// A statement without rows that matter.
    Execute,
    /// A statement whose rows are collected.
    Rows,
    /// The check of the catalogue: rows are differences.
    Check,
    /// The end of what was asked.
    Sync,
    /// The end of what was asked, in the middle of a group of the client's.
    Last,
}

/// What is known of the statements of a Query message.
#[derive(Debug, Default)]
pub(super) struct QueryAnswer {
    /// What each statement changes.
    pub(super) effects: VecDeque<Option<Effect>>,
    /// What each COPY does, in order.
    pub(super) copies: VecDeque<Option<Arc<CopyPlan>>>,
    /// What is done with the rows that come now.
    pub(super) rows: Rows,
    /// What was found out about the only statement, and by what it is remembered.
    pub(super) expected: Option<(Text, Arc<Analysis>)>,
}

/// What was said to the session's own messages.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) parameters: Vec<u32>,
    pub(super) fields: Option<Vec<Field>>,
    pub(super) error: Option<Bytes>,
    /// The check's first difference.
    pub(super) difference: Option<String>,
    /// Rows that were collected.
    pub(super) rows: Vec<Vec<Option<Box<[u8]>>>>,
    pub(super) done: bool,
}
