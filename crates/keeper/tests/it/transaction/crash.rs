//! B2: the process ends before and after every commit of begin, step, state, commit, rollback and undone. After each restart
//! every transaction is as it was after an operation that was asked for: the last acknowledged one, or the one after it.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_engine::transaction::TransactionState;
use strongroom_envelope::Id;
use strongroom_keeper::Keeper;
use strongroom_testkit::store::MemoryStore;

use super::{Whole, begin, commit, content, listed, read, rollback, state, step, undone};
use crate::faults::watched::{Watched, start_over};
use crate::site::{Image, Site};
use crate::trail;

const BESIDE: [&str; 4] = ["audit", "anchor", "account", "machine"];

/// The files beside the store, before and after each commit.
type Moments = Arc<Mutex<Vec<(MemoryStore, Image)>>>;

async fn all(keeper: &Keeper) -> Vec<(Id, Whole)> {
    let mut all = Vec::new();
    for id in listed(keeper, false).await {
        all.push((id, read(keeper, id).await.unwrap()));
    }
    all
}

/// Operations of every kind; after each how many moments had passed, and what was there.
async fn live(keeper: &Keeper, moments: &Moments) -> Vec<(usize, Vec<(Id, Whole)>)> {
    let mut acknowledged = vec![(moments.lock().len(), Vec::new())];
    let (mut done, mut undo) = (Id::NIL, Id::NIL);
    for operation in 0..14 {
        match operation {
            0 => done = begin(keeper).await,
            1 => undo = begin(keeper).await,
            2 => drop(step(keeper, done, b"", &content("r1", 5000)).await.unwrap()),
            3 => drop(step(keeper, undo, b"s1", b"r1").await.unwrap()),
            4 => drop(state(keeper, done, 1, &content("s1", 6000)).await.unwrap()),
            5 => drop(step(keeper, undo, &content("s2", 7000), &content("r2", 70_000)).await.unwrap()),
            6 => drop(step(keeper, done, b"s2", b"r2").await.unwrap()),
            7 => drop(step(keeper, undo, b"s3", b"").await.unwrap()),
            8 => drop(commit(keeper, done).await.unwrap()),
            9 => drop(rollback(keeper, undo).await.unwrap()),
            _ if operation < 13 => drop(undone(keeper, undo, 13 - operation).await.unwrap()),
            _ => {
                let empty = begin(keeper).await;
                let moment = moments.lock().len();
                acknowledged.push((moment, all(keeper).await));
                assert_eq!(rollback(keeper, empty).await.unwrap(), []);
            }
        }
        let moment = moments.lock().len();
        acknowledged.push((moment, all(keeper).await));
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_and_after_every_commit() {
    let (site, store, moments) = (Site::new(), MemoryStore::new(), Moments::default());
    let (seen, folder) = (Arc::clone(&moments), site.folder.path().to_owned());
    let over = Watched::new(store.clone(), move |store| {
        seen.lock().push((store.copied(), Image::taken(&folder, &BESIDE)));
    });
    let keeper = start_over(&site, over);
    let acknowledged = live(&keeper, &moments).await;
    let begun = acknowledged[0].0;
    keeper.stop();
    drop(keeper);
    let moments = std::mem::take(&mut *moments.lock());
    assert!(moments.len() - begun >= 2 * 15, "{} moments", moments.len() - begun);
    let (mut old, mut new) = (0, 0);
    for (number, (store, beside)) in moments.iter().enumerate().skip(begun) {
        site.restore(beside, &BESIDE);
        let keeper = start_over(&site, store.copied());
        let found = all(&keeper).await;
        let last = acknowledged.iter().rposition(|(passed, _)| *passed <= number).unwrap();
        let is_old = found == acknowledged[last].1;
        let is_new = acknowledged.get(last + 1).is_some_and(|(_, next)| found == *next);
        assert!(is_old || is_new, "moment {number}, after operation {last}: {found:?}");
        (old, new) = (old + usize::from(is_old), new + usize::from(is_new && !is_old));
        let open = found.iter().filter(|(_, whole)| !whole.state.is_closed()).map(|(id, _)| *id);
        assert_eq!(listed(&keeper, true).await, open.collect::<Vec<_>>(), "moment {number}");
        finish(&keeper, &found).await;
        keeper.stop();
        drop(keeper);
        trail::assert_no_line_twice(&site);
    }
    assert!(old >= 15 && new >= 15, "{old} moments before, {new} after");
}

/// From each of these states the work can be finished: what was begun to be undone is undone, the rest is rolled back.
async fn finish(keeper: &Keeper, found: &[(Id, Whole)]) {
    for (id, whole) in found.iter().filter(|(_, whole)| !whole.state.is_closed()) {
        let todo = rollback(keeper, *id).await.unwrap();
        let steps = whole.steps.iter().zip(1..).filter(|((_, _, undone), _)| !undone);
        let mut wanted: Vec<_> = steps.map(|((_, data, _), number)| (number, data.clone())).collect();
        wanted.reverse();
        assert!(todo == wanted);
        for (number, _) in todo {
            undone(keeper, *id, number).await.unwrap();
        }
        let after = read(keeper, *id).await.unwrap();
        assert_eq!(after.state, TransactionState::RolledBack);
        let data = |whole: &Whole| whole.steps.iter().map(|step| (step.0.clone(), step.1.clone())).collect::<Vec<_>>();
        assert!(data(&after) == data(whole));
    }
    assert_eq!(listed(keeper, true).await, []);
}
