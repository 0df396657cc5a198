//! The master key is rotated while transactions are begun, stepped and closed: afterwards nothing is under the old version, neither
//! as the key counts it nor in the bytes that are stored, everything is readable, and the old version can be destroyed (B31).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_engine::job::JobState;
use strongroom_engine::key::{Destroy, Rotate, RotateReply, Show};
use strongroom_engine::transaction::{Encrypt, PartBody, TransactionBody};
use strongroom_envelope::{Id, RecordKind, body, two_tier};
use strongroom_keeper::Keeper;
use tokio::task::JoinSet;

use super::{KEY, Whole, begin_as, commit, content, listed, read, rollback, state, step, undone};
use crate::insider::Insider;
use crate::rotation::scene::{Scene, jobs};
use crate::rows::{Row, Rows};
use crate::site::{Site, admin, name};

async fn rotate(keeper: &Keeper) -> RotateReply {
    let rotate = Rotate { selector: name(KEY), reencrypt: true, expected_version: None, rate: None };
    keeper.execute(admin(), rotate).await.unwrap()
}

/// How many values the key says are stored under each of its versions.
async fn counted(keeper: &Keeper) -> BTreeMap<u32, u64> {
    let view = keeper.execute(admin(), Show { selector: name(KEY) }).await.unwrap();
    let versions = view.versions.into_iter();
    versions.filter(|version| version.stored > 0).map(|version| (version.number, version.stored)).collect()
}

/// The versions under which parts really are sealed, wherever they lie, and how many records are under each by their own word.
fn found(site: &Site) -> (BTreeMap<u32, u64>, BTreeMap<u32, u64>) {
    let (rows, insider) = (Rows::open(site), Insider::of(site));
    let (mut parts, mut records) = (BTreeMap::new(), BTreeMap::new());
    let mut part = |sealed: &[u8]| {
        let header = two_tier::parse(sealed).unwrap().data_key.header();
        *parts.entry(header.key_version).or_insert(0) += 1;
    };
    let rows_of = |kind| -> Vec<Row> { rows.of(kind) };
    for row in rows_of(RecordKind::Transaction) {
        let head: TransactionBody = body::decode_strict(insider.opened(&row).expose()).unwrap();
        let Some(version) = head.key_version else { continue };
        *records.entry(version).or_insert(0) += 1;
        head.parts().filter_map(|(_, _, part)| part.inline.as_ref()).for_each(|inline| part(inline));
    }
    for row in rows_of(RecordKind::TransactionStep) {
        let stored: PartBody = body::decode_strict(insider.opened(&row).expose()).unwrap();
        let Some(version) = stored.key_version else { continue };
        *records.entry(version).or_insert(0) += 1;
        part(&stored.payload);
    }
    (parts, records)
}

/// One of every sort: with large parts and small ones, sealed and in clear, open, being undone and closed.
async fn make(keeper: &Keeper, number: usize) -> Id {
    let encrypt = if number.is_multiple_of(7) { Encrypt::Marked } else { Encrypt::Always };
    let id = begin_as(keeper, admin(), encrypt).await.unwrap().id;
    let length = if number.is_multiple_of(5) { 6000 } else { 0 };
    step(keeper, id, &content("s1", length), &content("r1", length)).await.unwrap();
    step(keeper, id, b"", &content("r2", 0)).await.unwrap();
    match number % 6 {
        3 => drop(commit(keeper, id).await.unwrap()),
        4 => drop(rollback(keeper, id).await.unwrap()),
        _ => {}
    }
    id
}

async fn fill(keeper: &Keeper, transactions: usize) -> Vec<Id> {
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let keeper = keeper.clone();
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for number in (task..transactions).step_by(32) {
                ids.push(make(&keeper, number).await);
            }
            ids
        });
    }
    let mut ids: Vec<Id> = tasks.join_all().await.into_iter().flatten().collect();
    ids.sort_unstable();
    ids
}

