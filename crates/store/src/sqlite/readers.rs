//! Point reads: a pool of connections with prepared statements, each read one snapshot.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params_from_iter};

use super::connection::{self, Role};
use super::open::OpenError;
use crate::Limits;

/// Read-only connections. A thread comes back to the same one, where its pages are warm.
pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
}

/// No read runs while this lives.
pub(super) struct ReadsPaused<'a>(#[allow(dead_code)] Vec<MutexGuard<'a, Connection>>);

impl Readers {
    pub(super) fn open(path: &Path, count: usize) -> Result<Readers, OpenError> {
        let connections = (0..count.max(1))
            .map(|_| connection::open(path, Role::Reader).map(Mutex::new))
            .collect::<Result<_, _>>()?;
        Ok(Readers { connections })
    }

    pub(super) fn read(&self, keys: &[&[u8]]) -> rusqlite::Result<Vec<Option<Vec<u8>>>> {
        let connection = self.one();
        let values = match keys.len() {
            0 => Ok(Vec::new()),
            count => match STATEMENTS.get(count - 1) {
                Some(statement) => together(&connection, statement, keys),
                None => one_by_one(&connection, ONE, keys),
            },
        };
        match values {
            // A row we cannot have written: find out which, without loading it.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::TooBig) => {
                one_by_one(&connection, ONE_BOUNDED, keys)
            }
            values => values,
        }
    }

    pub(super) fn is_empty(&self) -> rusqlite::Result<bool> {
        self.one().query_row("SELECT NOT EXISTS(SELECT 1 FROM record)", [], |row| row.get(0))
    }

    /// Waits for the reads that run and holds up those that come.
    pub(super) fn pause(&self) -> ReadsPaused<'_> {
        ReadsPaused(self.connections.iter().map(Mutex::lock).collect())
    }

    fn one(&self) -> MutexGuard<'_, Connection> {
        let count = self.connections.len();
        let start = SEAT.with(|seat| *seat) % count;
        (0..count)
            .find_map(|step| self.connections[(start + step) % count].try_lock())
            .unwrap_or_else(|| self.connections[start].lock())
    }
}

thread_local! {
    /// Where this thread begins to look for a free connection.
    static SEAT: usize = NEXT_SEAT.fetch_add(1, Ordering::Relaxed);
}
static NEXT_SEAT: AtomicUsize = AtomicUsize::new(0);

const ONE: &str = "SELECT sealed FROM record WHERE key = ?1";
const ONE_BOUNDED: &str = const {
    // The limit stands in the text, because the statement has one parameter like `ONE`.
    assert!(Limits::LOCAL.value_bytes == 8_388_608);
    "SELECT CASE WHEN length(sealed) <= 8388608 THEN sealed ELSE x'' END FROM record WHERE key = ?1"
};

/// One statement is one snapshot and costs one lock and unlock, so a few keys are read together.
const STATEMENTS: [&str; 4] = [
    ONE,
    "SELECT (SELECT sealed FROM record WHERE key = ?1), (SELECT sealed FROM record WHERE key = ?2)",
    "SELECT (SELECT sealed FROM record WHERE key = ?1), (SELECT sealed FROM record WHERE key = ?2), \
     (SELECT sealed FROM record WHERE key = ?3)",
    "SELECT (SELECT sealed FROM record WHERE key = ?1), (SELECT sealed FROM record WHERE key = ?2), \
     (SELECT sealed FROM record WHERE key = ?3), (SELECT sealed FROM record WHERE key = ?4)",
];

fn together(connection: &Connection, statement: &str, keys: &[&[u8]]) -> rusqlite::Result<Vec<Option<Vec<u8>>>> {
    let row = |row: &Row<'_>| (0..keys.len()).map(|column| value(row, column)).collect();
    connection
        .prepare_cached(statement)?
        .query_row(params_from_iter(keys), row)
        .optional()
        .map(|values| values.unwrap_or_else(|| vec![None; keys.len()]))
}

fn one_by_one(connection: &Connection, statement: &str, keys: &[&[u8]]) -> rusqlite::Result<Vec<Option<Vec<u8>>>> {
    // Prepared like every other statement: parsing BEGIN costs more than a read.
    connection.prepare_cached("BEGIN")?.execute([])?;
    let mut statement = connection.prepare_cached(statement)?;
    let read = |key: &&[u8]| statement.query_row([*key], |row| value(row, 0)).optional();
    let values = keys.iter().map(read).map(|found| found.map(Option::flatten)).collect();
    connection.prepare_cached("COMMIT")?.execute([])?;
    values
}

fn value(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        sealed => Some(bytes(sealed).to_vec()),
    })
}

/// The bytes of a column that can only hold a blob, unless somebody went around SQLite's type check.
pub(super) fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
    }
}
