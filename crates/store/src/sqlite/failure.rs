//! What a failure of SQLite means for the store.

use rusqlite::ErrorCode;

use crate::{BackendFailure, StoreError};

/// The failures that lead to different actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The pages contradict each other, or this is no SQLite file at all.
    Damaged,
    /// A lock is held by another program.
    Held,
    /// No space is left; SQLite reports it before anything is committed.
    Full,
    /// The operating system failed a read, write or sync.
    Device,
    /// Anything else.
    Other,
}

pub(super) fn meaning(error: &rusqlite::Error) -> Meaning {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Meaning::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Meaning::Held,
        Some(ErrorCode::DiskFull) => Meaning::Full,
        Some(ErrorCode::SystemIoFailure) => Meaning::Device,
        _ => Meaning::Other,
    }
}

pub(super) fn store_error(attempted: &'static str, error: rusqlite::Error) -> StoreError {
    let meaning = meaning(&error);
    let failure = BackendFailure::new(attempted, error);
    match meaning {
        Meaning::Damaged => StoreError::Damaged(failure),
        Meaning::Held => StoreError::Held(failure),
        Meaning::Full => StoreError::Full(failure),
        Meaning::Device | Meaning::Other => StoreError::Failed(failure),
    }
}