async fn all(keeper: &Keeper, ids: &[Id]) -> BTreeMap<Id, Whole> {
    let mut all = BTreeMap::new();
    for id in ids {
        all.insert(*id, read(keeper, *id).await.unwrap());
    }
    all
}

/// Goes on with one that is open, as an engine would, or closes it.
async fn go_on(keeper: &Keeper, id: Id, turn: usize) {
    let whole = read(keeper, id).await.unwrap();
    match whole.state.word() {
        "active" if turn.is_multiple_of(3) => drop(commit(keeper, id).await.unwrap()),
        "active" if turn % 3 == 1 => {
            let length = if turn.is_multiple_of(2) { 5000 } else { 0 };
            let number = step(keeper, id, b"", &content("later", length)).await.unwrap().sequence;
            state(keeper, id, number, &content("later", length)).await.unwrap();
        }
        "active" | "rolling_back" => {
            for (number, _) in rollback(keeper, id).await.unwrap() {
                undone(keeper, id, number).await.unwrap();
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_while_they_are_used() {
    let scene = Scene::new();
    let keeper = scene.start();
    let ids = fill(&keeper, 500).await;
    let before = all(&keeper, &ids).await;
    let (_, records) = found(&scene.site);
    assert_eq!(counted(&keeper).await, records, "what is in clear is under no version");
    let ended = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for task in 0..2 {
        let (keeper, ids, ended) = (keeper.clone(), ids.clone(), Arc::clone(&ended));
        tasks.spawn(async move {
            for (turn, id) in ids.iter().enumerate().filter(|(at, _)| at % 4 == task).cycle() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                go_on(&keeper, *id, turn).await;
                // The next one is met in another turn the second time.
                if turn % 100 == task {
                    make(&keeper, turn).await;
                }
            }
        });
    }
    let job = rotate(&keeper).await.job.unwrap();
    let over = scene.over(&keeper, job).await;
    ended.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    assert_eq!(over.state, JobState::Done);
    let counts = counted(&keeper).await;
    assert_eq!(counts.keys().collect::<Vec<_>>(), [&2]);
    keeper.stop();
    drop(keeper);
    let (parts, records) = found(&scene.site);
    assert_eq!(parts.keys().collect::<Vec<_>>(), [&2], "parts by version: {parts:?}");
    assert_eq!(records, counts);
    let keeper = scene.start();
    assert_eq!(counted(&keeper).await, counts, "found again by a start");
    keeper.execute(admin(), Destroy { selector: name(KEY), version: 1, wait: Some(0) }).await.unwrap();
    let after = all(&keeper, &ids).await;
    for (id, before) in &before {
        let after = &after[id];
        let same = before.steps.iter().zip(&after.steps).all(|(old, new)| (&old.0, &old.1) == (&new.0, &new.1));
        assert!(same && after.steps.len() >= before.steps.len() && after.request == before.request, "{id}");
    }
    for id in listed(&keeper, false).await {
        read(&keeper, id).await.unwrap();
    }
    keeper.stop();
}

/// Interrupted again and again, each time with transactions that close meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_in_the_middle() {
    let scene = Scene::new();
    let keeper = scene.start();
    let ids = fill(&keeper, 120).await;
    let job = rotate(&keeper).await.job.unwrap();
    drop(keeper);
    for life in 0..40 {
        let keeper = scene.start();
        if jobs(&keeper).await.iter().all(|job| job.state != JobState::Running) {
            break;
        }
        // Whatever the job has come to, one is closed in the middle of it.
        let open = listed(&keeper, true).await;
        go_on(&keeper, open[life * 3 % open.len()], life).await;
    }
    let keeper = scene.start();
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    assert_eq!(counted(&keeper).await.keys().collect::<Vec<_>>(), [&2]);
    let (parts, _) = found(&scene.site);
    assert_eq!(parts.keys().collect::<Vec<_>>(), [&2]);
    keeper.execute(admin(), Destroy { selector: name(KEY), version: 1, wait: Some(0) }).await.unwrap();
    drop(all(&keeper, &ids).await);
    keeper.stop();
}
