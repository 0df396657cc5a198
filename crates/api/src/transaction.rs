//! `tx`: transactions of a provisioning system.

mod change;
mod read;

pub use change::{
    BeginReply, BeginRequest, CommitReply, CommitRequest, RollbackReply, RollbackRequest, StateRequest, StepReply,
    StepRequest, Undo, UndoneReply, UndoneRequest,
};
pub use read::{
    ArchiveReply, ArchiveRequest, GetReply, GetRequest, ListReply, ListRequest, ShowReply, ShowRequest, Step, StepData,
    Transaction,
};

use strongroom_secret::SecretBytes;

use crate::wire::WireSecret;

const EXAMPLE_ID: &str = "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f";

fn secret(text: &str) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(text.as_bytes()))
}
