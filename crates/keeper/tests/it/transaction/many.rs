//! A thousand transactions that are half done when the process ends: the next start lists exactly them, and hands back what undoes
//! each step, the last one first.

use strongroom_engine::transaction::TransactionState;
use strongroom_envelope::Id;
use strongroom_keeper::Keeper;
use tokio::task::JoinSet;

use super::{begin, commit, content, listed, read, rollback, step, undone};
use crate::site::Site;

const TRANSACTIONS: usize = 1000;
/// Of those that are finished as well.
const FINISHED: usize = 200;

/// What undoes a step of a transaction; of some of them it is long.
fn undo(number: usize, sequence: u32) -> Vec<u8> {
    let length = if number.is_multiple_of(10) { 5000 } else { 0 };
    content(&format!("undo {sequence} of {number}"), length)
}

/// How many of its steps are undone already when the process ends.
const fn done(number: usize) -> u32 {
    if number % 4 == 3 { 1 + (number / 4 % 2) as u32 } else { 0 }
}

async fn half(keeper: &Keeper, number: usize) -> Id {
    let id = begin(keeper).await;
    for sequence in 1..=3 {
        let state = content(&format!("state {sequence} of {number}"), 0);
        assert_eq!(step(keeper, id, &state, &undo(number, sequence)).await.unwrap().sequence, sequence);
    }
    // Some are begun to be undone, and get no further.
    if number % 4 >= 2 {
        rollback(keeper, id).await.unwrap();
        for undone_already in 0..done(number) {
            undone(keeper, id, 3 - undone_already).await.unwrap();
        }
    }
    id
}

async fn finished(keeper: &Keeper, number: usize) {
    let id = half(keeper, number * 4).await;
    if number.is_multiple_of(2) {
        commit(keeper, id).await.unwrap();
    } else {
        for (sequence, _) in rollback(keeper, id).await.unwrap() {
            undone(keeper, id, sequence).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_are_recovered() {
    let site = Site::new();
    let keeper = site.start();
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let keeper = keeper.clone();
        tasks.spawn(async move {
            let mut begun = Vec::new();
            for number in (task..TRANSACTIONS).step_by(32) {
                begun.push((half(&keeper, number).await, number));
                if number < FINISHED {
                    finished(&keeper, number).await;
                }
            }
            begun
        });
    }
    let mut begun: Vec<(Id, usize)> = tasks.join_all().await.into_iter().flatten().collect();
    begun.sort_unstable();
    // As after kill -9.
    drop(keeper);
    let keeper = site.start();
    let ids: Vec<Id> = begun.iter().map(|(id, _)| *id).collect();
    assert_eq!(listed(&keeper, true).await, ids, "exactly these, in the order they were begun");
    assert_eq!(listed(&keeper, false).await.len(), TRANSACTIONS + FINISHED);
    for (id, number) in &begun {
        let todo = rollback(&keeper, *id).await.unwrap();
        let wanted: Vec<_> =
            (1..=3 - done(*number)).rev().map(|sequence| (sequence, undo(*number, sequence))).collect();
        assert!(todo == wanted, "{number}: {todo:?}");
        for (at, (sequence, _)) in todo.iter().enumerate() {
            assert_eq!(undone(&keeper, *id, *sequence).await.unwrap().left as usize, todo.len() - at - 1);
        }
    }
    assert_eq!(listed(&keeper, true).await, []);
    drop(keeper);
    let keeper = site.start();
    assert_eq!(listed(&keeper, true).await, []);
    for (id, number) in begun.iter().step_by(10) {
        let whole = read(&keeper, *id).await.unwrap();
        assert_eq!(whole.state, TransactionState::RolledBack);
        assert!(whole.steps.iter().zip(1..).all(|((_, rollback, _), sequence)| *rollback == undo(*number, sequence)));
    }
    assert_eq!(keeper.status().quarantined, 0);
    keeper.stop();
}
