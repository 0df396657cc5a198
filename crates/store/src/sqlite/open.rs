//! Opening: create, recover, examine, and only then hand out a store.

use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::SqliteStore;
use super::connection::{self, Role, SettingError};
use super::failure::{Meaning, meaning};
use super::files::Files;
use super::readers::Readers;
use super::recovery::{self, RecoverError};
use super::scanners::Scanners;
use super::schema;
use super::writer::Writer;
use crate::BackendFailure;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Make a store where there is none.
    pub create: bool,
    /// Number of connections for [`read`](crate::Store::read).
    pub readers: usize,
    /// From how many pages (of 4 KiB) on the WAL is copied back before the next batch.
    ///
    /// Longer WALs save copying pages that change again and again; shorter ones make reads and
    /// the next open faster.
    pub wal_pages: usize,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        OpenOptions { create: true, readers: (cores + 2).clamp(4, 16), wal_pages: 1000 }
    }
}

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none, and it was not to be made.
    #[error("there is no store at {path}")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file of the store could not be handled.
    #[error("{attempted} {path} failed")]
    File {
        /// What was attempted.
        attempted: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// In the place of a file lies a link, something that is no file, a file of another user or
    /// one that has a second name.
    #[error("{path} is not a plain file of this user with a single name")]
    ForeignEntry {
        /// What was refused.
        path: PathBuf,
    },
    /// A file lies beside the database that belongs to another one, or to none.
    #[error("{path} does not belong to this store; it would be replayed into it")]
    LeftOver {
        /// What was refused.
        path: PathBuf,
    },
    /// The file is a database, but not ours.
    #[error("the file is no Strongroom store (application id {application_id:#010x})")]
    ForeignFile {
        /// Whose it says it is.
        application_id: i32,
    },
    /// The file was written by a newer version.
    #[error("the store has format {found}; this version knows {known}")]
    Newer {
        /// Its format.
        found: i32,
        /// The newest we know.
        known: i32,
    },
    /// The file names a format that never was.
    #[error("the store has format {found}, which does not exist")]
    UnknownFormat {
        /// What it names.
        found: i32,
    },
    /// The schema is not ours byte for byte.
    #[error("the store's schema is not ours: {entry}")]
    ForeignSchema {
        /// The first entry that differs.
        entry: String,
    },
    /// A row has a key that no write of ours can make.
    #[error("the store holds a row whose key is no key of ours")]
    ForeignRow,
    /// The database is not in WAL mode.
    #[error("the store is not in WAL mode, so it is not as we left it")]
    NotWal,
    /// SQLite did not take a setting.
    #[error(transparent)]
    Setting(SettingError),
    /// Its pages contradict each other, or it is no database at all.
    #[error("the store is damaged")]
    Damaged(#[source] BackendFailure),
    /// Another program holds it.
    #[error("the store is held by another program")]
    Held(#[source] BackendFailure),
    /// The volume is full.
    #[error("the volume of the store is full")]
    Full(#[source] BackendFailure),
    /// The recovery that an earlier failure asked for did not succeed; nothing was replaced.
    #[error("recovering the store after a failed write did not succeed")]
    Recover(#[source] Box<RecoverError>),
    /// SQLite failed otherwise.
    #[error("the store failed")]
    Failed(#[source] BackendFailure),
}

impl OpenError {
    pub(super) fn file(attempted: &'static str, path: &Path, source: io::Error) -> OpenError {
        OpenError::File { attempted, path: path.to_path_buf(), source }
    }

    /// SQLite failed while the file was being opened and examined.
    pub(super) fn reading(error: rusqlite::Error) -> OpenError {
        let meaning = meaning(&error);
        let failure = BackendFailure::new("opening the database", error);
        match meaning {
            Meaning::Damaged => OpenError::Damaged(failure),
            Meaning::Held => OpenError::Held(failure),
            Meaning::Full => OpenError::Full(failure),
            Meaning::Sync | Meaning::Other => OpenError::Failed(failure),
        }
    }
}

pub(super) fn open(directory: &Path, options: &OpenOptions) -> Result<SqliteStore, OpenError> {
    let files = Files::of(directory)?;
    files.replace_recovered()?;
    let found = files.examine()?;
    let marked = files.is_marked()?;
    if !found && (marked || !options.create) {
        return Err(OpenError::Missing { path: files.database() });
    }
    let recovery = match marked {
        true => Some(recovery::copy(&files).map_err(|error| OpenError::Recover(Box::new(error)))?),
        false => None,
    };
    if !found {
        create(&files)?;
    }
    let connection = examined(&files.database())?;
    // Examining it made the WAL. SQLite syncs its name with the first commit but does not look
    // whether that worked, so it is done here, where a failure shows.
    files.sync()?;
    let readers = Readers::open(&files.database(), options.readers)?;
    let scanners = Scanners::new(files.database());
    let writer = Writer::new(connection, files, options.wal_pages)?;
    let stopped = writer.stopped();
    Ok(SqliteStore { writer: Mutex::new(writer), readers, scanners, recovery, stopped })
}

/// A writing connection to a file that is ours; opening it replays the WAL.
pub(super) fn examined(path: &Path) -> Result<Connection, OpenError> {
    let connection = connection::open(path, Role::Writer)?;
    schema::check(&connection)?;
    connection::check_wal(&connection)?;
    Ok(connection)
}

/// Makes the database under another name, so that it is whole from the moment it has its own.
fn create(files: &Files) -> Result<(), OpenError> {
    let path = files.start_unfinished()?;
    let connection = connection::open(&path, Role::Writer)?;
    connection::use_wal(&connection)?;
    schema::write(&connection).map_err(OpenError::reading)?;
    finish(connection)?;
    files.finish_creation()
}

/// Folds the WAL in and closes, so that the file stands alone.
pub(super) fn finish(connection: Connection) -> Result<(), OpenError> {
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .and_then(|()| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false))
        .map_err(OpenError::reading)?;
    connection.close().map_err(|(_, error)| OpenError::reading(error))
}
