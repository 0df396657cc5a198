//! The one writer: commits batches, keeps the WAL short, and stops for good after a failed write.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};

use super::connection::FOREIGN_LOCK;
use super::failure::{Meaning, meaning, store_error};
use super::files::Files;
use super::open::OpenError;
use crate::{BackendFailure, Batch, Change, CommitError, StoreError};

/// A WAL this many times too long holds up point reads for a moment, so that it can start over.
const PATIENCE: usize = 8;

pub(super) struct Writer {
    connection: Connection,
    files: Files,
    /// Pages in the WAL after the last commit, told by SQLite.
    wal_pages: Arc<AtomicUsize>,
    /// From how many pages on the WAL is copied back.
    long: usize,
    /// At how many pages that is due next.
    checkpoint_at: usize,
    /// Read by those who must not wait for the writer.
    stopped: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn new(mut connection: Connection, files: Files, long: usize) -> Result<Writer, OpenError> {
        let wal_pages = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&wal_pages);
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                told.store(usize::try_from(pages).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(OpenError::reading)?;
        Ok(Writer { connection, files, wal_pages, long, checkpoint_at: long, stopped: Arc::default() })
    }

    pub(super) fn stopped(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }

    /// Commits `batch`. `pause` holds up reads if no scan runs; the WAL can start over only then.
    pub(super) fn commit<P>(
        &mut self,
        batch: &Batch<'_>,
        pause: impl FnOnce() -> Option<P>,
    ) -> Result<(), CommitError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(CommitError::Stopped);
        }
        self.checkpoint_if_due(pause)?;
        self.begin()?;
        if let Err(error) = apply(&self.connection, batch) {
            return Err(self.roll_back(error));
        }
        self.connection.execute_batch("COMMIT").map_err(|error| self.commit_failed(error))
    }

    /// Rewrites the database without its free pages.
    pub(super) fn vacuum(&mut self) -> Result<(), StoreError> {
        self.check_writing()?;
        let result = self.connection.execute_batch("VACUUM");
        result.map_err(|error| self.maintenance_failed("rewriting the store", error))
    }

    /// Copies the WAL back and cuts it to nothing. No read or scan may run.
    pub(super) fn empty_wal(&mut self) -> Result<(), StoreError> {
        self.check_writing()?;
        let checkpoint = checkpoint(&self.connection, "PRAGMA wal_checkpoint(TRUNCATE)")
            .map_err(|error| self.maintenance_failed("emptying the WAL", error))?;
        if checkpoint.busy {
            return Err(StoreError::Held(BackendFailure::new("emptying the WAL", "another program reads the store")));
        }
        self.wal_pages.store(0, Ordering::Relaxed);
        self.checkpoint_at = self.long;
        // SQLite does not sync after cutting, and a crash must not bring old bytes back.
        sync(&self.files.wal()).map_err(|error| {
            self.stop();
            StoreError::Failed(BackendFailure::new("syncing the emptied WAL", error))
        })
    }

    /// Ends with one file that stands alone. All other connections must be closed.
    pub(super) fn close(mut self) -> Result<(), StoreError> {
        self.empty_wal()?;
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            .map_err(|error| store_error("closing", error))?;
        self.connection.close().map_err(|(_, error)| store_error("closing", error))?;
        sync(&self.files.database())
            .map_err(|error| StoreError::Failed(BackendFailure::new("syncing the store", error)))?;
        self.files.sync().map_err(|error| StoreError::Failed(BackendFailure::new("syncing the directory", error)))
    }

    /// Keeps the WAL short. It is done before a batch, never behind its commit, so that a failed
    /// sync is noticed before anything else is promised.
    fn checkpoint_if_due<P>(&mut self, pause: impl FnOnce() -> Option<P>) -> Result<(), CommitError> {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        if pages < self.checkpoint_at {
            return Ok(());
        }
        let paused = if pages >= self.long.saturating_mul(PATIENCE) { pause() } else { None };
        let done = match paused {
            Some(_) => self.start_over(),
            None => checkpoint(&self.connection, "PRAGMA wal_checkpoint(PASSIVE)"),
        };
        match done {
            // A scan holds up the rest; looking again at every commit would cost more than it brings.
            Ok(done) if !done.complete => self.checkpoint_at = pages.saturating_add(self.long),
            Ok(_) => self.checkpoint_at = self.long,
            Err(error) => match meaning(&error) {
                // The WAL still takes commits, or says itself that it is full.
                Meaning::Held | Meaning::Full => self.checkpoint_at = pages.saturating_add(self.long),
                meaning @ (Meaning::Damaged | Meaning::Sync | Meaning::Other) => {
                    if meaning == Meaning::Sync {
                        self.stop();
                    }
                    let source = BackendFailure::new("copying the WAL back", error);
                    return Err(CommitError::Failed { source });
                }
            },
        }
        Ok(())
    }

    /// Copies the WAL back while nobody reads, so that the next commit writes at its beginning.
    fn start_over(&self) -> rusqlite::Result<Checkpoint> {
        // A foreign program that reads is not waited for: the next time will do.
        self.connection.busy_timeout(Duration::ZERO)?;
        let done = checkpoint(&self.connection, "PRAGMA wal_checkpoint(RESTART)");
        self.connection.busy_timeout(FOREIGN_LOCK)?;
        done
    }

    fn begin(&self) -> Result<(), CommitError> {
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(|error| CommitError::Failed { source: BackendFailure::new("beginning the transaction", error) })
    }

    /// Before COMMIT: nothing of the batch is there, whatever the error was.
    fn roll_back(&mut self, refusal: Refusal) -> CommitError {
        let rolled_back = self.undo();
        if !rolled_back {
            self.stop();
        }
        let error = match refusal {
            Refusal::Present(key) => return CommitError::Precondition { key },
            Refusal::Engine(error) => error,
        };
        if meaning(&error) == Meaning::Full {
            return CommitError::Full;
        }
        CommitError::Failed { source: BackendFailure::new("applying the changes", error) }
    }

    /// COMMIT itself failed. A full volume fails a write before the commit record is whole, so
    /// that is known; a failed sync may or may not have reached the disk.
    fn commit_failed(&mut self, error: rusqlite::Error) -> CommitError {
        if meaning(&error) == Meaning::Full && self.undo() {
            return CommitError::Full;
        }
        self.stop();
        CommitError::Unknown { source: BackendFailure::new("committing", error) }
    }

    /// Ends the transaction; SQLite may have done so itself.
    fn undo(&self) -> bool {
        self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok()
    }

    fn maintenance_failed(&mut self, attempted: &'static str, error: rusqlite::Error) -> StoreError {
        if meaning(&error) == Meaning::Sync {
            self.stop();
        }
        store_error(attempted, error)
    }

    fn check_writing(&self) -> Result<(), StoreError> {
        if self.stopped.load(Ordering::Acquire) { Err(StoreError::Stopped) } else { Ok(()) }
    }

    /// After a failed sync the kernel may call pages clean that never reached the disk, so nothing
    /// is written on top of them: this handle is done, and the next open copies the store.
    fn stop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // The volume is failing; without the mark the next open still replays the WAL.
        let _ = self.files.mark();
    }
}

