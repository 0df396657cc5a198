//! A deterministic history of commits: from a number of commits follows what a store must hold.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use strongroom_store::{Batch, Change, Store};

/// The record that counts the commits; every commit changes it.
pub const COUNTER: &[u8] = b"\x00counter";

/// The records after a number of commits.
#[derive(Default)]
pub struct Workload {
    pub commits: u64,
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Key and new value of each record that a commit changes.
pub type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl Workload {
    pub fn at(commits: u64) -> Workload {
        let mut workload = Workload::default();
        while workload.commits < commits {
            workload.advance();
        }
        workload
    }

    /// The changes of the next commit, which are from now on part of the records.
    pub fn advance(&mut self) -> Changes {
        self.commits += 1;
        let mut state = self.commits;
        let mut drawn = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut changes = vec![(COUNTER.to_vec(), Some(self.commits.to_be_bytes().to_vec()))];
        for index in 0..=drawn(3) {
            let mut key = vec![1];
            key.extend(self.commits.to_be_bytes());
            key.push(index as u8);
            let size = if drawn(12) == 0 { 5_000 + drawn(9_000) } else { drawn(400) };
            changes.push((key, Some(vec![drawn(256) as u8; size as usize])));
        }
        let existing: Vec<&Vec<u8>> = self.records.keys().skip(1).collect();
        for _ in 0..drawn(4) {
            if let Some(key) = existing.get(drawn(1 + existing.len() as u64) as usize) {
                let value = (drawn(3) > 0).then(|| vec![drawn(256) as u8; drawn(900) as usize]);
                changes.push(((*key).clone(), value));
            }
        }
        for (key, value) in &changes {
            match value {
                Some(value) => self.records.insert(key.clone(), value.clone()),
                None => self.records.remove(key),
            };
        }
        changes
    }
}

pub fn batch(changes: &Changes) -> Batch<'_> {
    let changes = changes.iter().map(|(key, value)| match value {
        Some(value) => Change::Put { key, value },
        None => Change::Delete { key },
    });
    Batch { absent: vec![], changes: changes.collect() }
}

/// How many commits the store holds; panics unless it holds exactly those, each whole.
pub fn boundary(store: &dyn Store) -> u64 {
    let mut found = BTreeMap::new();
    store
        .scan(b"", &mut |key, value| {
            assert!(found.insert(key.to_vec(), value.to_vec()).is_none(), "a key comes once");
            ControlFlow::Continue(())
        })
        .unwrap();
    let commits = match found.get(COUNTER) {
        Some(counter) => u64::from_be_bytes(counter.as_slice().try_into().unwrap()),
        None => 0,
    };
    assert!(found == Workload::at(commits).records, "half a commit: not the records after {commits}");
    commits
}
