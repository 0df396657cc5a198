//! What the store is expected to hold: record key → generation and tag, and name → id, in memory.

use std::collections::{BTreeMap, BinaryHeap, HashMap};

use strongroom_engine::name::Name;
use strongroom_engine::rule::NameChange;
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Tag};

/// The expected generation and tag of one record, packed: the index is the largest thing in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    generation: [u8; 8],
    tag: Tag,
}

impl Expected {
    /// For a record that was written at `generation` with `tag`.
    pub fn new(generation: Generation, tag: Tag) -> Self {
        Self { generation: generation.0.to_be_bytes(), tag }
    }
    /// The expected generation.
    pub fn generation(&self) -> Generation {
        Generation(u64::from_be_bytes(self.generation))
    }
    /// The expected tag.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }
}

/// The index of one store.
#[derive(Default)]
pub struct Index {
    entries: HashMap<[u8; RecordKey::LENGTH], Expected>,
    counts: HashMap<RecordKind, u64>,
    names: HashMap<RecordKind, BTreeMap<Name, Named>>,
}

/// What a name stands for.
#[derive(Clone, Copy)]
struct Named {
    id: Id,
    /// The record that is probably read next: a secret's current version. Never trusted; nil when nothing is known.
    next: Id,
}

impl Index {
    /// What is expected at `key`.
    pub fn get(&self, key: RecordKey) -> Option<Expected> {
        self.entries.get(&key.to_bytes()).copied()
    }

    /// The generation expected at `key`; [`Generation::NONE`] when nothing is.
    pub fn generation(&self, key: RecordKey) -> Generation {
        self.get(key).map_or(Generation::NONE, |expected| expected.generation())
    }

    /// Expects a record.
    pub fn set(&mut self, key: RecordKey, expected: Expected) {
        if self.entries.insert(key.to_bytes(), expected).is_none() {
            *self.counts.entry(key.kind).or_default() += 1;
        }
    }

    /// Expects none any more.
    pub fn remove(&mut self, key: RecordKey) {
        if self.entries.remove(&key.to_bytes()).is_some()
            && let Some(count) = self.counts.get_mut(&key.kind)
        {
            *count -= 1;
        }
    }

    /// Room for so many records, so that a start does not grow the table step by step.
    pub fn reserve(&mut self, records: usize) {
        self.entries.reserve(records);
    }

    /// A copy without the names: what a scan beside running work compares with.
    pub fn expectations(&self) -> Self {
        Self { entries: self.entries.clone(), counts: self.counts.clone(), names: HashMap::new() }
    }

