//! `tx.step`: what was done is recorded, with the state after it and what undoes it.

use strongroom_envelope::Id;
use strongroom_secret::SecretBytes;

use super::body::{Datum, StepEntry, TransactionBody, TransactionState};
use super::reply::Remembered;
use super::seal::Seal;
use super::{MOST_STEPS, PART_BYTES, PROCEDURE_BYTES, existing, head_change, not_now, part};
use crate::policy::Action;
use crate::rule::{Change, Done, Facts, Operation, Refusal, Reply, Stop};

/// Records a step.
pub struct Step {
    /// Of which transaction.
    pub id: Id,
    /// The procedure that was run, or is about to be.
    pub procedure: String,
    /// The state after it.
    pub state: Option<SecretBytes>,
    /// What undoes it.
    pub rollback: Option<SecretBytes>,
}

/// Records the state after a step that was recorded without one.
pub struct State {
    /// Of which transaction.
    pub id: Id,
    /// Of which step.
    pub sequence: u32,
    /// The state after it.
    pub state: SecretBytes,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReply {
    /// The transaction.
    pub id: Id,
    /// The step's place in the order, from 1.
    pub sequence: u32,
    /// Where the transaction is.
    pub state: TransactionState,
}

impl Step {
    fn check(&self) -> Result<(), Refusal> {
        let is_name = !self.procedure.is_empty() && !self.procedure.chars().any(char::is_control);
        if !is_name || self.procedure.len() > PROCEDURE_BYTES {
            let reason = format!("give a name of 1 to {PROCEDURE_BYTES} bytes without control characters");
            return Err(Refusal::Invalid { field: "procedure", reason });
        }
        self.state.iter().try_for_each(|state| part::check("the state", state))?;
        self.rollback.iter().try_for_each(|rollback| part::check("the rollback data", rollback))?;
        let both = self.state.as_ref().map_or(0, SecretBytes::len) + self.rollback.as_ref().map_or(0, SecretBytes::len);
        if both > PART_BYTES {
            let reason = format!(
                "state and rollback data have {both} bytes together, one commit takes {PART_BYTES}: record the step with its \
                 rollback data, then its state by tx.state"
            );
            return Err(Refusal::Invalid { field: "state", reason });
        }
        Ok(())
    }
}

impl Operation for Step {
    type Reply = StepReply;
    const ACTION: Action = Action::TxStep;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<StepReply>, Stop> {
        let found = existing(facts, Self::ACTION, self.id)?;
        self.check()?;
        let mut transaction = active(self.id, found, "take another step")?;
        if transaction.steps.len() >= MOST_STEPS {
            let reason = format!("it has {MOST_STEPS} steps; begin another transaction");
            return Err(Refusal::Invalid { field: "id", reason }.into());
        }
        let seal = Seal::of(facts, self.id, found)?;
        let sequence = transaction.steps.last().map_or(1, |step| step.sequence + 1);
        let mut changes = Vec::new();
        let mut placed = |facts: &mut Facts<'_>, datum, clear: &Option<SecretBytes>| {
            let (part, apart) = part::place(facts, self.id, &seal, Some(found), (sequence, datum), clear.as_ref()?);
            changes.extend(apart);
            Some(part)
        };
        let state = placed(facts, Datum::State, &self.state);
        let rollback = placed(facts, Datum::Rollback, &self.rollback);
        let (procedure, created_at) = (self.procedure.clone(), facts.now());
        transaction.steps.push(StepEntry { sequence, procedure, created_at, state, rollback, undone_at: None });
        recorded(facts, self.id, sequence, transaction, changes)
    }
}

impl Operation for State {
    type Reply = StepReply;
    const ACTION: Action = Action::TxState;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<StepReply>, Stop> {
        let found = existing(facts, Self::ACTION, self.id)?;
        part::check("the state", &self.state)?;
        let mut transaction = active(self.id, found, "take a state")?;
        let at = step_at(&transaction, self.id, self.sequence)?;
        if transaction.steps[at].state.is_some() {
            let reason = format!("step {} has its state; record another step", self.sequence);
            return Err(Refusal::Invalid { field: "step", reason }.into());
        }
        let seal = Seal::of(facts, self.id, found)?;
        let (part, apart) = part::place(facts, self.id, &seal, Some(found), (self.sequence, Datum::State), &self.state);
        transaction.steps[at].state = Some(part);
        recorded(facts, self.id, self.sequence, transaction, apart.into_iter().collect())
    }
}

/// A copy to be changed, of a transaction that goes on.
fn active(id: Id, found: &TransactionBody, wanted: &'static str) -> Result<TransactionBody, Refusal> {
    if found.state == TransactionState::Active { Ok(found.clone()) } else { Err(not_now(id, found, wanted)) }
}

/// Where a step stands in the table.
pub(super) fn step_at(transaction: &TransactionBody, id: Id, sequence: u32) -> Result<usize, Refusal> {
    let at = transaction.steps.binary_search_by_key(&sequence, |step| step.sequence);
    at.map_err(|_| Refusal::NotFound { what: "step", target: format!("{sequence} of {id}") })
}

fn recorded(
    facts: &mut Facts<'_>,
    id: Id,
    sequence: u32,
    mut transaction: TransactionBody,
    mut changes: Vec<Change>,
) -> Result<Done<StepReply>, Stop> {
    transaction.updated_at = facts.now();
    let head = head_change(id, &transaction);
    // What is recorded can be undone: then there is a time in every step.
    let record = bytes_of(&head) + transaction.steps.len() * UNDONE_MORE;
    changes.push(head);
    if record > RECORD_BYTES || changes.iter().map(bytes_of).sum::<usize>() > COMMIT_BYTES {
        let reason = "the list of its steps has become too long for this one; begin another transaction".to_owned();
        return Err(Refusal::Invalid { field: "id", reason }.into());
    }
    Ok(facts.commit(StepReply { id, sequence, state: transaction.state }, changes))
}

fn bytes_of(change: &Change) -> usize {
    match change {
        Change::Put { body, .. } => body.len(),
        Change::Delete { .. } => 0,
    }
}

/// The most bytes of a transaction's record: with what one commit of a rotation has before it, it is a commit.
const RECORD_BYTES: usize = (1 << 20) + (16 << 10);
/// The most bytes of one commit.
const COMMIT_BYTES: usize = (1 << 20) + (64 << 10);
/// What the time adds to a step that is undone.
const UNDONE_MORE: usize = 8;

impl Reply for StepReply {
    fn remember(&self) -> Vec<u8> {
        Remembered { number: Some(self.sequence), ..Remembered::of(self.id, self.state) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, state, number, .. } = Remembered::decode(remembered)?;
        Some(Self { id, state, sequence: number? })
    }
}
