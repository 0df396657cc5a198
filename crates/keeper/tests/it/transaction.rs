//! Transactions of a provisioning system over crashes, full disks, hands in the store's file, locked keys and rotations.

mod canary;
mod crash;
mod full;
mod locked;
mod many;
mod rotation;
mod tamper;

use strongroom_engine::rule::Refusal;
use strongroom_engine::transaction::{
    Begin, BeginReply, Commit, CommitReply, Encrypt, Get, List, Rollback, Show, State, Step, StepReply,
    TransactionState, TransactionView, Undone, UndoneReply,
};
use strongroom_envelope::Id;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Caller, Failure};
use strongroom_secret::SecretBytes;

use crate::site::admin;

/// The name of the master key.
const KEY: &str = "transactions";
/// A request without a mark.
const PLAIN: &str = "<request><procedure name=\"CreateUser\"/></request>";

fn begin_operation(document: &str, encrypt: Encrypt) -> Begin {
    Begin::new(SecretBytes::from_slice(document.as_bytes()), encrypt)
}

async fn begin_as(keeper: &Keeper, caller: Caller, encrypt: Encrypt) -> Result<BeginReply, Failure> {
    keeper.execute(caller, begin_operation(PLAIN, encrypt)).await
}

async fn begin(keeper: &Keeper) -> Id {
    begin_as(keeper, admin(), Encrypt::Always).await.unwrap().id
}

/// A step; what is empty is not recorded.
fn step_operation(id: Id, state: &[u8], rollback: &[u8]) -> Step {
    let part = |bytes: &[u8]| (!bytes.is_empty()).then(|| SecretBytes::from_slice(bytes));
    Step { id, procedure: "CreateMailbox".to_owned(), state: part(state), rollback: part(rollback) }
}

async fn step(keeper: &Keeper, id: Id, state: &[u8], rollback: &[u8]) -> Result<StepReply, Failure> {
    keeper.execute(admin(), step_operation(id, state, rollback)).await
}

async fn state(keeper: &Keeper, id: Id, sequence: u32, state: &[u8]) -> Result<StepReply, Failure> {
    keeper.execute(admin(), State { id, sequence, state: SecretBytes::from_slice(state) }).await
}

async fn commit(keeper: &Keeper, id: Id) -> Result<CommitReply, Failure> {
    keeper.execute(admin(), Commit { id }).await
}

async fn undone(keeper: &Keeper, id: Id, sequence: u32) -> Result<UndoneReply, Failure> {
    keeper.execute(admin(), Undone { id, sequence }).await
}

/// What is to be undone, in order: the step and what undoes it.
async fn rollback(keeper: &Keeper, id: Id) -> Result<Vec<(u32, Vec<u8>)>, Failure> {
    let reply = keeper.execute(admin(), Rollback { id }).await?;
    assert_eq!(reply.left, 0);
    let bytes = |part: Option<SecretBytes>| part.map(|part| part.expose().to_vec()).unwrap_or_default();
    Ok(reply.undo.into_iter().map(|undo| (undo.sequence, bytes(undo.rollback))).collect())
}

async fn shown(keeper: &Keeper, id: Id) -> Result<TransactionView, Failure> {
    keeper.execute(admin(), Show { id }).await.map(|reply| reply.transaction)
}

/// Everything about a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Whole {
    state: TransactionState,
    request: Vec<u8>,
    /// State, rollback data, whether it is undone.
    steps: Vec<(Vec<u8>, Vec<u8>, bool)>,
}

async fn read(keeper: &Keeper, id: Id) -> Result<Whole, Failure> {
    let page = keeper.execute(admin(), Get { id, after: 0 }).await?;
    assert_eq!(page.left, 0);
    let bytes = |part: Option<SecretBytes>| part.map(|part| part.expose().to_vec()).unwrap_or_default();
    let steps = page.steps.into_iter().enumerate().map(|(at, found)| {
        assert_eq!(found.step.sequence as usize, at + 1);
        (bytes(found.state), bytes(found.rollback), found.step.undone_at.is_some())
    });
    Ok(Whole { state: page.transaction.state, steps: steps.collect(), request: bytes(page.request) })
}

/// The ids of unfinished transactions, or of all.
async fn listed(keeper: &Keeper, unfinished: bool) -> Vec<Id> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let list = List { unfinished, state: None, after, limit: 300 };
        let reply = keeper.execute(admin(), list).await.unwrap();
        ids.extend(reply.transactions.iter().map(|found| found.id));
        match reply.next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}

/// So many bytes that tell where they belong.
fn content(text: &str, length: usize) -> Vec<u8> {
    let mut content = text.as_bytes().to_vec();
    content.resize(length.max(text.len()), b'.');
    content
}

fn is_locked<T>(outcome: Result<T, Failure>) -> bool {
    matches!(outcome, Err(Failure::Refused(Refusal::KeyLocked { key })) if key == KEY)
}
