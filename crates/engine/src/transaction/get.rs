//! `tx.get`: a transaction with its data, to go on with it; and `tx.show`: what is known about it.

use strongroom_envelope::{Id, Timestamp};
use strongroom_secret::SecretBytes;

use super::body::{Datum, StepEntry, TransactionBody, TransactionState};
use super::seal::Seal;
use super::{existing, part};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// The most steps that one reply has.
const PAGE: usize = 100;
/// The most bytes of their data, the last one apart.
const PAGE_BYTES: u64 = 4 << 20;

/// Shows what is known about a transaction, without its data.
pub struct Show {
    /// Which one.
    pub id: Id,
}

/// What is known about a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionView {
    /// Its id.
    pub id: Id,
    /// Where it is.
    pub state: TransactionState,
    /// Whether its request is marked as sensitive.
    pub sensitive: bool,
    /// Whether it is sealed under a key of its own.
    pub encrypted: bool,
    /// The master key that its own key is sealed under, and its version.
    pub key: Option<(Id, u32)>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who began it.
    pub begun_by: String,
    /// How many bytes its request has.
    pub request_bytes: u64,
    /// How many steps it has.
    pub steps: u32,
    /// How many of them are not undone.
    pub not_undone: u32,
}

/// A transaction and its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowReply {
    /// The transaction.
    pub transaction: TransactionView,
    /// Its steps, in order.
    pub steps: Vec<StepView>,
}

/// What is known about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    /// Its place in the order, from 1.
    pub sequence: u32,
    /// The procedure that was run.
    pub procedure: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it was undone.
    pub undone_at: Option<Timestamp>,
    /// How many bytes its state has, if that was recorded.
    pub state_bytes: Option<u64>,
    /// How many bytes its rollback data has, if that was recorded.
    pub rollback_bytes: Option<u64>,
}

impl TransactionView {
    pub(super) fn of(id: Id, body: &TransactionBody) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            id,
            state: body.state,
            sensitive: body.sensitive,
            encrypted: body.is_encrypted(),
            key: body.key_id.zip(body.key_version),
            created_at: body.created_at,
            updated_at: body.updated_at,
            begun_by: body.begun_by.clone(),
            request_bytes: body.request.size,
            steps: count(body.steps.len()),
            not_undone: count(body.steps.iter().filter(|step| step.undone_at.is_none()).count()),
        }
    }
}

impl StepView {
    fn of(step: &StepEntry) -> Self {
        Self {
            sequence: step.sequence,
            procedure: step.procedure.clone(),
            created_at: step.created_at,
            undone_at: step.undone_at,
            state_bytes: step.state.as_ref().map(|part| part.size),
            rollback_bytes: step.rollback.as_ref().map(|part| part.size),
        }
    }
}

impl Operation for Show {
    type Reply = ShowReply;
    const ACTION: Action = Action::TxShow;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ShowReply>, Stop> {
        let found = existing(facts, Self::ACTION, self.id)?;
        let steps = found.steps.iter().map(StepView::of).collect();
        Ok(Done::read(ShowReply { transaction: TransactionView::of(self.id, found), steps }))
    }
}

/// Reads a transaction back, with its data, a page of steps at a time.
pub struct Get {
    /// Which one.
    pub id: Id,
    /// Only steps after this one; 0 for the request and the first steps.
    pub after: u32,
}

/// A transaction in clear.
#[derive(Debug)]
pub struct GetReply {
    /// What is known about it.
    pub transaction: TransactionView,
    /// Its request; on the first page only.
    pub request: Option<SecretBytes>,
    /// Its steps, in order.
    pub steps: Vec<StepData>,
    /// How many steps follow.
    pub left: u32,
}

/// A step in clear.
#[derive(Debug)]
pub struct StepData {
    /// What is known about it.
    pub step: StepView,
    /// The state after it.
    pub state: Option<SecretBytes>,
    /// What undoes it.
    pub rollback: Option<SecretBytes>,
}

impl Operation for Get {
    type Reply = GetReply;
    const ACTION: Action = Action::TxGet;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<GetReply>, Stop> {
        let found = existing(facts, Self::ACTION, self.id)?;
        read(facts, self.id, found, self.after).map(Done::read)
    }
}

/// A page of a transaction in clear.
pub(super) fn read<'a>(
    facts: &mut Facts<'a>,
    id: Id,
    found: &'a TransactionBody,
    after: u32,
) -> Result<GetReply, Stop> {
    let following: Vec<&StepEntry> = found.steps.iter().filter(|step| step.sequence > after).collect();
    let mut bytes = if after == 0 { found.request.size } else { 0 };
    let page: Vec<&StepEntry> = following
        .iter()
        .take(PAGE)
        .take_while(|step| {
            let begin = bytes;
            bytes += [&step.state, &step.rollback].into_iter().flatten().map(|part| part.size).sum::<u64>();
            begin < PAGE_BYTES
        })
        .copied()
        .collect();
    let wanted = page.iter().flat_map(|step| step.state.iter().chain(&step.rollback));
    part::prefetch(facts, wanted.chain((after == 0).then_some(&found.request)))?;
    let seal = Seal::of(facts, id, found)?;
    let request = (after == 0).then_some(&found.request);
    let request = part::open(facts, id, &seal, (0, Datum::Request), request)?;
    let mut steps = Vec::with_capacity(page.len());
    for step in &page {
        let state = part::open(facts, id, &seal, (step.sequence, Datum::State), step.state.as_ref())?;
        let rollback = part::open(facts, id, &seal, (step.sequence, Datum::Rollback), step.rollback.as_ref())?;
        steps.push(StepData { step: StepView::of(step), state, rollback });
    }
    let left = u32::try_from(following.len() - page.len()).unwrap_or(u32::MAX);
    Ok(GetReply { transaction: TransactionView::of(id, found), request, steps, left })
}

impl Reply for ShowReply {}
/// Never kept: it holds data.
impl Reply for GetReply {}
