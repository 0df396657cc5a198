//! B31: the process ends before and after every commit of a rotation. At each of these moments every secret is readable as soon as
//! the server is back, the job goes on by itself to its end, and the end is proven in the trail.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_engine::job::JobState;
use strongroom_engine::key::State;
use strongroom_testkit::store::MemoryStore;

use super::scene::{Scene, assert_filled, counted, destroy, fill, found_in, jobs, key_view, rotate};
use crate::faults::watched::Watched;
use crate::site::{Image, put};
use crate::trail;

const BESIDE: [&str; 4] = ["audit", "anchor", "account", "machine"];
const SECRETS: usize = 60;
/// So long that a commit of the job takes four.
const LENGTH: usize = 10_000;

/// The store and the files beside it, before and after each commit.
type Moments = Arc<Mutex<Vec<(MemoryStore, Image)>>>;

/// The moments of a rotation from just before it was asked for to just after a clean stop.
async fn moments(scene: &Scene) -> Vec<(MemoryStore, Image)> {
    let (store, moments) = (MemoryStore::new(), Moments::default());
    let (seen, folder) = (Arc::clone(&moments), scene.site.folder.path().to_owned());
    let watched = Watched::new(store.clone(), move |store| {
        seen.lock().push((store.copied(), Image::taken(&folder, &BESIDE)));
    });
    let keeper = scene.start_over(store.clone());
    fill(&keeper, SECRETS, LENGTH).await;
    keeper.stop();
    drop(keeper);
    let keeper = scene.start_over(watched);
    moments.lock().clear();
    let rotated = rotate(&keeper).await.unwrap();
    assert_eq!(scene.over(&keeper, rotated.job.unwrap()).await.state, JobState::Done);
    keeper.stop();
    drop(keeper);
    std::mem::take(&mut *moments.lock())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_and_after_every_commit_of_a_rotation() {
    let scene = Scene::new();
    let moments = moments(&scene).await;
    assert!(moments.len() >= 30, "{} moments", moments.len());
    let mut went_on = 0;
    for (number, (image, beside)) in moments.iter().enumerate() {
        scene.site.restore(beside, &BESIDE);
        let left = found_in(&scene.site, image);
        let keeper = scene.start_over(image.clone());
        assert_filled(&keeper, SECRETS, LENGTH).await;
        if number == 0 {
            // It was not acknowledged, and is not there; so it is asked for again.
            assert_eq!((jobs(&keeper).await, key_view(&keeper).await.active), (Vec::new(), Some(1)));
            rotate(&keeper).await.unwrap();
        }
        let running = jobs(&keeper).await;
        assert_eq!((running.len(), running[0].key_version), (1, 2), "moment {number}");
        let over = scene.over(&keeper, running[0].id).await;
        assert_eq!((over.state, over.done, over.total), (JobState::Done, 60, 60), "moment {number}");
        assert_filled(&keeper, SECRETS, LENGTH).await;
        let versions = key_view(&keeper).await.versions;
        let states: Vec<_> = versions.iter().map(|version| (version.number, version.state)).collect();
        assert_eq!(states, [(1, State::Deactivated), (2, State::Active)], "moment {number}");
        went_on += usize::from(left.contains_key(&1) && left.contains_key(&2));
        keeper.stop();
        drop(keeper);
        assert_eq!(found_in(&scene.site, image), [(2, 60)].into(), "moment {number}");
        assert!(scene.proofs(1) >= 1, "moment {number}: the end is not proven in the trail");
        trail::assert_no_line_twice(&scene.site);
    }
    assert!(went_on >= 20, "{went_on} moments in the middle of the work");
}

/// The trail is behind the store, as after a loss of power: what it lacks is told before what the job does next, in its order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_told_is_told_before_the_job_goes_on() {
    let scene = Scene::new();
    let moments = moments(&scene).await;
    let (image, beside) = (&moments[20].0, &moments[2].1);
    for _start in 0..8 {
        scene.site.restore(beside, &BESIDE);
        let keeper = scene.start_over(image.copied());
        let job = jobs(&keeper).await[0].id;
        assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
        keeper.stop();
        drop(keeper);
        trail::assert_no_line_twice(&scene.site);
        assert!(trail::count(&scene.site, "key.reencrypt") > 15);
    }
}

/// A process that ends again and again, each time as soon as there is one commit more: the work still comes to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_lives_long_gets_there() {
    let (scene, store) = (Scene::new(), MemoryStore::new());
    let keeper = scene.start_over(store.clone());
    fill(&keeper, SECRETS, LENGTH).await;
    let id = rotate(&keeper).await.unwrap().job.unwrap();
    drop(keeper);
    let mut lives = 0;
    loop {
        let keeper = scene.start_over(store.clone());
        // A commit of its own waits behind those of the job that are on their way.
        put(&keeper, "life", &[1]).await.unwrap();
        let state = jobs(&keeper).await.into_iter().find(|job| job.id == id).unwrap().state;
        drop(keeper);
        lives += 1;
        if state == JobState::Done {
            break;
        }
        assert!(lives < 100, "it gets nowhere");
    }
    assert_eq!(found_in(&scene.site, &store).keys().collect::<Vec<_>>(), [&2]);
    let keeper = scene.start_over(store.clone());
    assert_filled(&keeper, SECRETS, LENGTH).await;
    assert!(!counted(&keeper).await.contains_key(&1));
    destroy(&keeper, 1).await.unwrap();
}
