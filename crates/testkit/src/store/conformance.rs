//! What every store must do, asked of each in the same calls.

mod durability;
mod moments;
mod records;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use strongroom_store::{Batch, Change, CommitError, Store};

/// Runs the whole suite; `make` yields a new, empty store each time. Panics at the first difference.
pub fn run(make: &dyn Fn() -> Box<dyn Store>) {
    records::run(make);
    moments::run(make);
    durability::run(make);
}

/// Shorthands in which the suite speaks to a store.
trait Asked {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), CommitError>;
    fn delete(&self, key: &[u8]) -> Result<(), CommitError>;
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    fn all(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)>;
}

impl Asked for dyn Store + '_ {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), CommitError> {
        self.commit(&Batch { absent: vec![], changes: vec![Change::Put { key, value }] })
    }

    fn delete(&self, key: &[u8]) -> Result<(), CommitError> {
        self.commit(&Batch { absent: vec![], changes: vec![Change::Delete { key }] })
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut values = self.read(&[key]).expect("a conforming store reads");
        assert_eq!(values.len(), 1, "one answer per key");
        values.remove(0)
    }

    fn all(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        self.scan(prefix, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .expect("a conforming store scans");
        found
    }
}

/// The records a store must hold, to compare it with.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn applied(model: &mut Model, changes: &[Change<'_>]) {
    for change in changes {
        match *change {
            Change::Put { key, value } => model.insert(key.to_vec(), value.to_vec()),
            Change::Delete { key } => model.remove(key),
        };
    }
}

fn assert_holds(store: &dyn Store, model: &Model) {
    let expected: Vec<_> = model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert!(store.all(b"") == expected, "the store holds what was committed, in order");
}
