//! Disks that are full or fail in the middle of a transaction: refused whole, done once when asked again, and nobody is told what
//! is not so (B5, B6).

use strongroom_engine::transaction::{Commit, Encrypt, TransactionState, Undone};
use strongroom_envelope::Id;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Caller, Failure};
use strongroom_testkit::store::{Fault, Faults, MemoryStore};

use super::{begin, begin_as, content, listed, read, rollback, step, step_operation};
use crate::faults::watched::start_over;
use crate::site::{Site, retrying};

/// The changes of a transaction's life that may be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Begin,
    SmallStep,
    LargeStep,
    Commit,
    Undone,
}

const CHANGES: [Change; 5] = [Change::Begin, Change::SmallStep, Change::LargeStep, Change::Commit, Change::Undone];

/// One transaction with a step whose data lies apart; for [`Change::Undone`] it is being undone.
async fn lived(change: Change) -> (Site, MemoryStore, Keeper, Id) {
    let (site, store) = (Site::new(), MemoryStore::new());
    let keeper = start_over(&site, store.clone());
    let id = begin(&keeper).await;
    step(&keeper, id, b"s1", &content("r1", 5000)).await.unwrap();
    if change == Change::Undone {
        rollback(&keeper, id).await.unwrap();
    }
    (site, store, keeper, id)
}

/// Asks for it; what was answered, as text.
async fn ask(keeper: &Keeper, caller: Caller, change: Change, id: Id) -> Result<String, Failure> {
    let answer = match change {
        Change::Begin => format!("{:?}", begin_as(keeper, caller, Encrypt::Always).await?),
        Change::SmallStep => format!("{:?}", keeper.execute(caller, step_operation(id, b"s2", b"r2")).await?),
        Change::LargeStep => {
            let operation = step_operation(id, &content("s2", 5000), &content("r2", 5000));
            format!("{:?}", keeper.execute(caller, operation).await?)
        }
        Change::Commit => format!("{:?}", keeper.execute(caller, Commit { id }).await?),
        Change::Undone => format!("{:?}", keeper.execute(caller, Undone { id, sequence: 1 }).await?),
    };
    Ok(answer)
}

/// What one application of the change leaves behind.
async fn assert_once(keeper: &Keeper, change: Change, id: Id) {
    let whole = read(keeper, id).await.unwrap();
    let open = listed(keeper, true).await.len();
    let found = (whole.state, whole.steps.len(), open, listed(keeper, false).await.len());
    let wanted = match change {
        Change::Begin => (TransactionState::Active, 1, 2, 2),
        Change::SmallStep | Change::LargeStep => (TransactionState::Active, 2, 1, 1),
        Change::Commit => (TransactionState::Committed, 1, 0, 1),
        Change::Undone => (TransactionState::RolledBack, 1, 0, 1),
    };
    assert_eq!(found, wanted, "{change:?}");
    if change == Change::LargeStep {
        assert_eq!(whole.steps[1], (content("s2", 5000), content("r2", 5000), false));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_volume_refuses_the_whole_change() {
    for change in CHANGES {
        let (_site, store, keeper, id) = lived(change).await;
        let (before, records) = (read(&keeper, id).await.unwrap(), store.records());
        store.fail_after(0, Fault::Full);
        let caller = || retrying("again", 1);
        assert_eq!(ask(&keeper, caller(), change, id).await, Err(Failure::StorageFull), "{change:?}");
        assert_eq!(read(&keeper, id).await.unwrap(), before, "{change:?}");
        assert!(store.records() == records, "{change:?}: a part of it is there");
        let first = ask(&keeper, caller(), change, id).await.unwrap();
        assert_eq!(ask(&keeper, caller(), change, id).await, Ok(first), "{change:?}: once, and answered the same");
        assert_once(&keeper, change, id).await;
    }
}

/// EIO at COMMIT: nobody knows. After the restart the same request, under its idempotency key, is done once, whichever it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_settled_by_asking_again() {
    for fault in [Fault::UnknownApplied, Fault::UnknownLost] {
        for change in CHANGES {
            let (site, store, keeper, id) = lived(change).await;
            store.fail_after(0, fault);
            let caller = || retrying("again", 1);
            let outcome = ask(&keeper, caller(), change, id).await;
            assert!(matches!(outcome, Err(Failure::OutcomeUnknown { .. })), "{change:?}: {outcome:?}");
            assert_eq!(ask(&keeper, retrying("other", 1), Change::Begin, id).await, Err(Failure::WritingStopped));
            drop(keeper);
            store.set_faults(Faults::none());
            store.restart();
            let keeper = start_over(&site, store.clone());
            let first = ask(&keeper, caller(), change, id).await.unwrap();
            assert_eq!(ask(&keeper, caller(), change, id).await, Ok(first), "{change:?}");
            assert_once(&keeper, change, id).await;
            keeper.stop();
        }
    }
}
