//! `key rotate store`: every record is sealed again under the new store key, beside all other work and over crashes; the old key
//! stays as long as something in the store needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use strongroom_engine::job::{JobKind, JobState};
use strongroom_engine::key::State;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::RecordKind;
use strongroom_keeper::facade::Failure;
use strongroom_testkit::store::MemoryStore;

use crate::faults::watched::Watched;
use crate::insider::Insider;
use crate::rotation::scene::{Scene, assert_filled, fill, jobs, rows};
use crate::rows::{Row, Rows};
use crate::site::{FOLDERS, Image, admin, findings, put, value};
use crate::trail;

const SECRETS: usize = 2000;

/// The id of the store key that a row's header names (docs/spec/record.md: bytes 4 to 8).
fn store_key(row: &Row) -> [u8; 4] {
    row.1[4..8].try_into().unwrap()
}

/// The store keys of the records that the index lists and a store key seals, by kind.
fn under(rows: &[Row]) -> BTreeMap<u8, BTreeSet<[u8; 4]>> {
    let beside = [RecordKind::Protector, RecordKind::Keyring, RecordKind::Log, RecordKind::Snapshot];
    let mut under = BTreeMap::<u8, BTreeSet<[u8; 4]>>::new();
    for row in rows.iter().filter(|(key, _)| beside.iter().all(|kind| kind.byte() != key[0])) {
        under.entry(row.0[0]).or_default().insert(store_key(row));
    }
    under
}

/// The one store key of all these records.
fn only(rows: &[Row]) -> [u8; 4] {
    let all: BTreeSet<[u8; 4]> = under(rows).into_values().flatten().collect();
    assert_eq!(all.len(), 1, "{:02x?}", under(rows));
    *all.first().unwrap()
}

/// How many records name this store key.
fn counted(rows: &[Row], id: [u8; 4]) -> usize {
    rows.iter().filter(|row| store_key(row) == id).count()
}

