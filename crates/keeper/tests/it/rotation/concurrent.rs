//! B33 and the steering of jobs: two who rotate at once make one version; a job that is paused stays so; a rate is kept; a second
//! rotation, and secrets that change, come and go, disturb none.

use std::time::Instant;

use strongroom_engine::job::{self, JobState, JobView};
use strongroom_engine::key::{self, State};
use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Delete, Destroy, Get, Rename, Undelete};
use strongroom_envelope::Id;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;
use tokio::task::JoinSet;

use super::scene::{
    KEY, Scene, assert_filled, content, counted, destroy, fill, found_in_file, job, jobs, key_view, rotate, rotation,
    secret,
};
use crate::site::{admin, get, name, put, value};
use crate::trail;

async fn pause(keeper: &Keeper, id: Id) -> Result<JobView, Failure> {
    keeper.execute(admin(), job::Pause { id }).await
}

async fn resume(keeper: &Keeper, id: Id) -> Result<JobView, Failure> {
    keeper.execute(admin(), job::Resume { id }).await
}

/// Rotates, with a rate that leaves time to interfere, and pauses at once.
async fn rotated_and_paused(keeper: &Keeper, rate: u32) -> Id {
    let rotated = keeper.execute(admin(), key::Rotate { rate: Some(rate), ..rotation() }).await.unwrap();
    let id = rotated.job.unwrap();
    assert_eq!(pause(keeper, id).await.unwrap().state, JobState::Paused);
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_rotate_at_once_one_wins() {
    let scene = Scene::new();
    let keeper = scene.start();
    fill(&keeper, 100, 0).await;
    for round in 1..=10 {
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let keeper = keeper.clone();
            let wanted = key::Rotate { expected_version: Some(round), ..rotation() };
            tasks.spawn(async move { keeper.execute(admin(), wanted).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7));
        for outcome in lost {
            let conflict = Refusal::VersionConflict { expected: round, found: round + 1 };
            assert_eq!(outcome, Err(Failure::Refused(conflict)));
        }
        let won = won.into_iter().next().unwrap().unwrap();
        assert_eq!((won.key.active, won.key.versions.len()), (Some(round + 1), round as usize + 1));
    }
    // One job for each version that was made, all of them come to their end, and all is under the newest.
    let made = jobs(&keeper).await;
    assert_eq!(made.iter().map(|job| job.key_version).collect::<Vec<_>>(), (2..=11).collect::<Vec<_>>());
    for job in made {
        assert_eq!(scene.over(&keeper, job.id).await.state, JobState::Done);
    }
    let view = key_view(&keeper).await;
    assert_eq!(view.versions.iter().filter(|version| version.state == State::Active).count(), 1);
    assert_filled(&keeper, 100, 0).await;
    keeper.stop();
    drop(keeper);
    assert_eq!(found_in_file(&scene.site), [(11, 100)].into());
    for version in 1..=10 {
        assert!(scene.proofs(version) >= 1, "version {version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_job_stays_paused_over_a_start() {
    let (scene, secrets) = (Scene::new(), 400);
    let keeper = scene.start();
    fill(&keeper, secrets, 0).await;
    let id = rotated_and_paused(&keeper, 100).await;
    let paused = job(&keeper, id).await.unwrap();
    let total = secrets as u64;
    assert!(paused.total == total && paused.done < total, "{paused:?}");
    // A pause holds although others rotate meanwhile; pausing again changes nothing.
    assert_eq!(pause(&keeper, id).await.unwrap().state, JobState::Paused);
    keeper.stop();
    drop(keeper);
    let before = found_in_file(&scene.site);
    assert_eq!(before.values().sum::<u64>(), total);

    let keeper = scene.start();
    put(&keeper, "another", b"1").await.unwrap();
    let still = job(&keeper, id).await.unwrap();
    assert_eq!((still.state, still.total - still.done), (JobState::Paused, before[&1]));
    let in_use = Failure::Refused(Refusal::KeyInUse { key: KEY.into(), version: 1, count: before[&1] });
    assert_eq!(destroy(&keeper, 1).await.unwrap_err(), in_use);
    assert_filled(&keeper, secrets, 0).await;
    assert_eq!(scene.proofs(1), 0, "nothing is proven before it is so");

    assert_eq!(resume(&keeper, id).await.unwrap().state, JobState::Running);
    assert_eq!(scene.over(&keeper, id).await.state, JobState::Done);
    let ended = Failure::Refused(Refusal::Invalid { field: "id", reason: "the job is done".into() });
    assert_eq!(resume(&keeper, id).await.unwrap_err(), ended);
    assert_eq!(pause(&keeper, id).await.unwrap_err(), ended);
    assert_eq!(counted(&keeper).await, [(2, total + 1)].into());
    keeper.stop();
    drop(keeper);
    assert_eq!((found_in_file(&scene.site), scene.proofs(1)), ([(2, total + 1)].into(), 1));
}

/// At one value a second, no more are done than seconds have begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_is_kept() {
    let scene = Scene::new();
    let keeper = scene.start();
    fill(&keeper, 400, 0).await;
    let begun = Instant::now();
    let id = rotated_and_paused(&keeper, 1).await;
    let most = 1 + begun.elapsed().as_secs() + 1;
    let done = job(&keeper, id).await.unwrap().done;
    assert!(done <= most, "{done} values at once at a rate of one a second");
    // Also when the work begins anew with each start.
    for _ in 0..3 {
        resume(&keeper, id).await.unwrap();
        pause(&keeper, id).await.unwrap();
    }
    let most = 4 + begun.elapsed().as_secs() + 4;
    let done = job(&keeper, id).await.unwrap().done;
    assert!(done <= most, "{done} values after four beginnings");
    assert_filled(&keeper, 400, 0).await;
    // A job that waits for its next value does not hold up a stop.
    resume(&keeper, id).await.unwrap();
    keeper.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_rotation_while_the_first_job_is_at_work() {
    let (scene, secrets) = (Scene::new(), 400);
    let keeper = scene.start();
    fill(&keeper, secrets, 0).await;
    let first = rotated_and_paused(&keeper, 200).await;
    put(&keeper, "between", b"2").await.unwrap();
    resume(&keeper, first).await.unwrap();
    let second = rotate(&keeper).await.unwrap();
    assert_eq!(second.key.active, Some(3));
    for id in [first, second.job.unwrap()] {
        let over = scene.over(&keeper, id).await;
        assert_eq!((over.state, over.done), (JobState::Done, over.total));
    }
    assert_filled(&keeper, secrets, 0).await;
    let states: Vec<_> = key_view(&keeper).await.versions.into_iter().map(|version| version.state).collect();
    assert_eq!(states, [State::Deactivated, State::Deactivated, State::Active]);
    keeper.stop();
    drop(keeper);
    assert_eq!(found_in_file(&scene.site), [(3, secrets as u64 + 1)].into());
    assert!(scene.proofs(1) >= 1 && scene.proofs(2) >= 1);
    assert_eq!(scene.proofs(3), 0);
}

/// A rotation that leaves what is stored as it is; the next one takes all of it along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_waits_with_the_values() {
    let scene = Scene::new();
    let keeper = scene.start();
    fill(&keeper, 70, 0).await;
    let waits = keeper.execute(admin(), key::Rotate { reencrypt: false, ..rotation() }).await.unwrap();
    assert_eq!((waits.job, waits.key.active), (None, Some(2)));
    put(&keeper, "new", b"2").await.unwrap();
    assert_eq!(counted(&keeper).await, [(1, 70), (2, 1)].into());
    assert!(matches!(destroy(&keeper, 1).await, Err(Failure::Refused(Refusal::KeyInUse { count: 70, .. }))));
    keeper.stop();
    drop(keeper);
    assert_eq!(found_in_file(&scene.site), [(1, 70), (2, 1)].into());
    let keeper = scene.start();
    assert_eq!(counted(&keeper).await, [(1, 70), (2, 1)].into());
    let rotated = rotate(&keeper).await.unwrap();
    assert_eq!(scene.over(&keeper, rotated.job.unwrap()).await.done, 71);
    assert_filled(&keeper, 70, 0).await;
    keeper.stop();
    drop(keeper);
    assert_eq!(found_in_file(&scene.site), [(3, 71)].into());
    assert_eq!((scene.proofs(1), scene.proofs(2)), (1, 1));
}

/// Everything that can happen to a secret happens between two steps of the job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_that_change_come_and_go_during_the_work() {
    let (scene, secrets) = (Scene::new(), 400);
    let keeper = scene.start();
    fill(&keeper, secrets, 0).await;
    let id = rotated_and_paused(&keeper, 100).await;
    // The job takes the oldest first, so these were not taken yet.
    let last = |back: usize| secret(secrets - back);
    put(&keeper, &last(1), b"updated").await.unwrap();
    keeper.execute(admin(), Destroy { selector: name(&last(2)), version: None }).await.unwrap();
    let to = Name::parse("renamed").unwrap();
    keeper.execute(admin(), Rename { selector: name(&last(3)), to }).await.unwrap();
    for back in [4, 5] {
        keeper.execute(admin(), Delete { selector: name(&last(back)), expected_version: None }).await.unwrap();
    }
    keeper.execute(admin(), Undelete { selector: name(&last(4)) }).await.unwrap();
    put(&keeper, &last(6), b"second").await.unwrap();
    keeper.execute(admin(), Destroy { selector: name(&last(6)), version: Some(1) }).await.unwrap();
    put(&keeper, "created", b"new").await.unwrap();

    resume(&keeper, id).await.unwrap();
    assert_eq!(scene.over(&keeper, id).await.state, JobState::Done);
    assert_eq!(value(&keeper, &last(1)).await, b"updated");
    let older = Get { selector: name(&last(1)), version: Some(1) };
    let older = keeper.execute(admin(), older).await.unwrap();
    assert_eq!(older.value.expose(), content(secrets - 1, 0, 0), "older versions are sealed again, too");
    assert!(matches!(get(&keeper, &last(2)).await, Err(Failure::Refused(Refusal::NotFound { .. }))));
    assert_eq!(value(&keeper, "renamed").await, content(secrets - 3, 0, 0));
    assert_eq!(value(&keeper, &last(4)).await, content(secrets - 4, 0, 0));
    // What is deleted can be taken back, so it was sealed again as well.
    keeper.execute(admin(), Undelete { selector: name(&last(5)) }).await.unwrap();
    assert_eq!(value(&keeper, &last(5)).await, content(secrets - 5, 0, 0));
    assert_eq!(value(&keeper, &last(6)).await, b"second");
    assert_eq!(value(&keeper, "created").await, b"new");
    for number in 0..secrets - 6 {
        assert_eq!(value(&keeper, &secret(number)).await, content(number, 0, 0));
    }
    keeper.stop();
    drop(keeper);
    // 400, one destroyed, one updated with its first version kept, one updated and its first version destroyed, one created.
    assert_eq!((found_in_file(&scene.site), scene.proofs(1)), ([(2, 401)].into(), 1));
    trail::assert_no_line_twice(&scene.site);
}
