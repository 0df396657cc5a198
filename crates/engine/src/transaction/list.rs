//! `tx.list`: transactions in the order they were begun; and which of them are unfinished.

use strongroom_envelope::{Id, RecordKind};

use super::LIST_LIMIT;
use super::body::{TransactionBody, TransactionState};
use super::get::TransactionView;
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, IdsRequest, Operation, Refusal, Reply, Stop};

/// Lists transactions.
#[derive(Debug)]
pub struct List {
    /// Only those that are neither committed nor rolled back.
    pub unfinished: bool,
    /// Only those in this state.
    pub state: Option<TransactionState>,
    /// Only those begun after this one.
    pub after: Option<Id>,
    /// At most so many are looked at.
    pub limit: usize,
}

/// A page of transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReply {
    /// In the order they were begun.
    pub transactions: Vec<TransactionView>,
    /// Where the next page begins, when there may be more.
    pub next: Option<Id>,
    /// How many could not be read; the quarantine lists them.
    pub unreadable: u32,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::TxList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        if !(1..=LIST_LIMIT).contains(&self.limit) {
            let reason = format!("choose 1 to {LIST_LIMIT}");
            return Err(Refusal::Invalid { field: "limit", reason }.into());
        }
        let request = IdsRequest {
            kind: RecordKind::Transaction,
            after: self.after,
            limit: self.limit,
            unfinished: self.unfinished,
        };
        let ids = facts.ids(&request)?;
        facts.prefetch(ids.iter().map(|id| TransactionBody::record_key(*id)))?;
        let mut reply = ListReply { transactions: Vec::with_capacity(ids.len()), next: None, unreadable: 0 };
        for id in ids {
            match facts.record::<TransactionBody>(TransactionBody::record_key(*id)) {
                Ok(Some(body)) if self.wants(body) => reply.transactions.push(TransactionView::of(*id, body)),
                // Closed or removed since the list was made.
                Ok(_) => {}
                Err(Stop::Refused(_)) => reply.unreadable += 1,
                Err(other) => return Err(other),
            }
        }
        reply.next = ids.last().copied().filter(|_| ids.len() == self.limit);
        facts.count(u32::try_from(reply.transactions.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

impl List {
    fn wants(&self, body: &TransactionBody) -> bool {
        let is_whole = body.archived_at.is_none();
        is_whole && !(self.unfinished && body.state.is_closed()) && self.state.is_none_or(|state| state == body.state)
    }
}

impl Reply for ListReply {}
