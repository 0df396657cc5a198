//! How transactions end: `tx.commit`; or `tx.rollback`, which hands back what undoes the steps, and `tx.undone` for each of them.

use strongroom_envelope::{Id, Timestamp};
use strongroom_secret::SecretBytes;

use super::body::{Datum, StepEntry, TransactionBody, TransactionState};
use super::reply::Remembered;
use super::seal::Seal;
use super::step::step_at;
use super::{existing, head_change, not_now, part};
use crate::policy::Action;
use crate::rule::{Change, Done, Facts, Operation, Refusal, Reply, Stop};

/// The most steps that one reply hands back.
const HANDED_BACK: usize = 100;
/// The most bytes of their rollback data, the last one apart.
const HANDED_BACK_BYTES: u64 = 4 << 20;

/// Ends a transaction that is done.
pub struct Commit {
    /// Which one.
    pub id: Id,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitReply {
    /// The transaction.
    pub id: Id,
    /// [`TransactionState::Committed`].
    pub state: TransactionState,
    /// How many steps it has.
    pub steps: u32,
}

impl Operation for Commit {
    type Reply = CommitReply;
    const ACTION: Action = Action::TxCommit;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<CommitReply>, Stop> {
        let found = existing(facts, Self::ACTION, self.id)?;
        let reply = CommitReply {
            id: self.id,
            state: TransactionState::Committed,
            steps: u32::try_from(found.steps.len()).unwrap_or(u32::MAX),
        };
        match found.state {
            TransactionState::Active => {
                let changes = ended(facts, self.id, found.clone(), TransactionState::Committed)?;
                Ok(facts.commit(reply, changes))
            }
            // Said twice is as good as once.
            TransactionState::Committed => Ok(Done::read(reply)),
            TransactionState::RollingBack | TransactionState::RolledBack => {
                Err(not_now(self.id, found, "be committed").into())
            }
        }
    }
}

/// Begins to undo a transaction, or goes on with it: hands back what undoes the steps that are left, the last one first.
pub struct Rollback {
    /// Which one.
    pub id: Id,
}

/// What is to be undone now.
#[derive(Debug)]
pub struct RollbackReply {
    /// The transaction.
    pub id: Id,
    /// Where it is.
    pub state: TransactionState,
    /// The steps to be undone, in this order.
    pub undo: Vec<Undo>,
    /// How many are left after those.
    pub left: u32,
}

/// What undoes a step.
#[derive(Debug)]
pub struct Undo {
    /// The step.
    pub sequence: u32,
    /// The procedure that was run.
    pub procedure: String,
    /// What undoes it, if that was recorded.
    pub rollback: Option<SecretBytes>,
    /// Whether it was recorded and cannot be read any more: a person has to undo the step, and then say so.
    pub unreadable: bool,
}

impl Operation for Rollback {
    type Reply = RollbackReply;
    const ACTION: Action = Action::TxRollback;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RollbackReply>, Stop> {
        let found = existing(facts, Self::ACTION, self.id)?;
        if found.state == TransactionState::Committed {
            return Err(not_now(self.id, found, "be rolled back").into());
        }
        let mut reply = hand_back(facts, self.id, found)?;
        facts.count(u32::try_from(reply.undo.len()).unwrap_or(u32::MAX));
        if found.state != TransactionState::Active {
            return Ok(Done::read(reply));
        }
        reply.state = if found.steps.is_empty() { TransactionState::RolledBack } else { TransactionState::RollingBack };
        let changes = ended(facts, self.id, found.clone(), reply.state)?;
        Ok(facts.commit(reply, changes))
    }
}

fn hand_back<'a>(facts: &mut Facts<'a>, id: Id, found: &'a TransactionBody) -> Result<RollbackReply, Stop> {
    let todo: Vec<&'a StepEntry> = found.steps.iter().rev().filter(|step| step.undone_at.is_none()).collect();
    let mut bytes = 0;
    let now = todo.iter().take(HANDED_BACK).take_while(|step| {
        let begin = bytes;
        bytes += step.rollback.as_ref().map_or(0, |part| part.size);
        begin < HANDED_BACK_BYTES
    });
    let now: Vec<&'a StepEntry> = now.copied().collect();
    part::prefetch(facts, now.iter().filter_map(|step| step.rollback.as_ref()))?;
    let mut undo = Vec::with_capacity(now.len());
    if !now.is_empty() {
        let seal = Seal::of(facts, id, found)?;
        for step in &now {
            let (rollback, unreadable) =
                match part::open(facts, id, &seal, (step.sequence, Datum::Rollback), step.rollback.as_ref()) {
                    Ok(rollback) => (rollback, false),
                    Err(stop) if is_damage(&stop) => (None, true),
                    Err(other) => return Err(other),
                };
            undo.push(Undo { sequence: step.sequence, procedure: step.procedure.clone(), rollback, unreadable });
        }
    }
    let left = u32::try_from(todo.len() - undo.len()).unwrap_or(u32::MAX);
    Ok(RollbackReply { id, state: found.state, undo, left })
}

