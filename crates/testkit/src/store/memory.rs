//! A store in memory whose commits can be made to fail and whose records can be changed behind its user's back.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_store::{BackendFailure, Batch, Change, CommitError, Limits, Store, StoreError, Visit};

/// How one commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// [`CommitError::Full`]: nothing is written, later commits may work.
    Full,
    /// [`CommitError::Failed`]: nothing is written, later commits may work.
    Failed,
    /// [`CommitError::Unknown`], and the batch is there after a restart.
    UnknownApplied,
    /// [`CommitError::Unknown`], and the batch is not there.
    UnknownLost,
}

/// Which commits fail, counted from 1 over all handles and restarts.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    scripted: BTreeMap<u64, Fault>,
    random: Option<Random>,
}

#[derive(Debug, Clone)]
struct Random {
    state: u64,
    per_mille: u64,
}

impl Faults {
    /// Every commit succeeds.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// The `nth` commit fails with `fault`.
    #[must_use]
    pub fn at(mut self, nth: u64, fault: Fault) -> Faults {
        self.scripted.insert(nth, fault);
        self
    }

    /// About `per_mille` of a thousand commits fail, each kind equally often; one seed, one history.
    pub fn seeded(seed: u64, per_mille: u64) -> Faults {
        Faults { scripted: BTreeMap::new(), random: Some(Random { state: seed, per_mille }) }
    }

    fn next(&mut self, nth: u64) -> Option<Fault> {
        let random = self.random.as_mut().and_then(Random::next);
        self.scripted.remove(&nth).or(random)
    }
}

impl Random {
    fn next(&mut self) -> Option<Fault> {
        let drawn = split_mix(&mut self.state);
        let kinds = [Fault::Full, Fault::Failed, Fault::UnknownApplied, Fault::UnknownLost];
        (drawn % 1000 < self.per_mille).then(|| kinds[(drawn >> 32) as usize % kinds.len()])
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// One commit that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number, counted from 1 over all attempts.
    pub nth: u64,
    /// Whether the committer was told.
    pub acknowledged: bool,
    /// What changed.
    pub changes: Vec<RecordedChange>,
}

/// One change of a recorded commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedChange {
    /// Which record.
    pub key: Vec<u8>,
    /// Its value before, if it was there.
    pub before: Option<Vec<u8>>,
    /// Its value afterwards; none if it was deleted.
    pub after: Option<Vec<u8>>,
}

/// A store in memory. Clones share the records, so a test keeps one and hands another to the code under test.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    history: Vec<Recorded>,
    attempts: u64,
    faults: Faults,
    stopped: bool,
    unreadable: bool,
}

impl MemoryStore {
    /// An empty store without faults.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Replaces the faults to come.
    pub fn set_faults(&self, faults: Faults) {
        self.inner.lock().faults = faults;
    }

    /// The commit after the next `skip` ones fails with `fault`.
    pub fn fail_after(&self, skip: u64, fault: Fault) {
        let mut inner = self.inner.lock();
        let nth = inner.attempts + skip + 1;
        inner.faults.scripted.insert(nth, fault);
    }

