//! B32: everything is sealed again while eight read and four write: no read fails, no update is lost, nothing is written under the
//! old version once the rotation is acknowledged, and at the end nothing is left under it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use strongroom_engine::job::JobState;
use strongroom_engine::key::{Rotate, State};
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::secret::{Delete, Destroy, Rename, Undelete};
use strongroom_envelope::{RecordKey, RecordKind};
use strongroom_keeper::Keeper;
use strongroom_testkit::store::MemoryStore;
use tokio::task::JoinSet;

use super::scene::{
    Scene, content, counted, destroy, fill, found, found_in, found_in_file, key_view, parsed, rotate, rotation, rows,
    secret, version_of,
};
use crate::faults::watched::Watched;
use crate::insider::Insider;
use crate::site::{admin, name, put, value};
use crate::trail;

/// How often each secret's change was acknowledged.
type Acknowledged = Arc<Vec<AtomicU64>>;

/// Some more of what looks random (Numerical Recipes' 64-bit generator).
fn next(turn: &mut u64) -> usize {
    *turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*turn >> 33).unwrap()
}

async fn read(keeper: Keeper, ended: Arc<AtomicBool>, acknowledged: Acknowledged, mut turn: u64) -> u64 {
    let mut reads = 0;
    while !ended.load(Ordering::Acquire) {
        let number = next(&mut turn) % acknowledged.len();
        let least = acknowledged[number].load(Ordering::Acquire);
        let (whose, counter) = parsed(&value(&keeper, &secret(number)).await);
        assert_eq!(whose, number, "another secret's value");
        assert!(counter >= least, "{}: an older value than was acknowledged", secret(number));
        reads += 1;
    }
    reads
}

/// Changes its own share: in place, and as secrets that come and go.
async fn write(keeper: Keeper, ended: Arc<AtomicBool>, acknowledged: Acknowledged, writer: usize) -> u64 {
    let (mut turn, mut writes) = (writer as u64, 0);
    while !ended.load(Ordering::Acquire) {
        let number = next(&mut turn) % acknowledged.len() / 4 * 4 + writer;
        if number < acknowledged.len() {
            let counter = acknowledged[number].load(Ordering::Acquire) + 1;
            put(&keeper, &secret(number), &content(number, counter, 0)).await.unwrap();
            acknowledged[number].store(counter, Ordering::Release);
        }
        if writes % 8 == 0 {
            come_and_go(&keeper, writer).await;
        }
        writes += 1;
    }
    writes
}

async fn come_and_go(keeper: &Keeper, writer: usize) {
    let scratch = format!("scratch/{writer}");
    put(keeper, &scratch, b"0").await.unwrap();
    let to = Name::parse(&format!("moved/{writer}")).unwrap();
    keeper.execute(admin(), Rename { selector: name(&scratch), to: to.clone() }).await.unwrap();
    let moved = || Selector::Name(to.clone());
    keeper.execute(admin(), Delete { selector: moved(), expected_version: None }).await.unwrap();
    keeper.execute(admin(), Undelete { selector: moved() }).await.unwrap();
    keeper.execute(admin(), Destroy { selector: moved(), version: None }).await.unwrap();
}

/// Readers and writers at work.
struct Load {
    ended: Arc<AtomicBool>,
    acknowledged: Acknowledged,
    readers: JoinSet<u64>,
    writers: JoinSet<u64>,
}

impl Load {
    fn on(keeper: &Keeper, secrets: usize) -> Self {
        let mut load = Self {
            ended: Arc::default(),
            acknowledged: Arc::new((0..secrets).map(|_| AtomicU64::new(0)).collect()),
            readers: JoinSet::new(),
            writers: JoinSet::new(),
        };
        for seed in 0..8 {
            load.readers.spawn(read(keeper.clone(), Arc::clone(&load.ended), Arc::clone(&load.acknowledged), seed));
        }
        for writer in 0..4 {
            load.writers.spawn(write(keeper.clone(), Arc::clone(&load.ended), Arc::clone(&load.acknowledged), writer));
        }
        load
    }

    /// Ends it; what every secret must hold then.
    async fn end(self) -> Vec<u64> {
        self.ended.store(true, Ordering::Release);
        let (reads, writes) = (self.readers.join_all().await, self.writers.join_all().await);
        assert!(
            reads.iter().all(|reads| *reads > 0) && writes.iter().all(|writes| *writes > 0),
            "{reads:?} {writes:?}"
        );
        println!("{} reads, {} writes meanwhile", reads.iter().sum::<u64>(), writes.iter().sum::<u64>());
        self.acknowledged.iter().map(|counter| counter.load(Ordering::Acquire)).collect()
    }
}

async fn assert_kept(keeper: &Keeper, last: &[u64]) {
    for (number, counter) in last.iter().enumerate() {
        assert_eq!(parsed(&value(keeper, &secret(number)).await), (number, *counter), "a lost update");
    }
}

