//! What a failure of SQLite means for the store.

use rusqlite::{ErrorCode, ffi};

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
    /// A sync failed: the kernel may call pages clean that never reached the disk.
    Sync,
    /// Anything else.
    Other,
}

pub(super) fn meaning(error: &rusqlite::Error) -> Meaning {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Meaning::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Meaning::Held,
        Some(ErrorCode::DiskFull) => Meaning::Full,
        Some(ErrorCode::SystemIoFailure) if is_sync(error) => Meaning::Sync,
        _ => Meaning::Other,
    }
}

fn is_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

pub(super) fn store_error(attempted: &'static str, error: rusqlite::Error) -> StoreError {
    let meaning = meaning(&error);
    let failure = BackendFailure::new(attempted, error);
    match meaning {
        Meaning::Damaged => StoreError::Damaged(failure),
        Meaning::Held => StoreError::Held(failure),
        Meaning::Full => StoreError::Full(failure),
        Meaning::Sync | Meaning::Other => StoreError::Failed(failure),
    }
}
