//! The untrusted ordered map under everything: atomic, durable batches of bytes; it knows no keys and believes nothing.
//!
//! [`Store`] is what the rest of Strongroom sees. [`SqliteStore`] keeps it in one file of a
//! [`DataDirectory`]. Whoever can write the file can change it: what is stored is sealed and
//! listed elsewhere, so this crate promises durability and atomicity, never authenticity.

mod batch;
mod directory;
mod error;
mod sqlite;

use std::ops::ControlFlow;

pub use batch::{Batch, Change, Limit, Limits};
pub use directory::{DataDirectory, DirectoryError};
pub use error::{BackendFailure, CommitError, StoreError};
pub use sqlite::{
    DATABASE_FILE, OpenError, OpenOptions, RECOVERY_MARKER, RecoverError, Recovery, SettingError, SqliteStore, recover,
};

/// An ordered map from short keys to sealed bytes.
///
/// Every implementation passes the same conformance suite (`strongroom_testkit::store::conformance`).
pub trait Store: Send + Sync {
    /// What this store takes in one commit and in one batch.
    fn limits(&self) -> Limits;

    /// The values of `keys`, in their order, as of one moment; `None` where there is none.
    ///
    /// A stored value longer than [`Limits::value_bytes`] was not written by us; it is handed out
    /// empty, so that it fails where every foreign record fails: when it is parsed.
    fn read(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Visits every record whose key begins with `prefix`, in rising order of the keys, as of one
    /// moment, until `visit` breaks. Long values are handed out as in [`Store::read`].
    ///
    /// `visit` may read and scan; it must not call [`Store::scrub`] or [`Store::close`], which wait for scans to end.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Applies `batch` wholly or not at all; when it returns `Ok` the batch is on stable storage.
    ///
    /// Preconditions are judged against the state before the batch; changes apply in order, so the
    /// last one that names a key counts. Called from one thread.
    fn commit(&self, batch: &Batch<'_>) -> Result<(), CommitError>;

    /// Makes old bytes go: afterwards no deleted or overwritten value is left in any file of the
    /// store. Waits for scans that run.
    fn scrub(&self) -> Result<(), StoreError>;

    /// Writes everything to its final place, so that the main file stands alone; the store goes on. What
    /// a clean stop does while others still hold the store.
    fn fold(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes everything to its final place and ends.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// What [`Store::scan`] calls with key and value of each record.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;
