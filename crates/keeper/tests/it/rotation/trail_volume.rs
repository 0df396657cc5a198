//! B31, B6: the volume of the audit trail is full at every stage of a rotation. Nothing is answered then but the state of the
//! server; when there is room again service comes back, and the job goes on by itself to its proven end.
//!
//! The limit on the length of files is one of the process, so the test starts this program again.

use std::fs;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strongroom_engine::job::JobState;
use strongroom_keeper::facade::Failure;
use strongroom_testkit::store::MemoryStore;

use super::scene::{Scene, assert_filled, fill, found_in, jobs, key_view, rotate};
use crate::trail;

const PREPARED: &str = "STRONGROOM_TEST_LIMITED";
const SECRETS: usize = 24;
const LENGTH: usize = 10_000;
/// Each stage has room for about one line more.
const STAGES: u64 = 8;
const LINE: u64 = 450;

#[test]
fn a_trail_that_cannot_grow_at_every_stage() {
    if std::env::var_os(PREPARED).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        return runtime.block_on(at_every_stage());
    }
    // Without the trap the kernel ends the process at the limit instead of refusing the write.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "rotation::trail_volume::a_trail_that_cannot_grow_at_every_stage", "--nocapture"])
        .env(PREPARED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("all was seen"), "{said}");
}

async fn at_every_stage() {
    let mut closed = 0;
    for stage in 0..STAGES {
        closed += usize::from(at(stage).await);
    }
    assert!(closed >= 4, "the gate was closed at {closed} stages");
    println!("all was seen");
}

/// Whether there was no room left before the end.
async fn at(stage: u64) -> bool {
    let (scene, store) = (Scene::new(), MemoryStore::new());
    let keeper = scene.start_over(store.clone());
    fill(&keeper, SECRETS, LENGTH).await;
    let length = fs::metadata(scene.site.path("audit/trail-00000001.jsonl")).unwrap().len();
    let unlimited = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: Some(length + stage * LINE), maximum: unlimited.maximum };
    setrlimit(Resource::Fsize, limit).unwrap();
    let asked = rotate(&keeper).await;
    let events = &scene.site.events;
    scene.told.until(|| !keeper.status().auditing || events.count("job_done") > 0).await;
    let closed = !keeper.status().auditing;
    if closed {
        let refused = crate::site::get(&keeper, "s/0").await;
        assert_eq!(refused.unwrap_err(), Failure::AuditUnavailable);
    }
    setrlimit(Resource::Fsize, unlimited).unwrap();
    scene.told.until(|| keeper.status().auditing).await;

    assert_filled(&keeper, SECRETS, LENGTH).await;
    if key_view(&keeper).await.active == Some(1) {
        assert_eq!(asked.unwrap_err(), Failure::AuditUnavailable);
        rotate(&keeper).await.unwrap();
    }
    let running = jobs(&keeper).await;
    assert_eq!((running.len(), key_view(&keeper).await.active), (1, Some(2)), "stage {stage}");
    let over = scene.over(&keeper, running[0].id).await;
    assert_eq!((over.state, over.done), (JobState::Done, 24), "stage {stage}");
    assert_filled(&keeper, SECRETS, LENGTH).await;
    keeper.stop();
    drop(keeper);
    assert_eq!(found_in(&scene.site, &store), [(2, 24)].into(), "stage {stage}");
    assert!(scene.proofs(1) >= 1, "stage {stage}: the end is not proven in the trail");
    trail::assert_no_line_twice(&scene.site);
    closed
}
