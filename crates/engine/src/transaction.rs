//! Transactions of a provisioning system: requests, the steps done for them with their rollback data, and how they ended.

mod archive;
mod begin;
mod body;
mod close;
mod get;
mod list;
mod part;
mod reencrypt;
mod reply;
mod seal;
mod step;

use strongroom_envelope::{Id, body as encoding};
use strongroom_secret::SecretBytes;

pub use archive::{Archived, ArchivedReply, Cursor, EXPORTED, Export, ExportReply};
pub use begin::{Begin, BeginReply, Encrypt};
pub use body::{PartBody, StepEntry, TransactionBody, TransactionState, closed_at};
pub use close::{Commit, CommitReply, Rollback, RollbackReply, Undo, Undone, UndoneReply};
pub use get::{Get, GetReply, Show, ShowReply, StepData, StepView, TransactionView};
pub use list::{List, ListReply};
pub(crate) use reencrypt::seal_again;
pub use step::{State, Step, StepReply};

use crate::policy::{Action, Object};
use crate::rule::{Change, Facts, NameChange, Refusal, Stop};

/// The name of the application key that transactions are sealed under.
pub const KEY_NAME: &str = "transactions";
/// The largest document, state or rollback data, in bytes.
pub const PART_BYTES: usize = 1 << 20;
/// The most steps of a transaction.
pub const MOST_STEPS: usize = 4096;
/// The longest name of a procedure, in bytes.
pub const PROCEDURE_BYTES: usize = 256;
/// The longest page of a list.
pub const LIST_LIMIT: usize = 1000;

/// The transaction, or the refusal of a missing one.
fn existing<'a>(facts: &mut Facts<'a>, action: Action, id: Id) -> Result<&'a TransactionBody, Stop> {
    facts.permit(action, Object::Id(id))?;
    let found = facts.record::<TransactionBody>(TransactionBody::record_key(id))?;
    // What is being removed is in an archive, and not whole here.
    Ok(found.filter(|found| found.archived_at.is_none()).ok_or_else(|| missing(id))?)
}

fn missing(id: Id) -> Refusal {
    Refusal::NotFound { what: "transaction", target: id.to_string() }
}

/// What is wanted cannot be done in the state that the transaction is in.
fn not_now(id: Id, transaction: &TransactionBody, wanted: &'static str) -> Refusal {
    Refusal::TransactionState { id: id.to_string(), state: transaction.state.word(), wanted }
}

/// Writes a transaction's head.
fn head_change(id: Id, transaction: &TransactionBody) -> Change {
    let body = SecretBytes::from_vec(encoding::encode(transaction));
    Change::Put { key: TransactionBody::record_key(id), body, name: NameChange::None }
}