/// 10,000 secrets; with `STRONGROOM_TORTURE` as many as it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_writers_go_on_while_everything_is_sealed_again() {
    let secrets = std::env::var("STRONGROOM_TORTURE").map_or(10_000, |secrets| secrets.parse().unwrap());
    let scene = Scene::new();
    let keeper = scene.start();
    fill(&keeper, secrets, 0).await;
    let load = Load::on(&keeper, secrets);
    let rotated = rotate(&keeper).await.unwrap();
    assert_eq!(rotated.key.active, Some(2));
    let over = scene.over(&keeper, rotated.job.unwrap()).await;
    let last = load.end().await;
    assert_eq!((over.state, over.done), (JobState::Done, over.total));
    assert!(over.total >= secrets as u64);

    let by_key = counted(&keeper).await;
    assert_eq!((keeper.status().quarantined, scene.site.events.count("quarantined")), (0, 0));
    assert!(keeper.verify(admin()).await.unwrap().findings.is_empty());
    assert_kept(&keeper, &last).await;
    keeper.stop();
    drop(keeper);
    let found = found_in_file(&scene.site);
    assert_eq!(found.keys().collect::<Vec<_>>(), [&2], "values by key version: {found:?}");
    assert_eq!(by_key, found, "the key counts what is there");
    assert_eq!((scene.proofs(1), scene.proofs(2)), (1, 0));
    trail::assert_no_line_twice(&scene.site);

    // Nothing needs the old version: it can go, and everything is still there after a start.
    let keeper = scene.start();
    assert_eq!(counted(&keeper).await, by_key);
    let states: Vec<_> = key_view(&keeper).await.versions.into_iter().map(|version| version.state).collect();
    assert_eq!(states, [State::Deactivated, State::Active]);
    destroy(&keeper, 1).await.unwrap();
    keeper.stop();
    drop(keeper);
    let keeper = scene.start();
    assert_kept(&keeper, &last).await;
}

/// Looks at every commit of the store: from the one that makes the new version on, none writes a value under the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_after_the_cut_over_writes_under_the_old_version() {
    let (scene, store, secrets) = (Scene::new(), MemoryStore::new(), 300);
    let keeper = scene.start_over(store.clone());
    fill(&keeper, secrets, 0).await;
    let load = Load::on(&keeper, secrets);
    for active in 2..=4 {
        let rotated = rotate(&keeper).await.unwrap();
        assert_eq!(rotated.key.active, Some(active));
        assert_eq!(scene.over(&keeper, rotated.job.unwrap()).await.state, JobState::Done);
    }
    let last = load.end().await;
    assert_kept(&keeper, &last).await;
    let key_id = key_view(&keeper).await.id;
    keeper.stop();
    drop(keeper);

    let insider = Insider::among(&scene.site, &rows(&store));
    let key_record = RecordKey::new(RecordKind::Key, key_id).to_bytes();
    let (mut active, mut written) = (0, BTreeMap::<u32, u64>::new());
    for commit in store.history() {
        // A batch holds commits that were judged one after the other: the new version is in force from the next batch on.
        let before = active;
        for change in &commit.changes {
            let Some(after) = change.after.clone() else { continue };
            let row = (change.key.clone(), after);
            if change.key == key_record {
                active += 1;
            } else if change.key[0] == RecordKind::SecretVersion.byte() {
                let version = version_of(&insider, &row);
                assert!(version >= before, "written under version {version} while {active} was active");
                *written.entry(version).or_default() += 1;
            }
        }
    }
    assert_eq!(active, 4);
    assert!(written[&1] >= secrets as u64 && written[&4] >= secrets as u64, "{written:?}");
    assert_eq!(found_in(&scene.site, &store).keys().collect::<Vec<_>>(), [&4]);
    assert_eq!(found(&scene.site, &rows(&store)).values().sum::<u64>(), written_now(&store));
}

/// Holds the next commit of a store until it is let go.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
    is_held: AtomicBool,
}

impl Gate {
    fn pass(&self) {
        let mut closed = self.closed.lock();
        self.is_held.store(*closed, Ordering::Release);
        self.opened.wait_while(&mut closed, |closed| *closed);
    }

    fn set(&self, closed: bool) {
        *self.closed.lock() = closed;
        self.opened.notify_all();
    }
}

/// Values that are sealed while the new version is on its way to the disk wait behind it, and are sealed again under it before
/// they are stored: the acknowledged rotation is a line that nothing crosses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sealed_before_the_cut_over_is_not_stored_after_it() {
    let (scene, store, gate) = (Scene::new(), MemoryStore::new(), Arc::new(Gate::default()));
    let held = Arc::clone(&gate);
    let keeper = scene.start_over(Watched::new(store.clone(), move |_| held.pass()));
    fill(&keeper, 10, 0).await;
    gate.set(true);
    let rotating = keeper.clone();
    let wait = Rotate { reencrypt: false, ..rotation() };
    let rotating = tokio::spawn(async move { rotating.execute(admin(), wait).await });
    while !gate.is_held.load(Ordering::Acquire) {
        tokio::task::yield_now().await;
    }
    let mut puts = JoinSet::new();
    for number in 0..40 {
        let keeper = keeper.clone();
        // Some are new, some are new versions of what is there.
        puts.spawn(async move { put(&keeper, &secret(number), &content(number, 1, 0)).await });
    }
    // The same workers answer these, so the values before them have been sealed by then, under the version that is active still.
    for turn in 0..200 {
        value(&keeper, &secret(turn % 10)).await;
    }
    gate.set(false);
    assert_eq!(rotating.await.unwrap().unwrap().key.active, Some(2));
    assert!(puts.join_all().await.iter().all(Result::is_ok));
    assert_eq!(counted(&keeper).await, [(1, 10), (2, 40)].into());
    keeper.stop();
    drop(keeper);
    assert_eq!(found_in(&scene.site, &store), [(1, 10), (2, 40)].into());
}

/// How many versions of secrets there are now.
fn written_now(store: &MemoryStore) -> u64 {
    store.records().keys().filter(|key| key[0] == RecordKind::SecretVersion.byte()).count() as u64
}