    /// While set, every read and scan fails.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.inner.lock().unreadable = unreadable;
    }

    /// The process ends and starts again: commits are taken again after an unknown outcome.
    pub fn restart(&self) {
        self.inner.lock().stopped = false;
    }

    /// Every commit that was applied, in order.
    pub fn history(&self) -> Vec<Recorded> {
        self.inner.lock().history.clone()
    }

    /// How many commits were attempted.
    pub fn attempts(&self) -> u64 {
        self.inner.lock().attempts
    }

    /// All records.
    pub fn records(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.inner.lock().records.clone()
    }

    /// An independent store with the same records: the file as a thief or a backup has it.
    pub fn copied(&self) -> MemoryStore {
        let copy = MemoryStore::new();
        copy.inner.lock().records = self.records();
        copy
    }

    /// An independent store as it was after the first `commits` applied commits: the crash image
    /// of every moment, and the rolled-back store.
    pub fn as_of(&self, commits: usize) -> MemoryStore {
        let mut records = self.records();
        for recorded in self.history().iter().skip(commits).rev() {
            for change in recorded.changes.iter().rev() {
                set(&mut records, &change.key, change.before.clone());
            }
        }
        let copy = MemoryStore::new();
        copy.inner.lock().records = records;
        copy
    }

    /// Puts all records of `other` in the place of these.
    pub fn replace_all(&self, other: &MemoryStore) {
        let records = other.records();
        self.inner.lock().records = records;
    }

    /// Sets or removes a record behind the store's user.
    pub fn tamper(&self, key: &[u8], value: Option<Vec<u8>>) {
        set(&mut self.inner.lock().records, key, value);
    }

    /// Inverts bits of the byte at `offset` of a record; says whether there is such a byte.
    pub fn flip(&self, key: &[u8], offset: usize, bits: u8) -> bool {
        let mut inner = self.inner.lock();
        match inner.records.get_mut(key).and_then(|value| value.get_mut(offset)) {
            Some(byte) => {
                *byte ^= bits;
                true
            }
            None => false,
        }
    }

    /// Exchanges the values of two records; says whether both are there.
    pub fn swap(&self, one: &[u8], other: &[u8]) -> bool {
        let mut inner = self.inner.lock();
        let (Some(first), Some(second)) = (inner.records.get(one).cloned(), inner.records.get(other).cloned()) else {
            return false;
        };
        inner.records.insert(one.to_vec(), second);
        inner.records.insert(other.to_vec(), first);
        true
    }

    /// The values a record had, oldest first, the present one included.
    pub fn versions(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let inner = self.inner.lock();
        let changes = inner.history.iter().flat_map(|recorded| &recorded.changes);
        changes.filter(|change| change.key == key).filter_map(|change| change.after.clone()).collect()
    }
}

impl Store for MemoryStore {
    fn limits(&self) -> Limits {
        Limits::LOCAL
    }

