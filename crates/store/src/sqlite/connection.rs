//! A connection with every setting made and read back.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::open::OpenError;
use crate::Limits;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Writes; there is one.
    Writer,
    /// Reads a few records at a time; there are several.
    Reader,
    /// Walks through many records.
    Scanner,
}

/// SQLite did not take a setting that the store relies on.
#[derive(Debug, thiserror::Error)]
#[error("SQLite has {setting} = {found} where {wanted} is needed")]
pub struct SettingError {
    /// Which setting.
    pub setting: &'static str,
    /// What it has to be.
    pub wanted: i64,
    /// What SQLite says it is.
    pub found: i64,
}

/// How long a lock of a foreign program is waited for. Inside the process nothing waits for SQLite's locks.
pub(super) const FOREIGN_LOCK: Duration = Duration::from_secs(5);

/// Pages the writer remembers, in KiB (negative by SQLite's convention): random updates stay in memory.
const WRITER_CACHE: i64 = -32_768;
/// Enough for all inner pages and the key pages of some 200,000 records. Readers forget their
/// pages at every commit, so more would seldom help.
const READER_CACHE: i64 = -12_288;
const SCANNER_CACHE: i64 = -8_192;

/// After a long scan has held up the WAL, the file shrinks to this when it starts over.
const WAL_KEPT: i64 = 64 << 20;

const PAGE_SIZE: i64 = 4096;

/// What we ask of a hostile file at most: sizes of text, statements and programs as
/// <https://www.sqlite.org/security.html> proposes, far above what our own statements need.
const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, LONGEST),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 10_000),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 20),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 3),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 8),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
];

/// Longest value or row SQLite handles: the longest value, its key and the row's header.
const LONGEST: i32 = (Limits::LOCAL.value_bytes + 1024) as i32;

/// Opens `path`, an absolute path, which must exist.
pub(super) fn open(path: &Path, role: Role) -> Result<Connection, OpenError> {
    let access = match role {
        Role::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Role::Reader | Role::Scanner => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = access
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).map_err(OpenError::reading)?;
    restrict(&connection, role).map_err(OpenError::reading)?;
    set_up(&connection, role)?;
    Ok(connection)
}

/// Turns an empty database into one in WAL mode.
pub(super) fn use_wal(connection: &Connection) -> Result<(), OpenError> {
    set(connection, "page_size", PAGE_SIZE)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(OpenError::reading)?;
    check_wal(connection)
}

/// Refuses a database that is not in WAL mode: ours is from the moment it has its name.
pub(super) fn check_wal(connection: &Connection) -> Result<(), OpenError> {
    let mode: String =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(OpenError::reading)?;
    if mode == "wal" { Ok(()) } else { Err(OpenError::NotWal) }
}

/// Switches off what a hostile schema could use. This reads nothing from the file.
fn restrict(connection: &Connection, role: Role) -> rusqlite::Result<()> {
    connection.busy_timeout(FOREIGN_LOCK)?;
    for (option, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        // Behind a failed sync nothing may be written, so closing must not write by itself.
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    ] {
        connection.set_db_config(option, on)?;
    }
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value)?;
    }
    // VACUUM attaches its copy.
    let attached = if role == Role::Writer { 1 } else { 0 };
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, attached)?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(())
}

fn set_up(connection: &Connection, role: Role) -> Result<(), OpenError> {
    set(connection, "trusted_schema", 0)?;
    set(connection, "cell_size_check", 1)?;
    set(connection, "mmap_size", 0)?;
    match role {
        Role::Reader => set(connection, "cache_size", READER_CACHE),
        Role::Scanner => set(connection, "cache_size", SCANNER_CACHE),
        Role::Writer => {
            set(connection, "cache_size", WRITER_CACHE)?;
            set(connection, "secure_delete", 1)?;
            set(connection, "wal_autocheckpoint", 0)?;
            set(connection, "journal_size_limit", WAL_KEPT)?;
            // 2 is FULL: every COMMIT syncs the WAL.
            set(connection, "synchronous", 2)
        }
    }
}

/// Sets a pragma and reads it back.
fn set(connection: &Connection, setting: &'static str, wanted: i64) -> Result<(), OpenError> {
    // Some pragmas answer with a row, some do not; only what is read back counts.
    connection
        .pragma_update_and_check(None, setting, wanted, |_| Ok(()))
        .or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            error => Err(error),
        })
        .map_err(OpenError::reading)?;
    let found: i64 = connection.pragma_query_value(None, setting, |row| row.get(0)).map_err(OpenError::reading)?;
    if found == wanted { Ok(()) } else { Err(OpenError::Setting(SettingError { setting, wanted, found })) }
}
