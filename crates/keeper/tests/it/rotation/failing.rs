//! B31: EIO and ENOSPC at every commit of a rotation. What fails for now is tried again by the job itself; after a failure whose
//! outcome nobody knows the store has stopped writing, and the next start goes on. No secret is lost meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use strongroom_engine::job::JobState;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;
use strongroom_store::{BackendFailure, Batch, CommitError, Limits, Store, StoreError, Visit};
use strongroom_testkit::store::{Fault, Faults, MemoryStore};
use tokio::task::JoinSet;

use super::scene::{KEY, Scene, assert_filled, content, fill, found_in, jobs, key_view, rotate, secret};
use crate::site::get;
use crate::trail;

const SECRETS: usize = 40;
/// So long that a commit of the job takes four.
const LENGTH: usize = 10_000;
/// Commits of a rotation that may fail: its own, those of the job, its end. Commits that wait are written together.
const STEPS: u64 = 13;

/// Every secret is served, or it is said that nobody knows which bytes are right until the next start.
async fn assert_readable(keeper: &Keeper, stopped: bool) {
    for number in 0..SECRETS {
        match get(keeper, &secret(number)).await {
            Ok(got) => assert_eq!(got.value.expose(), content(number, 0, LENGTH)),
            Err(failure) => assert!(stopped && failure == Failure::WritingStopped, "{}: {failure}", secret(number)),
        }
    }
}

/// Rotates, over a failure of the `nth` commit from here; whether that commit came.
async fn rotated_over(fault: Fault, nth: u64) -> bool {
    let (scene, store) = (Scene::new(), MemoryStore::new());
    let keeper = scene.start_over(store.clone());
    fill(&keeper, SECRETS, LENGTH).await;
    let last = store.attempts() + nth;
    store.fail_after(nth - 1, fault);
    let asked = rotate(&keeper).await;
    assert_eq!(asked.is_err(), nth == 1, "{fault:?}");
    let stops = matches!(fault, Fault::UnknownApplied | Fault::UnknownLost);
    if stops {
        scene.told.until(|| !keeper.status().writable || scene.site.events.count("job_done") > 0).await;
        assert_readable(&keeper, true).await;
        assert_eq!(keeper.status().writable, store.attempts() < last, "{fault:?} {nth}");
        // As after kill -9; what was to fail and did not come fails no more.
        let came = store.attempts() >= last;
        drop(keeper);
        store.set_faults(Faults::none());
        store.restart();
        let keeper = scene.start_over(store.clone());
        assert_goes_on(scene, store, keeper, fault, nth).await;
        return came;
    }
    assert_goes_on(scene, store, keeper, fault, nth).await >= last
}

/// Whatever failed, the job comes to its end; how many commits were attempted until then.
async fn assert_goes_on(scene: Scene, store: MemoryStore, keeper: Keeper, fault: Fault, nth: u64) -> u64 {
    assert_readable(&keeper, false).await;
    let lost = nth == 1 && fault != Fault::UnknownApplied;
    assert_eq!(key_view(&keeper).await.active, Some(if lost { 1 } else { 2 }), "{fault:?} {nth}");
    if lost {
        rotate(&keeper).await.unwrap();
    }
    let running = jobs(&keeper).await;
    assert_eq!(running.len(), 1);
    let over = scene.over(&keeper, running[0].id).await;
    assert_eq!((over.state, over.done, over.total), (JobState::Done, 40, 40), "{fault:?} {nth}");
    assert_filled(&keeper, SECRETS, LENGTH).await;
    let attempts = store.attempts();
    store.set_faults(Faults::none());
    keeper.stop();
    drop(keeper);
    assert_eq!(found_in(&scene.site, &store), [(2, 40)].into(), "{fault:?} {nth}");
    assert!(scene.proofs(1) >= 1, "{fault:?} {nth}: the end is not proven in the trail");
    assert_eq!(scene.site.events.count("quarantined"), 0);
    trail::assert_no_line_twice(&scene.site);
    assert!(trail::count_of(&scene.site, "key.rotate", KEY) >= 1);
    attempts
}

/// Every step at once: most of the time they wait for the next attempt.
async fn at_every_step(fault: Fault) {
    let mut steps = JoinSet::new();
    for nth in 1..=STEPS {
        steps.spawn(rotated_over(fault, nth));
    }
    let came = steps.join_all().await.into_iter().filter(|came| *came).count();
    assert!(came >= 8, "{came} steps");
    println!("{fault:?} at {came} steps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_volume_at_every_step() {
    at_every_step(Fault::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_at_every_step() {
    at_every_step(Fault::Failed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_that_was_applied_at_every_step() {
    at_every_step(Fault::UnknownApplied).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_that_was_lost_at_every_step() {
    at_every_step(Fault::UnknownLost).await;
}

/// A store in which the job's own thread cannot read for so many times.
struct Unreadable {
    store: MemoryStore,
    times: Arc<AtomicU32>,
}

impl Store for Unreadable {
    fn limits(&self) -> Limits {
        self.store.limits()
    }

    fn read(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let is_jobs = std::thread::current().name() == Some("jobs");
        let left = |left: u32| left.checked_sub(1);
        if is_jobs && self.times.fetch_update(Ordering::AcqRel, Ordering::Acquire, left).is_ok() {
            return Err(StoreError::Failed(BackendFailure::new("reading records", "scripted fault")));
        }
        self.store.read(keys)
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(prefix, visit)
    }

    fn commit(&self, batch: &Batch<'_>) -> Result<(), CommitError> {
        self.store.commit(batch)
    }

    fn scrub(&self) -> Result<(), StoreError> {
        self.store.scrub()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A job whose record could not be read just when it was to begin is begun later, without anybody's help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_could_not_be_read_for_a_moment() {
    let (scene, times) = (Scene::new(), Arc::new(AtomicU32::new(0)));
    let keeper = scene.start_over(Unreadable { store: MemoryStore::new(), times: Arc::clone(&times) });
    fill(&keeper, SECRETS, 0).await;
    times.store(2, Ordering::Release);
    let rotated = rotate(&keeper).await.unwrap();
    let begun = Instant::now();
    while scene.site.events.count("job_done") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the job is running, and nobody works on it");
        tokio::task::yield_now().await;
    }
    assert_eq!(times.load(Ordering::Acquire), 0);
    assert_eq!(scene.over(&keeper, rotated.job.unwrap()).await.state, JobState::Done);
    assert_filled(&keeper, SECRETS, 0).await;
}
