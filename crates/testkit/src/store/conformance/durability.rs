//! Long histories, scrubbing and closing: the records stay what they are.

use strongroom_store::{Batch, Change, CommitError, Store};

use super::{Asked, Model, applied, assert_holds};
use crate::store::memory::split_mix;

pub(super) fn run(make: &dyn Fn() -> Box<dyn Store>) {
    for seed in 0..3 {
        a_random_history_equals_the_model(&*make(), seed);
    }
    scrubbing_changes_no_record(&*make());
    make().close().expect("an untouched store closes");
    let store = make();
    store.put(b"a", b"1").expect("commits");
    store.close().expect("a used store closes");
}

fn a_random_history_equals_the_model(store: &dyn Store, seed: u64) {
    let mut state = seed;
    let mut drawn = |below: u64| split_mix(&mut state) % below;
    let mut model = Model::new();
    for _ in 0..150 {
        let keys: Vec<Vec<u8>> = (0..=drawn(6)).map(|_| vec![drawn(3) as u8; 1 + drawn(4) as usize]).collect();
        let values: Vec<Vec<u8>> = keys.iter().map(|_| vec![drawn(256) as u8; drawn(3000) as usize]).collect();
        let changes: Vec<Change<'_>> = keys
            .iter()
            .zip(&values)
            .map(|(key, value)| match drawn(4) {
                0 => Change::Delete { key },
                _ => Change::Put { key, value },
            })
            .collect();
        let absent: Vec<&[u8]> = match drawn(3) {
            0 => vec![&keys[0]],
            _ => vec![],
        };
        let allowed = absent.iter().all(|key| !model.contains_key(*key));
        match store.commit(&Batch { absent, changes: changes.clone() }) {
            Ok(()) if allowed => applied(&mut model, &changes),
            Err(CommitError::Precondition { key }) if !allowed => assert_eq!(key, keys[0]),
            other => panic!("seed {seed}: {other:?} where allowed is {allowed}"),
        }
        assert_holds(store, &model);
    }
}

fn scrubbing_changes_no_record(store: &dyn Store) {
    let mut model = Model::new();
    for round in 0..4u8 {
        let keys: Vec<[u8; 2]> = (0..100).map(|number| [number, round]).collect();
        let value = [round; 700];
        let mut changes: Vec<_> = keys.iter().map(|key| Change::Put { key, value: &value }).collect();
        let gone: Vec<Vec<u8>> = model.keys().filter(|key| key[0] % 2 == 0).cloned().collect();
        changes.extend(gone.iter().map(|key| Change::Delete { key }));
        applied(&mut model, &changes);
        store.commit(&Batch { absent: vec![], changes }).expect("commits");
        store.scrub().expect("scrubs");
        assert_holds(store, &model);
    }
    store.scrub().expect("scrubs again");
    store.delete(&[1, 0]).expect("commits after a scrub");
}