/// How many lines prove that nothing is left under a version of the store key.
fn proofs(scene: &Scene, version: u32) -> usize {
    let lines = trail::lines(&scene.site).into_iter();
    let proving = lines.filter(|line| line.operation == "key.reencrypted" && line.target == "store");
    proving.filter(|line| line.outcome == "none_left" && line.key_version == Some(version)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_is_sealed_under_the_new_store_key() {
    let scene = Scene::new();
    let keeper = scene.start();
    fill(&keeper, SECRETS, 0).await;
    let old = only(&Rows::open(&scene.site).all());
    let rotated = keeper.rotate_store(admin(), Some(1), None).await.unwrap();
    assert_eq!((rotated.key.active, rotated.key.versions.len()), (Some(2), 2));
    let over = scene.over(&keeper, rotated.job.unwrap()).await;
    assert_eq!((over.kind, over.state, over.done), (JobKind::Reseal, JobState::Done, over.total));

    let all = Rows::open(&scene.site).all();
    let new = only(&all);
    assert_ne!(new, old);
    let sealed: usize = under(&all).keys().map(|kind| all.iter().filter(|row| row.0[0] == *kind).count()).sum();
    assert_eq!(counted(&all.iter().filter(|row| row.0[0] >= 0x10).cloned().collect::<Vec<_>>(), new), 2 * SECRETS + 5);
    assert!(sealed > 2 * SECRETS + 5, "instance and proof were looked at too");
    assert_eq!(store_key(all.iter().rfind(|row| row.0[0] == RecordKind::Log.byte()).unwrap()), new);
    // Log records are never written again: those of before need the old key, so it is still in the keyring.
    let logs: Vec<Row> = all.iter().filter(|row| row.0[0] == RecordKind::Log.byte()).cloned().collect();
    assert!(counted(&logs, old) > 0);
    let view = keeper.store_key(admin()).await.unwrap();
    let states: Vec<_> = view.versions.iter().map(|version| (version.number, version.state, version.stored)).collect();
    assert_eq!(states, [(1, State::Deactivated, 0), (2, State::Active, view.versions[1].stored)]);
    assert!(view.versions[1].stored >= 2 * SECRETS as u64);
    assert_eq!(proofs(&scene, 1), 1);
    assert_filled(&keeper, SECRETS, 0).await;
    keeper.stop();
    drop(keeper);

    let keeper = scene.start();
    assert_eq!(findings(&keeper).await, BTreeMap::new());
    assert_filled(&keeper, SECRETS, 0).await;
    assert_eq!(only(&Rows::open(&scene.site).all()), new, "also what the stop and the start wrote");
    assert_eq!(keeper.store_key(admin()).await.unwrap().active, Some(2));
    assert_eq!(keeper.verify(admin()).await.unwrap().findings.len(), 0);
    trail::assert_no_line_twice(&scene.site);
    keeper.stop();
}

/// Who reads and writes does not notice: all values are served, and what is written meanwhile is under the new key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_reads_and_writes() {
    let scene = Scene::new();
    let keeper = scene.start();
    fill(&keeper, 300, 0).await;
    let job = keeper.rotate_store(admin(), None, None).await.unwrap().job.unwrap();
    let working = keeper.clone();
    let writer = tokio::spawn(async move {
        for number in 0..300 {
            put(&working, &format!("w/{number}"), format!("{number}").as_bytes()).await.unwrap();
        }
    });
    assert_filled(&keeper, 300, 0).await;
    writer.await.unwrap();
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    only(&Rows::open(&scene.site).all());
    for number in 0..300 {
        assert_eq!(value(&keeper, &format!("w/{number}")).await, format!("{number}").into_bytes());
    }
    keeper.stop();
}

/// Two who expect the same version: one store key is made, and the other is told which version there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rotations_at_once_one_wins() {
    let scene = Scene::new();
    let keeper = scene.start();
    fill(&keeper, 50, 0).await;
    let (one, other) = (keeper.clone(), keeper.clone());
    let one = tokio::spawn(async move { one.rotate_store(admin(), Some(1), None).await });
    let other = tokio::spawn(async move { other.rotate_store(admin(), Some(1), None).await });
    let outcomes = [one.await.unwrap(), other.await.unwrap()];
    let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    let lost: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!((won.len(), lost.len()), (1, 1));
    assert_eq!(*lost[0], Failure::Refused(Refusal::VersionConflict { expected: 1, found: 2 }));
    assert_eq!(scene.over(&keeper, won[0].job.unwrap()).await.state, JobState::Done);
    assert_eq!((jobs(&keeper).await.len(), keeper.store_key(admin()).await.unwrap().versions.len()), (1, 2));
    assert_eq!(trail::count_of(&scene.site, "key.rotate", "store"), 2, "the refusal has its line too");

    // Without an expectation each makes a key of its own, and everything ends under the last.
    let second = keeper.rotate_store(admin(), None, None).await.unwrap().job.unwrap();
    let third = keeper.rotate_store(admin(), None, None).await.unwrap().job.unwrap();
    for job in [second, third] {
        assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    }
    only(&Rows::open(&scene.site).all());
    assert_filled(&keeper, 50, 0).await;
    keeper.stop();
}

const BESIDE: [&str; 4] = ["audit", "anchor", "account", "machine"];
/// So many, and so long, that the work takes many commits.
const FEW: usize = 60;
const LENGTH: usize = 10_000;

