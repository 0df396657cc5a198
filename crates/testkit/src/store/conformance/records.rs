//! Records: reading, writing, order, preconditions, limits.

use std::ops::ControlFlow;

use strongroom_store::{Batch, Change, CommitError, Limits, Store};

use super::{Asked, Model, applied, assert_holds};

pub(super) fn run(make: &dyn Fn() -> Box<dyn Store>) {
    limits_are_at_least_the_fixed_ones(&*make());
    an_empty_store_holds_nothing(&*make());
    reads_answer_key_by_key(&*make());
    puts_replace_and_deletes_remove(&*make());
    changes_apply_in_order(&*make());
    preconditions_refuse_the_whole_batch(&*make());
    scans_go_in_rising_order(&*make());
    prefixes_select_exactly(&*make());
    values_of_every_size_come_back(&*make());
    broken_limits_change_nothing(&*make());
    large_batches_are_taken(&*make());
}

fn limits_are_at_least_the_fixed_ones(store: &dyn Store) {
    // A commit that fits one store must fit all, so these do not depend on the engine.
    let limits = store.limits();
    assert_eq!(limits.commit_changes, 60);
    assert_eq!(limits.commit_bytes, 1_114_112);
    assert_eq!((limits.key_bytes, limits.value_bytes), (Limits::LOCAL.key_bytes, Limits::LOCAL.value_bytes));
    assert!(limits.batch_commits >= 1 && limits.batch_bytes >= 1_048_576);
}

fn an_empty_store_holds_nothing(store: &dyn Store) {
    assert_eq!(store.read(&[]).expect("reads"), Vec::<Option<Vec<u8>>>::new());
    assert_eq!(store.get(b"a"), None);
    assert_eq!(store.all(b""), vec![]);
    store.commit(&Batch::default()).expect("an empty batch is no error");
    store.delete(b"a").expect("deleting what is not there is no error");
    assert_eq!(store.all(b""), vec![]);
}

fn reads_answer_key_by_key(store: &dyn Store) {
    let keys: Vec<Vec<u8>> = (0..40u8).map(|number| vec![number, 0, 0xff]).collect();
    for key in keys.iter().filter(|key| key[0] % 3 != 0) {
        store.put(key, &[key[0]; 5]).expect("commits");
    }
    for count in 0..keys.len() {
        // Backwards and with one key twice: the answer follows the question.
        let mut asked: Vec<&[u8]> = keys[..count].iter().rev().map(Vec::as_slice).collect();
        asked.extend(keys.get(1).map(Vec::as_slice));
        let expected: Vec<_> = asked.iter().map(|key| (key[0] % 3 != 0).then(|| vec![key[0]; 5])).collect();
        assert_eq!(store.read(&asked).expect("reads"), expected);
    }
}

fn puts_replace_and_deletes_remove(store: &dyn Store) {
    store.put(b"a", b"1").expect("commits");
    store.put(b"a", b"a longer value").expect("commits");
    assert_eq!(store.get(b"a").as_deref(), Some(&b"a longer value"[..]));
    store.put(b"a", b"").expect("commits");
    assert_eq!(store.get(b"a").as_deref(), Some(&b""[..]), "empty is not absent");
    store.delete(b"a").expect("commits");
    assert_eq!(store.get(b"a"), None);
    store.put(b"a", b"2").expect("commits");
    assert_eq!(store.all(b""), vec![(b"a".to_vec(), b"2".to_vec())]);
}

fn changes_apply_in_order(store: &dyn Store) {
    let changes = vec![
        Change::Put { key: b"a", value: b"1" },
        Change::Put { key: b"a", value: b"2" },
        Change::Put { key: b"b", value: b"1" },
        Change::Delete { key: b"b" },
        Change::Delete { key: b"c" },
        Change::Put { key: b"c", value: b"3" },
    ];
    store.commit(&Batch { absent: vec![b"a", b"b"], changes }).expect("commits");
    let expected = vec![(b"a".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"3".to_vec())];
    assert_eq!(store.all(b""), expected);
}

fn preconditions_refuse_the_whole_batch(store: &dyn Store) {
    store.put(b"there", b"1").expect("commits");
    let refused = |absent: Vec<&[u8]>, changes: Vec<Change<'_>>| {
        match store.commit(&Batch { absent, changes }) {
            Err(CommitError::Precondition { key }) => assert_eq!(key, b"there"),
            other => panic!("expected a refusal, got {other:?}"),
        }
        assert_eq!(store.all(b""), vec![(b"there".to_vec(), b"1".to_vec())]);
    };
    refused(vec![b"there"], vec![Change::Put { key: b"new", value: b"2" }]);
    refused(vec![b"new", b"there"], vec![Change::Put { key: b"there", value: b"2" }]);
    // Judged against the state before the batch, not within it.
    refused(vec![b"there"], vec![Change::Delete { key: b"there" }]);
    refused(vec![b"there"], vec![]);
    let changes = vec![Change::Put { key: b"new", value: b"2" }];
    store.commit(&Batch { absent: vec![b"new", b"other"], changes }).expect("all are absent");
    store.delete(b"there").expect("commits");
    let changes = vec![Change::Put { key: b"there", value: b"3" }];
    store.commit(&Batch { absent: vec![b"there"], changes }).expect("a deleted key is absent");
    assert_eq!(store.get(b"there").as_deref(), Some(&b"3"[..]));
}

