//! What can go wrong while a store is in use, told apart by what is known afterwards.

use crate::Limit;

/// The engine below a store failed.
///
/// The source is the engine's own error: a store holds only sealed bytes, and engines name tables,
/// files and result codes, so it may go into a log.
#[derive(Debug, thiserror::Error)]
#[error("{attempted} failed")]
pub struct BackendFailure {
    /// What was attempted.
    pub attempted: &'static str,
    /// What the engine said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl BackendFailure {
    /// `attempted` failed because of `source`.
    pub fn new(attempted: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackendFailure {
        BackendFailure { attempted, source: source.into() }
    }
}

/// A read, scan, scrub or close did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The pages of the store contradict each other: restore it or repair it from a peer.
    #[error("the store is damaged")]
    Damaged(#[source] BackendFailure),
    /// Somebody else holds the store: a foreign process has the file open.
    #[error("the store is held by another program")]
    Held(#[source] BackendFailure),
    /// The volume is full.
    #[error("the volume of the store is full")]
    Full(#[source] BackendFailure),
    /// The store stopped writing after a failed write; it must be opened again.
    #[error("the store has stopped writing after a failed write; it must be opened again")]
    Stopped,
    /// The engine failed otherwise.
    #[error("the store failed")]
    Failed(#[source] BackendFailure),
}

/// A batch was not acknowledged; the variants say what is known about it.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Surely not written: a key that had to be absent is there.
    #[error("a record that must not exist is there")]
    Precondition {
        /// The first such key.
        key: Vec<u8>,
    },
    /// Surely not written: no store takes such a batch.
    #[error("the batch breaks a limit of the store")]
    Limit(#[from] Limit),
    /// Surely not written: the volume is full. Later commits may succeed.
    #[error("the volume of the store is full")]
    Full,
    /// Nobody knows whether it is written. Every later commit of this store answers `Stopped`.
    #[error("the outcome of the commit is unknown")]
    Unknown {
        /// What failed at or after the commit.
        source: BackendFailure,
    },
    /// Surely not written: an earlier failure ended writing; the store must be opened again.
    #[error("the store has stopped writing after a failed write; it must be opened again")]
    Stopped,
    /// Surely not written.
    #[error("the commit failed and changed nothing")]
    Failed {
        /// What failed before anything was committed.
        source: BackendFailure,
    },
}