/// Whether what undoes a step is damaged or given up, so that waiting for a key or trying again does not help.
const fn is_damage(stop: &Stop) -> bool {
    matches!(stop, Stop::Lost(_) | Stop::Refused(Refusal::Quarantined { .. } | Refusal::DoesNotOpen))
}

/// Confirms that a step is undone.
pub struct Undone {
    /// Of which transaction.
    pub id: Id,
    /// Which step: the last one that is not undone.
    pub sequence: u32,
}

/// Where the transaction is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneReply {
    /// The transaction.
    pub id: Id,
    /// [`TransactionState::RolledBack`] when this was the last one.
    pub state: TransactionState,
    /// How many steps are still to be undone.
    pub left: u32,
}

impl Operation for Undone {
    type Reply = UndoneReply;
    const ACTION: Action = Action::TxUndone;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<UndoneReply>, Stop> {
        let found = existing(facts, Self::ACTION, self.id)?;
        let at = step_at(found, self.id, self.sequence)?;
        let left = |steps: &[StepEntry]| steps.iter().filter(|step| step.undone_at.is_none()).count();
        let reply = |state, left| UndoneReply { id: self.id, state, left: u32::try_from(left).unwrap_or(u32::MAX) };
        // Said twice is as good as once.
        if found.steps[at].undone_at.is_some() {
            return Ok(Done::read(reply(found.state, left(&found.steps))));
        }
        if found.state != TransactionState::RollingBack {
            return Err(not_now(self.id, found, "have a step undone; roll it back first").into());
        }
        if let Some(later) = found.steps[at + 1..].iter().rev().find(|step| step.undone_at.is_none()) {
            let reason = format!("steps are undone in reverse order: step {} is the next", later.sequence);
            return Err(Refusal::Invalid { field: "step", reason }.into());
        }
        let mut transaction = found.clone();
        let now = facts.now();
        transaction.steps[at].undone_at = Some(now);
        let left = left(&transaction.steps);
        let state = if left == 0 { TransactionState::RolledBack } else { TransactionState::RollingBack };
        let changes = ended(facts, self.id, transaction, state)?;
        Ok(facts.commit(reply(state, left), changes))
    }
}

/// The transaction in another state; one that is closed takes its parts in, when they fit.
fn ended(
    facts: &mut Facts<'_>,
    id: Id,
    mut transaction: TransactionBody,
    state: TransactionState,
) -> Result<Vec<Change>, Stop> {
    let now: Timestamp = facts.now();
    transaction.state = state;
    transaction.updated_at = now;
    let folded = if state.is_closed() { part::fold(facts, id, &mut transaction)? } else { Vec::new() };
    let mut changes = vec![head_change(id, &transaction)];
    changes.extend(folded);
    Ok(changes)
}

impl Reply for CommitReply {
    fn remember(&self) -> Vec<u8> {
        Remembered { number: Some(self.steps), ..Remembered::of(self.id, self.state) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, state, number, .. } = Remembered::decode(remembered)?;
        Some(Self { id, state, steps: number? })
    }
}

/// Never kept: it holds data. Who did not hear it asks again.
impl Reply for RollbackReply {}

impl Reply for UndoneReply {
    fn remember(&self) -> Vec<u8> {
        Remembered { number: Some(self.left), ..Remembered::of(self.id, self.state) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, state, number, .. } = Remembered::decode(remembered)?;
        Some(Self { id, state, left: number? })
    }
}
