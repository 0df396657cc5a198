//! Which stored values are sealed under which version of their key: those under the active one are the rule and are not listed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use parking_lot::Mutex;
use strongroom_engine::stored::{Family, SealedUnder, sealed_under};
use strongroom_envelope::{Id, RecordKey, Timestamp};

use crate::index::Index;
use crate::keys::ApplicationKeys;

/// Records by the key version that sealed them, without those of the active version.
type Older = BTreeMap<(Id, u32), BTreeSet<RecordKey>>;

/// The values of an unlocked store that are not sealed under the active version of their key.
#[derive(Default)]
pub struct StoredValues {
    families: [Mutex<State>; Family::ALL.len()],
}

#[derive(Default)]
struct State {
    /// The active version of the family's key.
    active: Option<(Id, u32)>,
    older: Older,
}

/// What the scan of a start found: records by key version.
pub type Found = BTreeMap<(Id, u32), Vec<RecordKey>>;

/// The values that a job is about.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Whose.
    pub family: Family,
    /// Also those that were imported without the layer of an application key.
    pub clear: bool,
}

impl Scope {
    fn holds(self, under: (Id, u32)) -> bool {
        match under {
            AS_DECLARED => false,
            CLEAR => self.clear,
            _ => true,
        }
    }
}

impl State {
    fn listed(&self) -> u64 {
        self.older.values().map(|records| records.len() as u64).sum()
    }

    fn within(&self, scope: Scope) -> impl Iterator<Item = &BTreeSet<RecordKey>> {
        self.older.iter().filter(move |(under, _)| scope.holds(**under)).map(|(_, records)| records)
    }

    fn forget(&mut self, record: RecordKey) {
        self.older.retain(|_, records| {
            records.remove(&record);
            !records.is_empty()
        });
    }
}

impl StoredValues {
    /// After a start: everything that was found, and which versions are active.
    pub fn of(found: Found, keys: &ApplicationKeys) -> Self {
        let stored = Self::default();
        for family in Family::ALL {
            stored.family(family).lock().active = keys.active(family.key_name());
        }
        for (under, records) in found {
            for record in records {
                if let Some(family) = Family::of(record.kind) {
                    let mut state = stored.family(family).lock();
                    if Some(under) != state.active {
                        state.older.entry(under).or_default().insert(record);
                    }
                }
            }
        }
        stored
    }

    /// A key changed: when another version is active, what is stored was sealed under those before. Called by the committer,
    /// between batches.
    pub fn activated(&self, keys: &ApplicationKeys, index: &Index) {
        for family in Family::ALL {
            self.family_activated(family, keys.active(family.key_name()), index);
        }
    }

    fn family_activated(&self, family: Family, active: Option<(Id, u32)>, index: &Index) {
        let mut state = self.family(family).lock();
        if state.active == active {
            return;
        }
        if let Some(before) = state.active {
            let mut under_it: BTreeSet<RecordKey> =
                family.kinds().iter().flat_map(|kind| index.keys_of(*kind)).collect();
            for listed in state.older.values().flatten() {
                under_it.remove(listed);
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
        let Some(family) = Family::of(record.kind) else { return };
        let under = body.and_then(sealed_under).map(listed_as);
        let mut state = self.family(family).lock();
        if state.older.is_empty() && (under.is_none() || under == state.active) {
            return;
        }
        state.forget(record);
        if let Some(under) = under.filter(|under| Some(*under) != state.active) {
            state.older.entry(under).or_default().insert(record);
        }
    }

    /// How many values there are under each version of a key.
    pub fn counts(&self, key: Id, index: &Index) -> Vec<(u32, u64)> {
        let mut counts = Vec::new();
        for family in Family::ALL {
            let state = self.family(family).lock();
            let older = state.older.iter().filter(|(under, _)| under.0 == key && **under != AS_DECLARED);
            counts.extend(older.map(|((_, version), records)| (*version, records.len() as u64)));
            if let Some((_, version)) = state.active.filter(|(id, _)| *id == key) {
                let all: u64 = family.kinds().iter().map(|kind| index.count_of(*kind)).sum();
                counts.push((version, all.saturating_sub(state.listed())));
            }
        }
        counts
    }

    /// How many values are to be sealed again.
    pub fn waiting(&self, scope: Scope) -> u64 {
        self.family(scope.family).lock().within(scope).map(|records| records.len() as u64).sum()
    }

    /// At most `limit` records after `after` that are to be sealed again, in rising order.
    pub fn older(&self, scope: Scope, after: Option<RecordKey>, limit: usize) -> Vec<RecordKey> {
        let state = self.family(scope.family).lock();
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut records: Vec<RecordKey> = state
            .within(scope)
            .flat_map(|listed| listed.range((begin, Bound::Unbounded)).take(limit))
            .copied()
            .collect();
        records.sort_unstable();
        records.truncate(limit);
        records
    }

    /// A record was found under another version than was known; true when that is news.
    pub fn found(&self, record: RecordKey, under: (Id, u32)) -> bool {
        let Some(family) = Family::of(record.kind) else { return false };
        let mut state = self.family(family).lock();
        Some(under) != state.active && state.older.entry(under).or_default().insert(record)
    }

    /// How many values of a family are in clear because that was declared.
    pub fn declared_clear(&self, family: Family) -> u64 {
        self.family(family).lock().older.get(&AS_DECLARED).map_or(0, |records| records.len() as u64)
    }

    /// How many secrets have no layer of an application key at all.
    pub fn unprotected(&self) -> u64 {
        self.family(Family::Secrets).lock().older.get(&CLEAR).map_or(0, |records| records.len() as u64)
    }

    /// When the oldest of them was made; ids of records begin with the time.
    pub fn unprotected_since(&self) -> Option<Timestamp> {
        let oldest = self.family(Family::Secrets).lock().older.get(&CLEAR)?.first()?.id;
        let mut milliseconds = [0; 8];
        milliseconds[2..].copy_from_slice(&oldest.0[..6]);
        Some(Timestamp(i64::from_be_bytes(milliseconds)))
    }

    fn family(&self, family: Family) -> &Mutex<State> {
        &self.families[family as usize]
    }
}

/// Under what a record is listed.
pub const fn listed_as(under: SealedUnder) -> (Id, u32) {
    match under {
        SealedUnder::Key(key, version) => (key, version),
        SealedUnder::Clear => AS_DECLARED,
    }
}

/// Where values are listed that were imported in clear.
const CLEAR: (Id, u32) = (Id::NIL, 0);
/// Where values are listed that are in clear because somebody declared so.
const AS_DECLARED: (Id, u32) = (Id::NIL, u32::MAX);