    /// Number of expected records.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Number of expected records of a kind.
    pub fn count_of(&self, kind: RecordKind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Every expected record in rising order of keys.
    pub fn sorted(&self) -> Vec<(RecordKey, Expected)> {
        let mut all: Vec<_> = self.entries.iter().map(|(key, expected)| (*key, *expected)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all.into_iter()
            .filter_map(|(key, expected)| RecordKey::from_bytes(&key).ok().map(|key| (key, expected)))
            .collect()
    }

    /// The keys of every expected record of one kind, in rising order.
    pub fn keys_of(&self, kind: RecordKind) -> Vec<RecordKey> {
        let mut keys: Vec<_> = self
            .entries
            .keys()
            .filter(|key| key[0] == kind.byte())
            .filter_map(|key| RecordKey::from_bytes(key).ok())
            .collect();
        keys.sort_unstable_by_key(RecordKey::to_bytes);
        keys
    }

    /// At most `limit` ids of a kind without names, greater than `after`, rising: the smallest of them, without sorting all.
    pub fn ids(&self, kind: RecordKind, after: Option<Id>, limit: usize) -> Vec<Id> {
        let mut smallest = BinaryHeap::with_capacity(limit + 1);
        let of_kind = self.entries.keys().filter(|key| key[0] == kind.byte());
        for id in of_kind.filter_map(|key| RecordKey::from_bytes(key).ok()).map(|key| key.id) {
            let is_wanted = after.is_none_or(|after| id > after);
            let is_small = smallest.len() < limit || smallest.peek().is_some_and(|largest| id < *largest);
            if is_wanted && is_small {
                smallest.push(id);
                if smallest.len() > limit {
                    smallest.pop();
                }
            }
        }
        smallest.into_sorted_vec()
    }

    /// The id that `name` stands for.
    pub fn id_of(&self, kind: RecordKind, name: &Name) -> Option<Id> {
        self.names.get(&kind)?.get(name).map(|named| named.id)
    }

    /// The record that is probably read after the one that `name` stands for.
    pub fn next_of(&self, kind: RecordKind, name: &Name) -> Option<Id> {
        let named = self.names.get(&kind)?.get(name)?;
        (named.next != Id::NIL).then_some(named.next)
    }

    /// Remembers which record was read after the one that `name` stands for.
    pub fn note_next(&mut self, kind: RecordKind, name: &Name, next: Id) {
        if let Some(named) = self.names.get_mut(&kind).and_then(|names| names.get_mut(name)) {
            named.next = next;
        }
    }

    /// Sets all names of a kind at once; from sorted input the tree is dense.
    pub fn set_names(&mut self, kind: RecordKind, mut names: Vec<(Name, Id, Option<Id>)>) {
        names.sort_unstable();
        let named = |(name, id, next): (_, _, Option<Id>)| (name, Named { id, next: next.unwrap_or(Id::NIL) });
        self.names.insert(kind, names.into_iter().map(named).collect());
    }

    /// Number of names of a kind.
    pub fn name_count(&self, kind: RecordKind) -> u64 {
        self.names.get(&kind).map_or(0, |names| names.len() as u64)
    }

    /// All names of a kind with their ids, in order.
    pub fn names_of(&self, kind: RecordKind) -> impl Iterator<Item = (&Name, &Id)> {
        self.names.get(&kind).into_iter().flatten().map(|(name, named)| (name, &named.id))
    }

    /// At most `limit` names that begin with `prefix` and are greater than `after`.
    pub fn page(&self, kind: RecordKind, prefix: &str, after: Option<&str>, limit: usize) -> Vec<(Name, Id)> {
        let Some(names) = self.names.get(&kind) else { return Vec::new() };
        let start = match after {
            Some(after) if after >= prefix => std::ops::Bound::Excluded(after),
            _ => std::ops::Bound::Included(prefix),
        };
        names
            .range::<str, _>((start, std::ops::Bound::Unbounded))
            .take_while(|(name, _)| name.as_str().starts_with(prefix))
            .take(limit)
            .map(|(name, named)| (name.clone(), named.id))
            .collect()
    }

    /// Carries out what a change does to the names of its kind; `next` is what will probably be read after the record.
    pub fn change_name(&mut self, key: RecordKey, change: &NameChange, next: Option<Id>) {
        let names = self.names.entry(key.kind).or_default();
        let named = Named { id: key.id, next: next.unwrap_or(Id::NIL) };
        match change {
            NameChange::None => {}
            NameChange::Take(name) => {
                names.insert(name.clone(), named);
            }
            NameChange::Move { from, to } => {
                names.remove(from);
                names.insert(to.clone(), named);
            }
            NameChange::Free(name) => {
                names.remove(name);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn index(names: &[&str]) -> Index {
        let mut index = Index::default();
        let names =
            names.iter().enumerate().map(|(number, name)| (Name::parse(name).unwrap(), Id([number as u8; 16]), None));
        index.set_names(RecordKind::Secret, names.collect());
        index
    }

    #[test]
    fn pages_follow_the_prefix_and_the_cursor() {
        let index = index(&["a/1", "a/2", "a/3", "ab", "b"]);
        let page = |prefix, after, limit| -> Vec<String> {
            index.page(RecordKind::Secret, prefix, after, limit).iter().map(|(name, _)| name.to_string()).collect()
        };
        assert_eq!(page("a/", None, 2), ["a/1", "a/2"]);
        assert_eq!(page("a/", Some("a/2"), 2), ["a/3"]);
        assert_eq!(page("a", Some("a/3"), 9), ["ab"]);
        assert_eq!(page("", None, 9), ["a/1", "a/2", "a/3", "ab", "b"]);
        assert_eq!(page("b/", None, 9), Vec::<String>::new());
    }

    #[test]
    fn what_is_read_next_goes_with_the_name() {
        let mut index = Index::default();
        let (name, key) = (Name::parse("a").unwrap(), RecordKey::new(RecordKind::Secret, Id([1; 16])));
        index.change_name(key, &NameChange::Take(name.clone()), Some(Id([2; 16])));
        assert_eq!(index.next_of(RecordKind::Secret, &name), Some(Id([2; 16])));
        index.note_next(RecordKind::Secret, &name, Id([3; 16]));
        assert_eq!(index.next_of(RecordKind::Secret, &name), Some(Id([3; 16])));
        index.change_name(key, &NameChange::Free(name.clone()), None);
        index.note_next(RecordKind::Secret, &name, Id([4; 16]));
        assert_eq!((index.next_of(RecordKind::Secret, &name), index.id_of(RecordKind::Secret, &name)), (None, None));
        // Whoever takes the name later is not read with what belonged to another.
        let other = RecordKey::new(RecordKind::Secret, Id([5; 16]));
        index.change_name(other, &NameChange::Take(name.clone()), None);
        assert_eq!(
            (index.next_of(RecordKind::Secret, &name), index.id_of(RecordKind::Secret, &name)),
            (None, Some(other.id))
        );
    }

    #[test]
    fn an_entry_costs_no_padding() {
        assert_eq!(size_of::<([u8; RecordKey::LENGTH], Expected)>(), 41);
    }
}