    fn read(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let inner = self.inner.lock();
        inner.check_readable()?;
        Ok(keys.iter().map(|key| inner.records.get(*key).map(|value| handed_out(value).to_vec())).collect())
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let snapshot = {
            let inner = self.inner.lock();
            inner.check_readable()?;
            inner.records.clone()
        };
        for (key, value) in snapshot.range(prefix.to_vec()..) {
            if !key.starts_with(prefix) || visit(key, handed_out(value)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn commit(&self, batch: &Batch<'_>) -> Result<(), CommitError> {
        self.limits().check(batch)?;
        self.inner.lock().commit(batch)
    }

    fn scrub(&self) -> Result<(), StoreError> {
        if self.inner.lock().stopped { Err(StoreError::Stopped) } else { Ok(()) }
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.scrub()
    }
}

impl Inner {
    fn check_readable(&self) -> Result<(), StoreError> {
        if self.unreadable {
            return Err(StoreError::Failed(BackendFailure::new("reading records", "scripted fault")));
        }
        Ok(())
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        if self.stopped {
            return Err(CommitError::Stopped);
        }
        self.attempts += 1;
        let fault = self.faults.next(self.attempts);
        let scripted = || BackendFailure::new("committing", "scripted fault");
        match fault {
            Some(Fault::Full) => return Err(CommitError::Full),
            Some(Fault::Failed) => return Err(CommitError::Failed { source: scripted() }),
            Some(Fault::UnknownLost) => {
                self.stopped = true;
                return Err(CommitError::Unknown { source: scripted() });
            }
            Some(Fault::UnknownApplied) | None => {}
        }
        if let Some(key) = batch.absent.iter().find(|key| self.records.contains_key(**key)) {
            return Err(CommitError::Precondition { key: key.to_vec() });
        }
        self.apply(batch, fault.is_none());
        if fault.is_some() {
            self.stopped = true;
            return Err(CommitError::Unknown { source: scripted() });
        }
        Ok(())
    }

    fn apply(&mut self, batch: &Batch<'_>, acknowledged: bool) {
        let changes = batch.changes.iter().map(|change| {
            let (key, after) = match *change {
                Change::Put { key, value } => (key, Some(value.to_vec())),
                Change::Delete { key } => (key, None),
            };
            let before = set(&mut self.records, key, after.clone());
            RecordedChange { key: key.to_vec(), before, after }
        });
        let changes = changes.collect();
        self.history.push(Recorded { nth: self.attempts, acknowledged, changes });
    }
}

/// Longer values than any of ours are handed out empty, as the trait says.
fn handed_out(value: &[u8]) -> &[u8] {
    if value.len() > Limits::LOCAL.value_bytes { &[] } else { value }
}

fn set(records: &mut BTreeMap<Vec<u8>, Vec<u8>>, key: &[u8], value: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match value {
        Some(value) => records.insert(key.to_vec(), value),
        None => records.remove(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &MemoryStore, value: u8) -> Result<(), CommitError> {
        let value = [value];
        let changes = vec![Change::Put { key: b"a", value: &value }, Change::Delete { key: b"b" }];
        store.commit(&Batch { absent: vec![], changes })
    }

    fn value(store: &MemoryStore) -> Option<Vec<u8>> {
        store.records().get(&b"a"[..]).cloned()
    }

    #[test]
    fn scripted_commits_fail_as_scripted() {
        let store = MemoryStore::new();
        let faults = Faults::none().at(2, Fault::Full).at(3, Fault::Failed).at(5, Fault::UnknownApplied);
        store.set_faults(faults.at(8, Fault::UnknownLost));
        assert!(put(&store, 1).is_ok());
        assert!(matches!(put(&store, 2), Err(CommitError::Full)));
        assert!(matches!(put(&store, 3), Err(CommitError::Failed { .. })));
        assert!(put(&store, 4).is_ok());
        assert!(matches!(put(&store, 5), Err(CommitError::Unknown { .. })));
        assert_eq!(value(&store), Some(vec![5]), "unknown, and there");
        assert!(matches!(put(&store, 6), Err(CommitError::Stopped)));
        store.restart();
        assert!(put(&store, 6).is_ok() && put(&store, 7).is_ok());
        assert!(matches!(put(&store, 8), Err(CommitError::Unknown { .. })));
        assert_eq!(value(&store), Some(vec![7]), "unknown, and not there");
        let acknowledged: Vec<_> = store.history().iter().map(|one| (one.nth, one.acknowledged)).collect();
        assert_eq!(acknowledged, [(1, true), (4, true), (5, false), (6, true), (7, true)]);
    }

    #[test]
    fn every_earlier_moment_can_be_had() {
        let store = MemoryStore::new();
        for number in 1..=3 {
            assert!(put(&store, number).is_ok());
        }
        let moments: Vec<_> = (0..=3).map(|commits| value(&store.as_of(commits))).collect();
        assert_eq!(moments, [None, Some(vec![1]), Some(vec![2]), Some(vec![3])]);
        assert_eq!(store.versions(b"a"), [[1], [2], [3]]);
        store.replace_all(&store.as_of(1));
        assert_eq!(value(&store), Some(vec![1]), "rolled back");
    }

    #[test]
    fn records_can_be_changed_behind_the_user() {
        let store = MemoryStore::new();
        assert!(put(&store, 1).is_ok());
        store.tamper(b"b", Some(vec![9]));
        assert!(store.swap(b"a", b"b") && store.flip(b"a", 0, 0x80));
        assert_eq!(value(&store), Some(vec![0x89]));
        assert!(!store.flip(b"a", 1, 1) && !store.swap(b"a", b"none"));
        let thief = store.copied();
        store.tamper(b"a", None);
        assert_eq!((value(&store), value(&thief)), (None, Some(vec![0x89])));
    }

    #[test]
    fn one_seed_is_one_history() {
        let history = |seed| {
            let store = MemoryStore::new();
            store.set_faults(Faults::seeded(seed, 300));
            let outcomes: Vec<_> = (0..200)
                .map(|number| {
                    let outcome = put(&store, number).is_ok();
                    store.restart();
                    outcome
                })
                .collect();
            outcomes
        };
        assert_eq!(history(7), history(7));
        assert_ne!(history(7), history(8));
        let failed = history(7).iter().filter(|acknowledged| !**acknowledged).count();
        assert!((30..90).contains(&failed), "three of ten fail: {failed} of 200");
    }
}
