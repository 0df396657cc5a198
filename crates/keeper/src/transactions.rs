//! Which transactions are neither committed nor rolled back.

use std::collections::BTreeSet;
use std::ops::Bound;

use parking_lot::Mutex;
use strongroom_engine::transaction;
use strongroom_envelope::Id;

/// The unfinished transactions of an unlocked store, in the order they were begun.
#[derive(Default)]
pub struct Unfinished {
    ids: Mutex<BTreeSet<Id>>,
}

impl Unfinished {
    /// After a start: what the scan found.
    pub fn of(found: Vec<Id>) -> Self {
        Self { ids: Mutex::new(found.into_iter().collect()) }
    }

    /// A transaction's record was written, or removed when `body` is none.
    pub fn observe(&self, id: Id, body: Option<&[u8]>) {
        let is_unfinished = matches!(body.and_then(transaction::closed_at), Some(None));
        let mut ids = self.ids.lock();
        if is_unfinished {
            ids.insert(id);
        } else {
            ids.remove(&id);
        }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.ids.lock().len() as u64
    }

    /// At most `limit` of them after `after`, rising.
    pub fn page(&self, after: Option<Id>, limit: usize) -> Vec<Id> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.ids.lock().range((begin, Bound::Unbounded)).take(limit).copied().collect()
    }
}
