//! `tx`: from the wire to the engine's rules, and back.

use strongroom_api::WireSecret;
use strongroom_api::transaction as wire;
use strongroom_engine::rule::Refusal;
use strongroom_engine::transaction as rule;
use strongroom_envelope::{Id, Timestamp};
use strongroom_keeper::facade::Caller;

use super::{Route, page_limit, parse_id};
use crate::archive;
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::BeginRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::BeginReply, Failed> {
        let begin = rule::Begin::new(self.document_base64.into_secret(), shell.transactions_encrypt);
        let rule::BeginReply { id, state, sensitive, encrypted } = shell.keeper.execute(caller, begin).await?;
        Ok(wire::BeginReply { id: id.to_string(), state: state.word().to_owned(), sensitive, encrypted })
    }
}

impl Route for wire::StepRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::StepReply, Failed> {
        let step = rule::Step {
            id: parse_id("id", &self.id)?,
            procedure: self.procedure,
            state: self.state_base64.map(WireSecret::into_secret),
            rollback: self.rollback_base64.map(WireSecret::into_secret),
        };
        Ok(recorded(&shell.keeper.execute(caller, step).await?))
    }
}

impl Route for wire::StateRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::StepReply, Failed> {
        let id = parse_id("id", &self.id)?;
        let state = rule::State { id, sequence: self.step, state: self.state_base64.into_secret() };
        Ok(recorded(&shell.keeper.execute(caller, state).await?))
    }
}

fn recorded(reply: &rule::StepReply) -> wire::StepReply {
    wire::StepReply { id: reply.id.to_string(), step: reply.sequence, state: reply.state.word().to_owned() }
}

impl Route for wire::CommitRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::CommitReply, Failed> {
        let commit = rule::Commit { id: parse_id("id", &self.id)? };
        let rule::CommitReply { id, state, steps } = shell.keeper.execute(caller, commit).await?;
        Ok(wire::CommitReply { id: id.to_string(), state: state.word().to_owned(), steps })
    }
}

impl Route for wire::RollbackRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RollbackReply, Failed> {
        let rollback = rule::Rollback { id: parse_id("id", &self.id)? };
        // A retry finds the transaction as the first request left it, and is answered what is to be undone then.
        let caller = Caller { retry: None, ..caller };
        let rule::RollbackReply { id, state, undo, left } = shell.keeper.execute(caller, rollback).await?;
        let undo = undo.into_iter().map(|undo| wire::Undo {
            step: undo.sequence,
            procedure: undo.procedure,
            rollback_base64: undo.rollback.map(WireSecret::new),
            unreadable: undo.unreadable,
        });
        let undo = undo.collect();
        Ok(wire::RollbackReply { id: id.to_string(), state: state.word().to_owned(), undo, left })
    }
}

impl Route for wire::UndoneRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::UndoneReply, Failed> {
        let undone = rule::Undone { id: parse_id("id", &self.id)?, sequence: self.step };
        let rule::UndoneReply { id, state, left } = shell.keeper.execute(caller, undone).await?;
        Ok(wire::UndoneReply { id: id.to_string(), state: state.word().to_owned(), left })
    }
}

impl Route for wire::ShowRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ShowReply, Failed> {
        let show = rule::Show { id: parse_id("id", &self.id)? };
        let rule::ShowReply { transaction: shown, steps } = shell.keeper.execute(caller, show).await?;
        Ok(wire::ShowReply { transaction: transaction(shown), steps: steps.into_iter().map(step).collect() })
    }
}

impl Route for wire::GetRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::GetReply, Failed> {
        let get = rule::Get { id: parse_id("id", &self.id)?, after: self.after };
        Ok(got(shell.keeper.execute(caller, get).await?))
    }
}

/// A page of a transaction with its data.
pub(crate) fn got(page: rule::GetReply) -> wire::GetReply {
    let rule::GetReply { transaction: found, request, steps, left } = page;
    let data = |data: rule::StepData| {
        let wire::Step { step, procedure, created_at, undone_at, .. } = step(data.step);
        let state_base64 = data.state.map(WireSecret::new);
        let rollback_base64 = data.rollback.map(WireSecret::new);
        wire::StepData { step, procedure, created_at, undone_at, state_base64, rollback_base64 }
    };
    let document_base64 = request.map(WireSecret::new);
    let steps = steps.into_iter().map(data).collect();
    wire::GetReply { transaction: transaction(found), document_base64, steps, left }
}

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let unknown = || Refusal::Invalid {
            field: "state",
            reason: "choose active, committed, rolling_back or rolled_back".to_owned(),
        };
        let state = self.state.map(|word| rule::TransactionState::from_word(&word).ok_or_else(unknown)).transpose()?;
        let after = self.after.map(|after| parse_id("after", &after)).transpose()?;
        let list = rule::List { unfinished: self.unfinished, state, after, limit: page_limit(self.limit) };
        let rule::ListReply { transactions, next, unreadable } = shell.keeper.execute(caller, list).await?;
        let transactions = transactions.into_iter().map(transaction).collect();
        Ok(wire::ListReply { transactions, next: next.map(|id: Id| id.to_string()), unreadable })
    }
}

/// The longest age that is asked for, seconds.
const LONGEST_AGE: u64 = 3_155_760_000;

impl Route for wire::ArchiveRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ArchiveReply, Failed> {
        if self.older_than_seconds > LONGEST_AGE {
            let reason = format!("choose 0 to {LONGEST_AGE}, a hundred years");
            return Err(Refusal::Invalid { field: "older_than_seconds", reason }.into());
        }
        archive::run(shell, caller, self.older_than_seconds).await
    }
}

pub(crate) fn transaction(view: rule::TransactionView) -> wire::Transaction {
    wire::Transaction {
        id: view.id.to_string(),
        state: view.state.word().to_owned(),
        sensitive: view.sensitive,
        encrypted: view.encrypted,
        key: view.key.map(|(id, _)| id.to_string()),
        key_version: view.key.map(|(_, version)| version),
        created_at: view.created_at.rfc3339(),
        updated_at: view.updated_at.rfc3339(),
        begun_by: view.begun_by,
        request_bytes: view.request_bytes,
        steps: view.steps,
        not_undone: view.not_undone,
    }
}

pub(crate) fn step(view: rule::StepView) -> wire::Step {
    wire::Step {
        step: view.sequence,
        procedure: view.procedure,
        created_at: view.created_at.rfc3339(),
        undone_at: view.undone_at.map(Timestamp::rfc3339),
        state_bytes: view.state_bytes,
        rollback_bytes: view.rollback_bytes,
    }
}
