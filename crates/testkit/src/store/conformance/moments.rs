//! Moments: what one read or scan shows belongs together, whatever is committed meanwhile.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_store::{Batch, Change, Store};

use super::Asked;

pub(super) fn run(make: &dyn Fn() -> Box<dyn Store>) {
    a_commit_is_seen_by_all_at_once(&*make());
    a_scan_does_not_see_later_commits(&*make());
    a_visitor_may_read_and_scan(&*make());
    readers_never_see_half_a_batch(&*make());
}

fn a_commit_is_seen_by_all_at_once(store: &dyn Store) {
    for number in 0..50u8 {
        store.put(b"a", &[number]).expect("commits");
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert_eq!(store.get(b"a"), Some(vec![number])));
            }
        });
        assert_eq!(store.all(b"a"), vec![(b"a".to_vec(), vec![number])]);
    }
}

fn a_scan_does_not_see_later_commits(store: &dyn Store) {
    let keys: Vec<[u8; 2]> = (0..500u16).map(u16::to_be_bytes).collect();
    let changes = keys.iter().map(|key| Change::Put { key, value: b"before" }).collect();
    store.commit(&Batch { absent: vec![], changes }).expect("commits");
    let mut seen = 0;
    store
        .scan(b"", &mut |key, value| {
            assert_eq!((key, value), (&keys[seen][..], &b"before"[..]));
            seen += 1;
            if seen == 3 {
                let changes = keys.iter().map(|key| Change::Put { key, value: b"after" });
                let changes = changes.chain([Change::Delete { key: &keys[400] }]).collect();
                store.commit(&Batch { absent: vec![], changes }).expect("commits during a scan");
                assert_eq!(store.get(&keys[10]).as_deref(), Some(&b"after"[..]));
            }
            ControlFlow::Continue(())
        })
        .expect("scans");
    assert_eq!(seen, keys.len());
    assert_eq!(store.all(b"").len(), keys.len() - 1);
}

fn a_visitor_may_read_and_scan(store: &dyn Store) {
    for key in [b"a1", b"a2", b"b1"] {
        store.put(key, b"v").expect("commits");
    }
    let mut pairs = 0;
    store
        .scan(b"a", &mut |outer, _| {
            assert!(store.get(outer).is_some());
            pairs += store.all(b"").len();
            ControlFlow::Continue(())
        })
        .expect("scans");
    assert_eq!(pairs, 6);
}

/// A writer sets eight records to the same number, again and again, and now and then deletes all;
/// readers compare.
fn readers_never_see_half_a_batch(store: &dyn Store) {
    let keys: Vec<[u8; 2]> = (0..8).map(|number| [b'k', number]).collect();
    let asked: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..400u32 {
                let value = number.to_be_bytes();
                let change = |key| match number % 7 {
                    0 => Change::Delete { key },
                    _ => Change::Put { key, value: &value },
                };
                let changes = asked.iter().map(|key| change(*key)).collect();
                store.commit(&Batch { absent: vec![], changes }).expect("commits");
            }
            done.store(true, Ordering::Release);
        });
        for count in [2, 3, 8] {
            let (asked, done) = (&asked[..count], &done);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let values = store.read(asked).expect("reads");
                    assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let found = store.all(b"k");
                assert!(found.is_empty() || found.len() == keys.len(), "{found:?}");
                assert!(found.iter().all(|(_, value)| *value == found[0].1), "{found:?}");
            }
        });
    });
}