/// Why a batch was not applied.
enum Refusal {
    Present(Vec<u8>),
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Refusal {
        Refusal::Engine(error)
    }
}

fn apply(connection: &Connection, batch: &Batch<'_>) -> Result<(), Refusal> {
    let mut exists = connection.prepare_cached("SELECT 1 FROM record WHERE key = ?1")?;
    for key in &batch.absent {
        if exists.exists([key])? {
            return Err(Refusal::Present(key.to_vec()));
        }
    }
    let mut put = connection.prepare_cached(
        "INSERT INTO record(key, sealed) VALUES(?1, ?2) \
         ON CONFLICT(key) DO UPDATE SET sealed = excluded.sealed",
    )?;
    let mut delete = connection.prepare_cached("DELETE FROM record WHERE key = ?1")?;
    for change in &batch.changes {
        match *change {
            Change::Put { key, value } => put.execute(params![key, value])?,
            Change::Delete { key } => delete.execute([key])?,
        };
    }
    Ok(())
}

struct Checkpoint {
    /// Another program's read held it up.
    busy: bool,
    /// The whole WAL is copied back.
    complete: bool,
}

fn checkpoint(connection: &Connection, pragma: &str) -> rusqlite::Result<Checkpoint> {
    connection.prepare_cached(pragma)?.query_row([], |row| {
        let (busy, pages, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Checkpoint { busy, complete: !busy && pages == copied })
    })
}

/// Syncs a file SQLite has not open, or a WAL, which it never locks.
fn sync(path: &Path) -> std::io::Result<()> {
    Files::sync_file(path)
}
