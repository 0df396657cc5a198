//! A store in memory that shows a test every moment at which a process could have ended.

use std::sync::Arc;

use strongroom_keeper::{Keeper, OpenError, StartReport};
use strongroom_store::{Batch, CommitError, DataDirectory, Limits, Store, StoreError, Visit};
use strongroom_testkit::store::MemoryStore;

use crate::site::Site;

/// Called before and after each commit, with the store as it is then.
type Watcher = Box<dyn Fn(&MemoryStore) + Send + Sync>;

pub struct Watched {
    store: MemoryStore,
    watcher: Watcher,
}

impl Watched {
    pub fn new(store: MemoryStore, watcher: impl Fn(&MemoryStore) + Send + Sync + 'static) -> Self {
        Self { store, watcher: Box::new(watcher) }
    }
}

impl Store for Watched {
    fn limits(&self) -> Limits {
        self.store.limits()
    }

    fn read(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.store.read(keys)
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(prefix, visit)
    }

    fn commit(&self, batch: &Batch<'_>) -> Result<(), CommitError> {
        (self.watcher)(&self.store);
        let outcome = self.store.commit(batch);
        (self.watcher)(&self.store);
        outcome
    }

    fn scrub(&self) -> Result<(), StoreError> {
        self.store.scrub()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Opens the instance of a site over this store.
pub fn open_over(site: &Site, store: impl Store + 'static) -> Result<(Keeper, StartReport), OpenError> {
    let directory = DataDirectory::open_or_create(site.path("data")).unwrap();
    Keeper::open_with(site.settings(), directory, Arc::new(store))
}

/// The same, expected to be unlocked.
pub fn start_over(site: &Site, store: impl Store + 'static) -> Keeper {
    let (keeper, report) = open_over(site, store).unwrap();
    assert_eq!(report.locked, None, "{:?}", report.explanation);
    keeper
}
