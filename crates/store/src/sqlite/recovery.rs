//! Recovery after a write whose outcome is unknown: copy to a new file, compare, replace.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::connection::{self, Role};
use super::failure::{Meaning, meaning};
use super::files::Files;
use super::open::{OpenError, examined, finish};
use super::scanners::first_finding;
use crate::{BackendFailure, Limits};

/// What a recovery found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Records in the recovered store.
    pub records: u64,
}

/// A store could not be recovered. The old files are as they were, and the next open tries again.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The old store could not be opened, or the new one not put in its place.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The pages of the old store contradict each other: it must be restored.
    #[error("the store is damaged: {finding}")]
    Damaged {
        /// The first thing SQLite's integrity check says.
        finding: String,
    },
    /// The volume has no room for a second copy of the store.
    #[error("the volume has no room for a copy of the store")]
    Full(#[source] BackendFailure),
    /// Copying or comparing failed.
    #[error("copying the store failed")]
    Copy(#[source] BackendFailure),
    /// The copy is not equal to the original; the volume cannot be trusted.
    #[error("the copy differs from the store at record {position}")]
    Differs {
        /// Which record in the order of keys, from 0.
        position: u64,
    },
}

/// Writes the store in `directory` anew, on pages that were never part of a failed write.
///
/// After a failed sync the kernel may serve from memory what the disk does not have. So everything
/// that can be read is copied to a new file, synced, compared record by record, and only then
/// takes the old one's place, in steps that a crash cannot spoil. The caller holds the
/// [`DataDirectory`](crate::DataDirectory), and no store is open in it.
pub fn recover(directory: &Path) -> Result<Recovery, RecoverError> {
    let files = Files::of(directory)?;
    files.replace_recovered()?;
    if !files.examine()? {
        return Err(OpenError::Missing { path: files.database() }.into());
    }
    copy(&files)
}

pub(super) fn copy(files: &Files) -> Result<Recovery, RecoverError> {
    let old = examined(&files.database())?;
    if let Some(finding) = first_finding(&old).map_err(failed)? {
        return Err(RecoverError::Damaged { finding });
    }
    let path = files.start_unfinished()?;
    let name = path.as_os_str().as_encoded_bytes();
    // SQLite takes a path as text; bytes that are not UTF-8 pass through unchanged.
    old.prepare("VACUUM INTO CAST(?1 AS TEXT)").and_then(|mut statement| statement.execute([name])).map_err(failed)?;
    let new = connection::open(&path, Role::Writer)?;
    connection::use_wal(&new)?;
    finish(new)?;
    Files::sync_and_forget(&path).map_err(|source| OpenError::file("syncing", &path, source))?;
    let new = examined(&path)?;
    let records = compare(&old, &new)?;
    finish(new)?;
    // The old connection is closed without writing: its WAL is removed with the old file.
    old.close().map_err(|(_, error)| failed(error))?;
    files.finish_recovery()?;
    Ok(Recovery { records })
}

/// Compares every key and value; returns how many there are.
fn compare(old: &Connection, new: &Connection) -> Result<u64, RecoverError> {
    if let Some(finding) = first_finding(new).map_err(failed)? {
        return Err(RecoverError::Damaged { finding });
    }
    let mut old = old.prepare(ALL).map_err(failed)?;
    let mut new = new.prepare(ALL).map_err(failed)?;
    let longest = Limits::LOCAL.value_bytes as i64;
    let mut old = old.query([longest]).map_err(failed)?;
    let mut new = new.query([longest]).map_err(failed)?;
    let mut position = 0;
    loop {
        match (old.next().map_err(failed)?, new.next().map_err(failed)?) {
            (None, None) => return Ok(position),
            (Some(left), Some(right)) if record(left)? == record(right)? => position += 1,
            _ => return Err(RecoverError::Differs { position }),
        }
    }
}

/// A value too long to be ours is compared by its length alone; no reader will see it.
const ALL: &str = "SELECT key, length(sealed), CASE WHEN length(sealed) <= ?1 THEN sealed END \
     FROM record ORDER BY key";

fn record<'a>(row: &'a rusqlite::Row<'_>) -> Result<[ValueRef<'a>; 3], RecoverError> {
    let column = |index| row.get_ref(index).map_err(failed);
    Ok([column(0)?, column(1)?, column(2)?])
}

fn failed(error: rusqlite::Error) -> RecoverError {
    let meaning = meaning(&error);
    let failure = BackendFailure::new("copying the store", error);
    match meaning {
        Meaning::Full => RecoverError::Full(failure),
        Meaning::Damaged | Meaning::Held | Meaning::Sync | Meaning::Other => RecoverError::Copy(failure),
    }
}
