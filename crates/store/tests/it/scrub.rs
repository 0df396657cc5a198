//! Proves that a scrub leaves no byte of what was deleted or overwritten, whoever reads meanwhile.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_store::{Batch, Change, OpenOptions, SqliteStore, Store};

const OLD: &[u8] = b"canary-of-the-old-values";

/// 5,000 records whose old values carry the canary; then they are overwritten by shorter and longer
/// ones and two of three deleted, so that no value that is left carries it.
fn used(directory: &Path) -> SqliteStore {
    let options = OpenOptions { wal_pages: 100, ..OpenOptions::default() };
    let store = SqliteStore::open(directory, options).unwrap();
    let keys: Vec<[u8; 4]> = (0..5_000u32).map(u32::to_be_bytes).collect();
    // In an order and with sizes that make the tree's pages split, merge and shift.
    let spread = |step: usize| (0..5_000).map(move |number| number * step % 5_000);
    type Value<'a> = &'a dyn Fn(usize) -> Option<Vec<u8>>;
    let rounds: [(usize, Value<'_>); 3] = [
        (3_001, &|number| Some(OLD.repeat(1 + number % 40))),
        (1_999, &|number| (number % 3 > 0).then(|| OLD.repeat(40 - number % 40))),
        (4_001, &|number| (number % 3 > 1).then(|| vec![1; number * 7 % 1_100])),
    ];
    for (step, value) in rounds {
        let written: Vec<_> = spread(step).map(|number| (&keys[number], value(number))).collect();
        for chunk in written.chunks(100) {
            let changes = chunk.iter().map(|(key, value)| match value {
                Some(value) => Change::Put { key: *key, value },
                None => Change::Delete { key: *key },
            });
            store.commit(&Batch { absent: vec![], changes: changes.collect() }).unwrap();
        }
    }
    store
}

fn canaries(directory: &Path) -> usize {
    let count = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(OLD.len()).filter(|window| *window == OLD).count()
    };
    std::fs::read_dir(directory).unwrap().map(|entry| count(&entry.unwrap().path())).sum()
}

#[test]
fn no_old_byte_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let store = used(directory.path());
    assert!(canaries(directory.path()) > 0, "without a scrub old values are found");
    store.scrub().unwrap();
    assert_eq!(canaries(directory.path()), 0);
    let wal = std::fs::metadata(directory.path().join("store.db-wal")).unwrap();
    assert_eq!(wal.len(), 0);
}

#[test]
fn readers_and_scans_do_not_keep_old_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let store = used(directory.path());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let key = 2u32.to_be_bytes();
                    assert!(store.read(&[&key]).unwrap()[0].is_some());
                }
            });
        }
        let (begun, wait) = std::sync::mpsc::sync_channel(1);
        let (store, stop) = (&store, &stop);
        scope.spawn(move || {
            // A scan that lasts until the scrub has surely begun to wait for it.
            let mut slow = 0;
            store
                .scan(b"", &mut |_, _| {
                    slow += 1;
                    let _ = begun.try_send(());
                    std::thread::yield_now();
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(slow > 1_600);
        });
        wait.recv().unwrap();
        store.scrub().unwrap();
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(canaries(directory.path()), 0);
}

#[test]
fn a_wal_held_up_by_a_scan_becomes_short_again() {
    let directory = tempfile::tempdir().unwrap();
    let options = OpenOptions { wal_pages: 50, ..OpenOptions::default() };
    let store = SqliteStore::open(directory.path(), options).unwrap();
    let commit = |number: u32| {
        let key = (number % 64).to_be_bytes();
        let value = [number as u8; 3_000];
        let changes = vec![Change::Put { key: &key, value: &value }];
        store.commit(&Batch { absent: vec![], changes }).unwrap();
    };
    let pages = || std::fs::metadata(directory.path().join("store.db-wal")).unwrap().len() / 4_120;
    (0..400).for_each(commit);
    let usual = pages();
    assert!(usual < 120, "without a scan the WAL stays short: {usual} pages");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Readers that overlap at every moment would let it grow without end.
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    store.read(&[&1u32.to_be_bytes(), &2u32.to_be_bytes()]).unwrap();
                }
            });
        }
        (0..800).for_each(commit);
        stop.store(true, Ordering::Relaxed);
    });
    assert!(pages() < 700, "under readers it is bounded: {} pages", pages());
    let mut first = true;
    store
        .scan(b"", &mut |_, _| {
            if std::mem::take(&mut first) {
                (0..800).for_each(commit);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let grown = pages();
    assert!(grown > 700, "a scan keeps its moment: {grown} pages");
    store.scrub().unwrap();
    (0..400).for_each(commit);
    assert!(pages() < 120, "and then it is short again: {} pages", pages());
}