/// Keys that sort differently by length, as text, as signed bytes or as numbers.
const ODD_KEYS: [&[u8]; 14] = [
    &[0x00],
    &[0x00, 0x00],
    &[0x00, 0x01],
    &[0x01],
    b"A",
    b"Z",
    b"a",
    b"a\x00",
    b"ab",
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0x00],
    &[0xff, 0xff],
];

fn scans_go_in_rising_order(store: &dyn Store) {
    let mut model = Model::new();
    for number in 0..ODD_KEYS.len() {
        let value = [number as u8];
        let changes = vec![Change::Put { key: ODD_KEYS[number * 5 % ODD_KEYS.len()], value: &value }];
        applied(&mut model, &changes);
        store.commit(&Batch { absent: vec![], changes }).expect("commits");
    }
    assert_holds(store, &model);
    let mut seen = 0;
    store
        .scan(b"", &mut |key, _| {
            assert_eq!(key, ODD_KEYS[seen]);
            seen += 1;
            if seen == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .expect("scans");
    assert_eq!(seen, 5, "a scan ends when it is told to");
}

fn prefixes_select_exactly(store: &dyn Store) {
    let changes = ODD_KEYS.iter().map(|key| Change::Put { key, value: b"v" }).collect();
    store.commit(&Batch { absent: vec![], changes }).expect("commits");
    for prefix in ODD_KEYS.iter().copied().chain([&b"B"[..], &b"a\x00\x00"[..], &[0xff; 64][..]]) {
        let found: Vec<_> = store.all(prefix).into_iter().map(|(key, _)| key).collect();
        let expected: Vec<_> = ODD_KEYS.iter().filter(|key| key.starts_with(prefix)).collect();
        assert!(found.iter().map(Vec::as_slice).eq(expected.into_iter().copied()), "{prefix:?}");
    }
}

fn values_of_every_size_come_back(store: &dyn Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    // Around page and overflow boundaries of the engines, and the largest there is.
    let largest = store.limits().value_bytes;
    let sizes = [0, 1, 255, 256, 470, 490, 1000, 4000, 4061, 4096, 8192, 65_536, 1_114_112, largest];
    for (number, size) in sizes.into_iter().enumerate() {
        let value: Vec<u8> = every_byte.iter().copied().cycle().skip(number).take(size).collect();
        let key = vec![number as u8; store.limits().key_bytes - number];
        store.put(&key, &value).expect("commits");
        assert!(store.get(&key) == Some(value), "{size} bytes come back");
    }
    assert_eq!(store.all(b"").len(), sizes.len());
}

fn broken_limits_change_nothing(store: &dyn Store) {
    let limits = store.limits();
    let long_key = vec![b'k'; limits.key_bytes + 1];
    let long_value = vec![0; limits.value_bytes + 1];
    let good = Change::Put { key: b"good", value: b"1" };
    let refused = |absent: Vec<&[u8]>, change: Change<'_>| {
        let result = store.commit(&Batch { absent, changes: vec![good, change] });
        assert!(matches!(result, Err(CommitError::Limit(_))), "{result:?}");
        assert_eq!(store.all(b""), vec![]);
    };
    refused(vec![], Change::Put { key: &long_key, value: b"1" });
    refused(vec![], Change::Put { key: b"", value: b"1" });
    refused(vec![], Change::Delete { key: b"" });
    refused(vec![], Change::Put { key: b"long", value: &long_value });
    refused(vec![&long_key], good);
    store.put(b"good", b"1").expect("the store still commits");
}

fn large_batches_are_taken(store: &dyn Store) {
    // As many changes as the committer may gather, in an order that is not that of the keys.
    let limits = store.limits();
    let count = (limits.batch_commits * limits.commit_changes).min(20_000);
    let keys: Vec<[u8; 8]> =
        (0..count as u64).map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes()).collect();
    let changes = keys.iter().map(|key| Change::Put { key, value: &key[..3] }).collect();
    store.commit(&Batch { absent: keys.iter().map(|key| &key[..]).collect(), changes }).expect("commits");
    assert_eq!(store.all(b"").len(), count);
    let changes = keys.iter().skip(1).map(|key| Change::Delete { key }).collect();
    store.commit(&Batch { absent: vec![], changes }).expect("commits");
    assert_eq!(store.all(b""), vec![(keys[0].to_vec(), keys[0][..3].to_vec())]);
}