/// The process ends before and after each commit: every value is served, and the work goes on to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_and_after_every_commit() {
    let (scene, store) = (Scene::new(), MemoryStore::new());
    let keeper = scene.start_over(store.clone());
    fill(&keeper, FEW, LENGTH).await;
    keeper.stop();
    drop(keeper);
    let old = only(&rows(&store));
    let moments: Arc<Mutex<Vec<(MemoryStore, Image)>>> = Arc::default();
    let (seen, folder) = (Arc::clone(&moments), scene.site.folder.path().to_owned());
    let watched = Watched::new(store.clone(), move |store| {
        seen.lock().push((store.copied(), Image::taken(&folder, &BESIDE)));
    });
    let keeper = scene.start_over(watched);
    moments.lock().clear();
    let job = keeper.rotate_store(admin(), Some(1), None).await.unwrap().job.unwrap();
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    keeper.stop();
    drop(keeper);

    let moments = std::mem::take(&mut *moments.lock());
    let mut in_the_middle = 0;
    for (number, (image, beside)) in moments.iter().enumerate() {
        scene.site.restore(beside, &BESIDE);
        let left: BTreeSet<[u8; 4]> = under(&rows(image)).into_values().flatten().collect();
        in_the_middle += usize::from(left.len() == 2);
        let keeper = scene.start_over(image.clone());
        assert_filled(&keeper, FEW, LENGTH).await;
        let running = jobs(&keeper).await;
        if number == 0 {
            assert_eq!((running.len(), keeper.store_key(admin()).await.unwrap().active), (0, Some(1)));
            continue;
        }
        assert_eq!((running.len(), running[0].kind), (1, JobKind::Reseal), "moment {number}");
        assert_eq!(scene.over(&keeper, running[0].id).await.state, JobState::Done, "moment {number}");
        assert_filled(&keeper, FEW, LENGTH).await;
        keeper.stop();
        drop(keeper);
        assert_ne!(only(&rows(image)), old, "moment {number}");
        assert!(proofs(&scene, 1) >= 1, "moment {number}: the end is not proven in the trail");
        trail::assert_no_line_twice(&scene.site);
    }
    assert!(in_the_middle >= 10, "{in_the_middle} of {} moments in the middle of the work", moments.len());
}

/// A store key was replaced so many hours ago; how many there are after as many requests as these, or when one is left.
async fn store_keys_left(hours: i64, requests: usize) -> usize {
    let mut scene = Scene::new();
    scene.site.look_every = Duration::from_millis(1);
    let keeper = scene.start();
    fill(&keeper, 20, 0).await;
    let job = keeper.rotate_store(admin(), Some(1), None).await.unwrap().job.unwrap();
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    let new = only(&Rows::open(&scene.site).all());
    let killed = scene.site.image();
    keeper.stop();
    drop(keeper);
    scene.site.restore(&killed, &FOLDERS);
    let rows = Rows::open(&scene.site);
    let logs = rows.of(RecordKind::Log);
    // The batch that brought the new key is the last under the old one.
    let old = logs.iter().take_while(|row| store_key(row) != new).count();
    assert!((1..logs.len()).contains(&old), "{old} of {}", logs.len());
    let newest = Insider::of(&scene.site).age(&rows, old, hours * 60 * 60 * 1000);
    drop(rows);
    Insider::vouch(&scene.site, newest);
    // The stop ends with a snapshot, and what is below that and a day old goes.
    let keeper = scene.start();
    assert_eq!(keeper.store_key(admin()).await.unwrap().versions.len(), 2);
    keeper.stop();
    drop(keeper);

    let keeper = scene.start();
    let mut left = 0;
    for _ in 0..requests {
        left = keeper.store_key(admin()).await.unwrap().versions.len();
        if left == 1 {
            break;
        }
    }
    assert_filled(&keeper, 20, 0).await;
    put(&keeper, "later", b"kept").await.unwrap();
    keeper.stop();
    drop(keeper);
    assert_eq!(Insider::of(&scene.site).store_keys(), left, "in the keyring as it is stored");
    assert_eq!(trail::count_of(&scene.site, "key.destroy", "store"), 2 - left);
    let keeper = scene.start();
    assert_filled(&keeper, 20, 0).await;
    assert_eq!(value(&keeper, "later").await, b"kept");
    assert_eq!((keeper.verify(admin()).await.unwrap().findings.len(), findings(&keeper).await), (0, BTreeMap::new()));
    keeper.stop();
    left
}

/// Requests after which the old key would be gone if it could: between two of them there is time for a look, mostly.
const REQUESTS: usize = 500;

/// The old store key leaves the keyring by itself when no log record is left that it sealed, and not before: they are kept for a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_store_key_goes_with_the_last_log_record_under_it() {
    assert_eq!(store_keys_left(25, usize::MAX).await, 1);
    assert_eq!(store_keys_left(23, REQUESTS).await, 2);
}
