//! The store on one machine: a single SQLite file in WAL mode, one writer, many readers.

mod connection;
mod failure;
mod files;
mod open;
mod readers;
mod recovery;
mod scanners;
mod schema;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

pub use connection::SettingError;
pub use files::{DATABASE_FILE, RECOVERY_MARKER};
pub use open::{OpenError, OpenOptions};
pub use recovery::{RecoverError, Recovery, recover};

use crate::{Batch, CommitError, Limits, Store, StoreError, Visit};
use failure::store_error;
use readers::Readers;
use scanners::Scanners;
use writer::Writer;

/// An ordered map in `store.db` of a data directory.
///
/// The caller holds the [`DataDirectory`](crate::DataDirectory) for as long as the store is open.
pub struct SqliteStore {
    // In this order they are dropped: the last connection to go removes the WAL, and only the writer may.
    readers: Readers,
    scanners: Scanners,
    writer: Mutex<Writer>,
    recovery: Option<Recovery>,
    stopped: Arc<AtomicBool>,
}

impl SqliteStore {
    /// Opens the store in `directory`, and makes it if there is none.
    ///
    /// When an earlier process could not tell what became of a commit, the store is first copied
    /// as [`recover`] does.
    pub fn open(directory: &Path, options: OpenOptions) -> Result<SqliteStore, OpenError> {
        open::open(directory, &options)
    }

    /// Whether there is no record at all.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        self.readers.is_empty().map_err(|error| store_error("looking for a record", error))
    }

    /// What opening had to recover, if anything: worth an alarm, because a write had failed.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    /// Whether a failed write has ended writing, so that every commit answers [`CommitError::Stopped`].
    pub fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Compares every page with every other; [`StoreError::Damaged`] carries the first finding.
    ///
    /// Takes time in proportion to the file. It judges pages, not records: those are sealed.
    pub fn check_pages(&self) -> Result<(), StoreError> {
        self.scanners.check_pages()
    }
}

impl Store for SqliteStore {
    fn limits(&self) -> Limits {
        Limits::LOCAL
    }

    fn read(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.readers.read(keys).map_err(|error| store_error("reading records", error))
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.scanners.scan(prefix, visit)
    }

    fn commit(&self, batch: &Batch<'_>) -> Result<(), CommitError> {
        self.limits().check(batch)?;
        self.writer.lock().commit(batch, || Some((self.scanners.pause_if_idle()?, self.readers.pause())))
    }

    fn scrub(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        writer.vacuum()?;
        let _scans = self.scanners.pause();
        let _reads = self.readers.pause();
        writer.empty_wal()
    }

    fn fold(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        let _scans = self.scanners.pause();
        let _reads = self.readers.pause();
        writer.empty_wal()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        let SqliteStore { writer, readers, scanners, .. } = *self;
        // The last connection to go removes the WAL, so the writer is closed after the others.
        drop(readers);
        drop(scanners);
        writer.into_inner().close()
    }
}
