//! Which records are still sealed under an older store key: none, but after `key rotate store`.

use std::collections::BTreeSet;
use std::ops::Bound;

use parking_lot::Mutex;
use strongroom_engine::reseal::is_sealed;
use strongroom_envelope::RecordKey;

use crate::index::Index;

/// The records that are to be written again.
#[derive(Default)]
pub struct Resealing {
    older: Mutex<BTreeSet<RecordKey>>,
}

impl Resealing {
    /// After a start: what the scan found.
    pub fn of(found: Vec<RecordKey>) -> Self {
        Self { older: Mutex::new(found.into_iter().collect()) }
    }

    /// Another store key is active: everything that is there was sealed under those before. Called by the committer.
    pub fn begin(&self, index: &Index) {
        let all = index.sorted().into_iter().map(|(key, _)| key).filter(|key| is_sealed(key.kind));
        *self.older.lock() = all.collect();
    }

    /// A record was written, or removed.
    pub fn observe(&self, key: &RecordKey) {
        let mut older = self.older.lock();
        if !older.is_empty() {
            older.remove(key);
        }
    }

    /// A record was found under an older store key; true when that is news.
    pub fn found(&self, key: RecordKey) -> bool {
        self.older.lock().insert(key)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.older.lock().len() as u64
    }

    /// At most `limit` of them after `after`, rising.
    pub fn older(&self, after: Option<RecordKey>, limit: usize) -> Vec<RecordKey> {
        let older = self.older.lock();
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        older.range((begin, Bound::Unbounded)).take(limit).copied().collect()
    }
}
