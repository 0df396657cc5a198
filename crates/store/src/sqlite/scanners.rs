//! Scans: walks through many records on connections of their own, so that point reads never wait for them.

use std::ops::ControlFlow;
use std::path::PathBuf;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::{Connection, params};

use super::connection::{self, Role};
use super::failure::store_error;
use super::open::OpenError;
use super::readers::bytes;
use crate::{BackendFailure, Limits, StoreError, Visit};

/// Connections for scans, opened when needed: a scan holds its snapshot for as long as it runs.
pub(super) struct Scanners {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// How many scans run. A count, because a visitor may scan again while somebody waits to pause.
    running: Mutex<usize>,
    ended: Condvar,
}

/// No scan runs while this lives.
pub(super) struct ScansPaused<'a>(#[allow(dead_code)] MutexGuard<'a, usize>);

impl Scanners {
    pub(super) fn new(path: PathBuf) -> Scanners {
        Scanners { path, idle: Mutex::default(), running: Mutex::new(0), ended: Condvar::new() }
    }

    pub(super) fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.with(|connection| walk(connection, prefix, visit).map_err(|error| store_error("scanning records", error)))
    }

    pub(super) fn check_pages(&self) -> Result<(), StoreError> {
        self.with(|connection| {
            let finding = first_finding(connection).map_err(|error| store_error("checking the pages", error))?;
            match finding {
                None => Ok(()),
                Some(finding) => Err(StoreError::Damaged(BackendFailure::new("checking the pages", finding))),
            }
        })
    }

    /// Waits for the scans that run and holds up those that come.
    pub(super) fn pause(&self) -> ScansPaused<'_> {
        let mut running = self.running.lock();
        self.ended.wait_while(&mut running, |running| *running > 0);
        ScansPaused(running)
    }

    pub(super) fn pause_if_idle(&self) -> Option<ScansPaused<'_>> {
        self.running.try_lock().filter(|running| **running == 0).map(ScansPaused)
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let _running = Running::begin(self);
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::open(&self.path, Role::Scanner).map_err(unopened)?,
        };
        let result = work(&connection);
        // Its pages are of no use to the next scan; a connection that cannot give them back is closed.
        if connection.execute_batch("PRAGMA shrink_memory").is_err() {
            return result;
        }
        self.idle.lock().push(connection);
        result
    }
}

/// Counts one scan for as long as it lives, also if its visitor panics.
struct Running<'a>(&'a Scanners);

impl Running<'_> {
    fn begin(scanners: &Scanners) -> Running<'_> {
        *scanners.running.lock() += 1;
        Running(scanners)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running.lock() -= 1;
        self.0.ended.notify_all();
    }
}

/// The first thing SQLite's integrity check says, if it is not content.
pub(super) fn first_finding(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let finding: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((finding != "ok").then_some(finding))
}

fn walk(connection: &Connection, prefix: &[u8], visit: &mut Visit<'_>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(RANGE)?;
    let mut rows = statement.query(params![prefix, end(prefix), Limits::LOCAL.value_bytes as i64])?;
    while let Some(row) = rows.next()? {
        if visit(bytes(row.get_ref(0)?), bytes(row.get_ref(1)?)) == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}

/// Keys are at most 64 bytes, so nothing of ours sorts behind the end that stands for "no end".
const RANGE: &str = "SELECT key, CASE WHEN length(sealed) <= ?3 THEN sealed ELSE x'' END \
     FROM record WHERE key >= ?1 AND key < ?2 ORDER BY key";

/// The first key behind all that begin with `prefix`.
fn end(prefix: &[u8]) -> Vec<u8> {
    match prefix.iter().rposition(|byte| *byte != 0xff) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end
        }
        None => vec![0xff; Limits::LOCAL.key_bytes + 1],
    }
}

fn unopened(error: OpenError) -> StoreError {
    StoreError::Failed(BackendFailure::new("opening a connection for a scan", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_key_that_does_not_begin_with_it() {
        let check = |prefix: &[u8], expected: &[u8]| assert_eq!(end(prefix), expected);
        check(b"ab", b"ac");
        check(b"a\xff", b"b");
        check(b"a\xff\xff", b"b");
        check(b"\x00", b"\x01");
        check(b"", &[0xff; 65]);
        check(b"\xff\xff", &[0xff; 65]);
    }
}
