//! Which stored values are sealed under which version of their key: those under the active one are the rule and are not listed.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use strongroom_engine::secret;
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};

use crate::index::Index;

/// Records by the key version that sealed them, without those of the active version.
type Older = BTreeMap<(Id, u32), BTreeSet<Id>>;

/// The values of an unlocked store that are not sealed under the active version of the key for secrets.
#[derive(Default)]
pub struct StoredValues {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    active: Option<(Id, u32)>,
    older: Older,
}

/// What the scan of a start found: records by key version.
pub type Found = BTreeMap<(Id, u32), Vec<Id>>;

impl State {
    /// The records under each version, those without the layer of an application key only where they are wanted.
    fn listed(&self, clear: bool) -> impl Iterator<Item = &BTreeSet<Id>> {
        self.older.iter().filter(move |(under, _)| clear || **under != CLEAR).map(|(_, records)| records)
    }
}

impl StoredValues {
    /// After a start: everything that was found, and which version is active.
    pub fn of(found: Found, active: Option<(Id, u32)>) -> Self {
        let older = found.into_iter().filter(|(under, _)| Some(*under) != active);
        let older = older.map(|(under, records)| (under, records.into_iter().collect())).collect();
        Self { state: Mutex::new(State { active, older }) }
    }

    /// Another version is active: what is stored was sealed under those before. Called by the committer, between batches.
    pub fn activated(&self, active: Option<(Id, u32)>, index: &Index) {
        let mut state = self.state.lock();
        if state.active == active {
            return;
        }
        if let Some(before) = state.active {
            let listed: usize = state.older.values().map(BTreeSet::len).sum();
            let mut under_it: BTreeSet<Id> =
                index.keys_of(RecordKind::SecretVersion).into_iter().map(|key| key.id).collect();
            if listed > 0 {
                state.older.values().flatten().for_each(|listed| {
                    under_it.remove(listed);
                });
            }
            if !under_it.is_empty() {
                state.older.entry(before).or_default().extend(under_it);
            }
        }
        state.active = active;
        if let Some(active) = active {
            // One that was suspended is active again.
            state.older.remove(&active);
        }
    }

    /// A record was written, or removed when `body` is none.
    pub fn observe(&self, record: RecordKey, body: Option<&[u8]>) {
        let under = body.and_then(secret::sealed_under);
        let mut state = self.state.lock();
        if state.older.is_empty() && (under.is_none() || under == state.active) {
            return;
        }
        state.older.retain(|_, records| {
            records.remove(&record.id);
            !records.is_empty()
        });
        if let Some(under) = under.filter(|under| Some(*under) != state.active) {
            state.older.entry(under).or_default().insert(record.id);
        }
    }

    /// How many values there are under each version of a key.
    pub fn counts(&self, key: Id, index: &Index) -> Vec<(u32, u64)> {
        let state = self.state.lock();
        let older = state.older.iter().filter(|((id, _), _)| *id == key);
        let mut counts: Vec<(u32, u64)> =
            older.map(|((_, version), records)| (*version, records.len() as u64)).collect();
        if let Some((_, version)) = state.active.filter(|(id, _)| *id == key) {
            let listed: usize = state.older.values().map(BTreeSet::len).sum();
            let all = index.count_of(RecordKind::SecretVersion);
            counts.push((version, all.saturating_sub(listed as u64)));
        }
        counts
    }

    /// How many values are to be sealed again, whatever they are sealed under.
    pub fn waiting(&self, clear: bool) -> u64 {
        let state = self.state.lock();
        state.listed(clear).map(|records| records.len() as u64).sum()
    }

    /// How many values have no layer of an application key at all.
    pub fn unprotected(&self) -> u64 {
        self.state.lock().older.get(&CLEAR).map_or(0, |records| records.len() as u64)
    }

    /// When the oldest of them was made; ids of records begin with the time.
    pub fn unprotected_since(&self) -> Option<Timestamp> {
        let oldest = *self.state.lock().older.get(&CLEAR)?.first()?;
        let mut milliseconds = [0; 8];
        milliseconds[2..].copy_from_slice(&oldest.0[..6]);
        Some(Timestamp(i64::from_be_bytes(milliseconds)))
    }

    /// At most `limit` records after `after` that are to be sealed again, in rising order.
    pub fn older(&self, after: Option<Id>, limit: usize, clear: bool) -> Vec<Id> {
        let state = self.state.lock();
        let mut records: Vec<Id> = Vec::with_capacity(limit * state.older.len().min(4));
        for listed in state.listed(clear) {
            match after {
                Some(after) => records
                    .extend(listed.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded)).take(limit)),
                None => records.extend(listed.iter().take(limit)),
            }
        }
        records.sort_unstable();
        records.truncate(limit);
        records
    }

    /// A record was found under another version than was known; true when that is news.
    pub fn found(&self, record: Id, under: (Id, u32)) -> bool {
        let mut state = self.state.lock();
        Some(under) != state.active && state.older.entry(under).or_default().insert(record)
    }
}

/// Where values are listed that were imported in clear.
const CLEAR: (Id, u32) = (Id::NIL, 0);
