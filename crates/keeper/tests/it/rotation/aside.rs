//! Values that are kept aside while their key is rotated: the job says that it could not do them, the old version is held for them,
//! and when they are mended the job comes to its end. Whenever they were found: while the server runs, or at its start.

use strongroom_engine::job::{self, JobState};
use strongroom_engine::key;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::{Id, RecordKind};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Failure, Release};
use strongroom_testkit::store::MemoryStore;

use super::scene::{Scene, content, counted, destroy, fill, found_in, job, jobs, rotate, rotation, secret};
use crate::rows::shown;
use crate::site::{admin, findings, get, quarantined, value};

const SECRETS: usize = 100;
const BAD: usize = 41;

/// The record that holds the value of a secret: the only one whose reading fails when it is flipped.
async fn record_of(keeper: &Keeper, store: &MemoryStore, number: usize) -> (Vec<u8>, Vec<u8>) {
    let id = get(keeper, &secret(number)).await.unwrap().id;
    let shown =
        keeper.execute(admin(), strongroom_engine::secret::Show { selector: crate::site::name(&secret(number)) });
    assert_eq!(shown.await.unwrap().id, id);
    for (key, sealed) in store.records() {
        if key[0] != RecordKind::SecretVersion.byte() {
            continue;
        }
        store.flip(&key, 60, 1);
        let fails = get(keeper, &secret(number)).await.is_err();
        store.tamper(&key, Some(sealed.clone()));
        if fails {
            value(keeper, &secret(number)).await;
            return (key, sealed);
        }
    }
    panic!("no record holds it");
}

async fn scene() -> (Scene, MemoryStore, Keeper, (Vec<u8>, Vec<u8>)) {
    let (scene, store) = (Scene::new(), MemoryStore::new());
    let keeper = scene.start_over(store.clone());
    fill(&keeper, SECRETS, 0).await;
    let record = record_of(&keeper, &store, BAD).await;
    assert_eq!(keeper.status().quarantined, 0);
    (scene, store, keeper, record)
}

async fn assert_others_served(keeper: &Keeper) {
    for number in (0..SECRETS).filter(|number| *number != BAD) {
        assert_eq!(value(keeper, &secret(number)).await, content(number, 0, 0));
    }
}

/// What the old version is held for is not done; it is named, and the version cannot be destroyed.
async fn assert_held(scene: &Scene, keeper: &Keeper, id: Id, record: &[u8], finding: &str) {
    let over = scene.over(keeper, id).await;
    assert_eq!((over.state, over.done, over.total), (JobState::Incomplete, 99, 100));
    assert_eq!(findings(keeper).await, [(shown(record), finding)].into());
    assert_eq!(quarantined(get(keeper, &secret(BAD)).await), Some(finding));
    assert_others_served(keeper).await;
    assert_eq!(scene.site.events.count("job_incomplete"), 1);
    assert!(matches!(destroy(keeper, 1).await, Err(Failure::Refused(Refusal::KeyInUse { count: 1, .. }))));
    assert_eq!(scene.proofs(1), 0, "something is left, and nothing else is said");
}

/// After the right bytes came back.
async fn assert_ends(scene: Scene, store: MemoryStore, keeper: Keeper, id: Id) {
    keeper.execute(admin(), job::Resume { id }).await.unwrap();
    let over = scene.over(&keeper, id).await;
    assert_eq!((over.state, over.done), (JobState::Done, 100));
    assert_eq!(value(&keeper, &secret(BAD)).await, content(BAD, 0, 0));
    assert_others_served(&keeper).await;
    assert_eq!(counted(&keeper).await, [(2, 100)].into());
    destroy(&keeper, 1).await.unwrap();
    keeper.stop();
    drop(keeper);
    assert_eq!((found_in(&scene.site, &store), scene.proofs(1)), ([(2, 100)].into(), 1));
    let keeper = scene.start_over(store);
    assert_eq!(value(&keeper, &secret(BAD)).await, content(BAD, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_fails_while_the_server_runs() {
    for missing in [false, true] {
        let (scene, store, keeper, (record, sealed)) = scene().await;
        if missing {
            store.tamper(&record, None);
        } else {
            store.flip(&record, 60, 1);
        }
        let id = rotate(&keeper).await.unwrap().job.unwrap();
        assert_held(&scene, &keeper, id, &record, if missing { "missing" } else { "unreadable" }).await;
        store.tamper(&record, Some(sealed));
        let released = keeper.quarantine_release(admin(), shown(&record), Release::Recheck).await;
        assert!(released.unwrap().is_none());
        assert_ends(scene, store, keeper, id).await;
    }
}

/// The server found it at a start, so it never saw which version it is sealed under: until that is known it may be any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_failed_at_a_start() {
    for missing in [false, true] {
        let (scene, store, keeper, (record, sealed)) = scene().await;
        // Values are left under the old version for now.
        keeper.execute(admin(), key::Rotate { reencrypt: false, ..rotation() }).await.unwrap();
        keeper.stop();
        drop(keeper);
        if missing {
            store.tamper(&record, None);
        } else {
            store.flip(&record, 60, 1);
        }
        let keeper = scene.start_over(store.clone());
        assert_eq!(findings(&keeper).await.len(), 1);
        let rotated = rotate(&keeper).await.unwrap();
        assert_eq!(rotated.key.active, Some(3));
        let over = scene.over(&keeper, rotated.job.unwrap()).await;
        assert_others_served(&keeper).await;
        assert_eq!(over.state, JobState::Incomplete, "one value was not sealed again");
        assert!(destroy(&keeper, 1).await.is_err(), "a value may need it");
        store.tamper(&record, Some(sealed));
        assert_eq!(value(&keeper, &secret(BAD)).await, content(BAD, 0, 0), "the right bytes came back");
        keeper.execute(admin(), job::Resume { id: over.id }).await.unwrap();
        assert_eq!(scene.over(&keeper, over.id).await.state, JobState::Done);
        destroy(&keeper, 1).await.unwrap();
        assert_eq!(value(&keeper, &secret(BAD)).await, content(BAD, 0, 0));
    }
}

/// The same with a start in the middle of the job: what is kept aside is not taken for done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_failed_at_a_start_in_the_middle_of_the_work() {
    let (scene, store, keeper, (record, sealed)) = scene().await;
    store.flip(&record, 60, 1);
    let id = rotate(&keeper).await.unwrap().job.unwrap();
    assert_held(&scene, &keeper, id, &record, "unreadable").await;
    keeper.stop();
    drop(keeper);

    let keeper = scene.start_over(store.clone());
    let view = job(&keeper, id).await.unwrap();
    assert_eq!((view.state, view.done), (JobState::Incomplete, 99));
    assert!(destroy(&keeper, 1).await.is_err(), "a value that is kept aside needs it");
    keeper.execute(admin(), job::Resume { id }).await.unwrap();
    assert_eq!(scene.over(&keeper, id).await.state, JobState::Incomplete, "it is still not done");
    keeper.stop();
    drop(keeper);
    // Mended while the server is down.
    store.tamper(&record, Some(sealed));
    let keeper = scene.start_over(store.clone());
    assert_eq!((findings(&keeper).await.len(), jobs(&keeper).await.len()), (0, 1));
    assert_eq!(counted(&keeper).await, [(1, 1), (2, 99)].into());
    assert_ends(scene, store, keeper, id).await;
}
