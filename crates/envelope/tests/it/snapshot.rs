//! Snapshot pages: split, sealed, read back and put together; what does not fit is refused.

use strongroom_crypto::SealingKey;
use strongroom_envelope::body;
use strongroom_envelope::snapshot::{
    Assembly, AssemblyRefusal, IndexEntry, KeyedCommit, MOST_PAGE_BYTES, Page, SnapshotHead, pages,
};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::log::body_class;
use crate::vector::{Vector, check_all};

#[test]
fn vectors() {
    check_all("snapshot", 24, |vector| {
        let key = RecordKey::snapshot(vector.u64("epoch"), vector.u64("page"));
        let mut scratch = SecretBytes::new();
        match Page::open(&vector.sealing(), key, &vector.bytes("sealed"), &mut scratch) {
            Ok((page, _)) => {
                assert_eq!(page, expected(vector));
                assert_eq!(body::encode(&page), vector.bytes("body"));
                assert_eq!(page.record_key(), key);
                "ok".into()
            }
            Err(error) => body_class(error).into(),
        }
    });
}

fn expected(vector: &Vector) -> Page {
    let entry = |entry: &Vector| IndexEntry {
        key: entry.record_key("key"),
        generation: Generation(entry.u64("generation")),
        tag: entry.array("tag"),
        name_tag: Some(entry.array("name_tag")).filter(|tag| *tag != [0; 8]),
    };
    let commit = |commit: &Vector| KeyedCommit {
        id: commit.id("id"),
        epoch: commit.u64("epoch"),
        time: Timestamp(commit.i64("time")),
    };
    Page {
        head: SnapshotHead {
            epoch: vector.u64("epoch"),
            incarnation: vector.id("incarnation"),
            log_hash: vector.array("log_hash"),
        },
        page: vector.u64("page"),
        pages: vector.u64("pages"),
        entries: vector.list("entries").iter().map(entry).collect(),
        commits: vector.list("commits").iter().map(commit).collect(),
        record_count: vector.u64("record_count"),
    }
}

const HEAD: SnapshotHead = SnapshotHead { epoch: 10_000, incarnation: Id([1; 16]), log_hash: [2; 32] };

fn index(count: usize) -> Vec<IndexEntry> {
    (0..count)
        .map(|n| IndexEntry {
            key: RecordKey::new(RecordKind::Secret, Id::v7(n as i64, [3; 10])),
            generation: Generation::new(1 + n as u64, 7),
            tag: [4; 16],
            name_tag: Some([5; 8]),
        })
        .collect()
}

fn keyed(count: usize) -> Vec<KeyedCommit> {
    (0..count)
        .map(|n| KeyedCommit { id: Id::v7(n as i64, [5; 10]), epoch: n as u64, time: Timestamp(n as i64) })
        .collect()
}

#[test]
fn pages_hold_everything_and_fit() {
    let sealing = SealingKey::new(&[1; 32]);
    let full = (MOST_PAGE_BYTES - 256) / IndexEntry::LENGTH;
    let sizes = [
        (0, 0, 1),
        (1, 0, 1),
        (0, 1, 1),
        (full, 0, 1),
        (full, 1, 2),
        (full + 1, 1, 2),
        (3, 16_000, 1),
        (3, 16_400, 2),
        (100_000, 50_000, 13),
    ];
    for (records, commits, expected_pages) in sizes {
        let (entries, commits) = (index(records), keyed(commits));
        let (mut all_entries, mut all_commits) = (Vec::new(), Vec::new());
        let mut assembly: Option<Assembly> = None;
        let mut count = 0;
        for page in pages(HEAD, entries.iter().copied(), &commits) {
            let mut sealed = Vec::new();
            page.seal(&sealing, 7, &mut sealed);
            assert!(sealed.len() <= MOST_PAGE_BYTES, "{} bytes", sealed.len());
            let key = RecordKey::snapshot(HEAD.epoch, count);
            let opened = Page::open(&sealing, key, &sealed, &mut SecretBytes::new());
            assert_eq!(opened.unwrap().0, page);
            match &mut assembly {
                None => assembly = Some(Assembly::begin(&page).unwrap()),
                Some(assembly) => assembly.add(&page).unwrap(),
            }
            all_entries.extend_from_slice(&page.entries);
            all_commits.extend_from_slice(&page.commits);
            count += 1;
        }
        assert_eq!(count, expected_pages, "{records} records");
        assert_eq!(all_entries, entries);
        assert_eq!(all_commits, commits);
        assert_eq!(assembly.unwrap().finish(), Ok(HEAD));
    }
}

#[test]
fn pages_of_two_snapshots_do_not_mix() {
    let entries = index(30_000);
    let three: Vec<Page> = pages(HEAD, entries.iter().copied(), &[]).collect();
    assert_eq!(three.len(), 3);
    let begin = || Assembly::begin(&three[0]).unwrap();

    assert!(matches!(Assembly::begin(&three[1]), Err(AssemblyRefusal::Order { .. })));
    assert!(matches!(begin().add(&three[2]), Err(AssemblyRefusal::Order { .. })));
    assert!(matches!(begin().add(&three[0]), Err(AssemblyRefusal::Order { .. })));
    assert!(matches!(begin().finish(), Err(AssemblyRefusal::Incomplete { expected: 3, found: 1 })));
    let changes: [&dyn Fn(&mut Page); 5] = [
        &|page| page.pages = 4,
        &|page| page.record_count -= 1,
        &|page| page.head.incarnation = Id([9; 16]),
        &|page| page.head.log_hash = [9; 32],
        &|page| page.head.epoch += 1,
    ];
    for change in changes {
        let mut other = three[1].clone();
        change(&mut other);
        assert!(matches!(begin().add(&other), Err(AssemblyRefusal::Disagreement { page: 1 })));
    }
    let mut back = three[1].clone();
    back.entries[0] = three[0].entries[5];
    assert!(matches!(begin().add(&back), Err(AssemblyRefusal::Entries { page: 1 })));
    back.entries[0] = *three[0].entries.last().unwrap();
    assert!(matches!(begin().add(&back), Err(AssemblyRefusal::Entries { page: 1 })), "an entry on two pages");
    let mut fewer = begin();
    let mut short = three[1].clone();
    short.entries.pop();
    fewer.add(&short).unwrap();
    fewer.add(&three[2]).unwrap();
    assert!(matches!(fewer.finish(), Err(AssemblyRefusal::Count { expected: 30_000, .. })));
}

#[test]
fn every_byte_of_a_sealed_page_matters() {
    let sealing = SealingKey::new(&[1; 32]);
    let page = pages(HEAD, index(3).into_iter(), &keyed(2)).next().unwrap();
    let mut sealed = Vec::new();
    page.seal(&sealing, 7, &mut sealed);
    let mut scratch = SecretBytes::new();
    let mut opens = |key: RecordKey, sealed: &[u8]| Page::open(&sealing, key, sealed, &mut scratch).is_ok();
    let key = page.record_key();
    assert!(opens(key, &sealed));
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 0x20;
        assert!(!opens(key, &flipped), "byte {at}");
        assert!(!opens(key, &sealed[..at]), "{at} bytes");
    }
    assert!(!opens(key, &[&sealed[..], &[0]].concat()));
    assert!(!opens(RecordKey::snapshot(10_000, 1), &sealed), "at another page");
    assert!(!opens(RecordKey::snapshot(10_001, 0), &sealed), "at another epoch");
}
