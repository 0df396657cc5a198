//! Commits that fail: told for what they are, nothing false is served, and a restart settles what nobody knew (B5, B6).

use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::Show;
use strongroom_envelope::RecordKey;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;
use strongroom_testkit::store::{Fault, MemoryStore};

use super::watched::start_over;
use crate::site::{Site, admin, get, name, put, put_operation, retrying, value};
use crate::trail;

async fn lived() -> (Site, MemoryStore, Keeper) {
    let (site, store) = (Site::new(), MemoryStore::new());
    let keeper = start_over(&site, store.clone());
    put(&keeper, "a", b"kept").await.unwrap();
    (site, store, keeper)
}

#[tokio::test]
async fn a_full_volume_refuses_changes_and_nothing_else() {
    let (site, store, keeper) = lived().await;
    store.fail_after(0, Fault::Full);
    store.fail_after(1, Fault::Full);
    assert_eq!(put(&keeper, "a", b"no room").await, Err(Failure::StorageFull));
    assert_eq!(keeper.execute(retrying("k", 1), put_operation("b", b"later")).await, Err(Failure::StorageFull));
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert!(keeper.status().writable);
    // There is room again: the same request is done, once.
    assert_eq!(put(&keeper, "a", b"room").await.unwrap().version, 2);
    let first = keeper.execute(retrying("k", 1), put_operation("b", b"later")).await.unwrap();
    assert_eq!(keeper.execute(retrying("k", 1), put_operation("b", b"later")).await.unwrap(), first);
    let outcomes: Vec<String> = trail::lines(&site)
        .into_iter()
        .filter(|line| line.operation == "secret.put")
        .map(|line| line.outcome)
        .collect();
    assert_eq!(outcomes, ["ok", "storage_full", "storage_full", "ok", "ok", "repeated"]);
    keeper.stop();
    drop(keeper);
    let keeper = start_over(&site, store);
    assert_eq!((value(&keeper, "a").await, value(&keeper, "b").await), (b"room".to_vec(), b"later".to_vec()));
    assert_eq!(keeper.status().quarantined, 0);
}

#[tokio::test]
async fn a_commit_that_surely_failed_changes_nothing() {
    let (_site, store, keeper) = lived().await;
    store.fail_after(0, Fault::Failed);
    assert_eq!(put(&keeper, "a", b"lost").await, Err(Failure::StorageFailed));
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert_eq!(put(&keeper, "a", b"next").await.unwrap().version, 2);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_no_finding() {
    let (site, store, keeper) = lived().await;
    store.set_unreadable(true);
    assert_eq!(get(&keeper, "a").await.unwrap_err(), Failure::StorageFailed);
    assert!(keeper.verify(admin()).await.is_err());
    store.set_unreadable(false);
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert_eq!((keeper.status().quarantined, site.events.count("quarantined")), (0, 0));
}

/// EIO at COMMIT: whether the batch is there or not, nobody is told that it is, and nobody is told a wrong value.
async fn unknown(fault: Fault) {
    let (site, store, keeper) = lived().await;
    put(&keeper, "untouched", b"kept").await.unwrap();
    store.fail_after(0, fault);
    let request = || retrying("key", 1);
    let Err(Failure::OutcomeUnknown { .. }) = keeper.execute(request(), put_operation("a", b"perhaps")).await else {
        panic!("the outcome is known");
    };
    assert_eq!(put(&keeper, "b", b"after").await, Err(Failure::WritingStopped));
    assert_eq!(value(&keeper, "untouched").await, b"kept");
    match (fault, get(&keeper, "a").await) {
        (Fault::UnknownLost, Ok(old)) => assert_eq!(old.value.expose(), b"kept"),
        (Fault::UnknownApplied, Err(failure)) => assert_eq!(failure, Failure::WritingStopped),
        (_, other) => panic!("{other:?}"),
    }
    keeper.verify(admin()).await.unwrap();
    let status = keeper.status();
    assert_eq!((status.writable, status.quarantined), (false, 0));
    assert!(status.alarms.iter().any(|alarm| alarm.code == "writing_stopped"));
    assert_eq!(site.events.count("quarantined"), 0);
    keeper.stop();
    drop(keeper);

    store.restart();
    let keeper = start_over(&site, store.clone());
    let before = trail::count_of(&site, "secret.put", "a");
    let reply = keeper.execute(request(), put_operation("a", b"perhaps")).await.unwrap();
    assert_eq!((reply.version, value(&keeper, "a").await), (2, b"perhaps".to_vec()));
    let shown = keeper.execute(admin(), Show { selector: name("a") }).await.unwrap();
    assert_eq!(shown.versions.len(), 2, "it was done once");
    let other = keeper.execute(retrying("key", 2), put_operation("a", b"another body")).await;
    assert_eq!(other, Err(Failure::RetryMismatch));
    assert_eq!(put(&keeper, "b", b"after").await.unwrap().version, 1);
    keeper.stop();
    drop(keeper);
    // One line when it failed, one when it was found done or was done: told once, and a retry that was only answered is its own line.
    let done = usize::from(fault == Fault::UnknownLost);
    assert_eq!(trail::count_of(&site, "secret.put", "a") - before, done);
    trail::assert_no_line_twice(&site);
    let keeper = start_over(&site, store);
    assert_eq!(keeper.status().quarantined, 0);
}

#[tokio::test]
async fn an_unknown_outcome_that_was_applied() {
    unknown(Fault::UnknownApplied).await;
}

#[tokio::test]
async fn an_unknown_outcome_that_was_lost() {
    unknown(Fault::UnknownLost).await;
}

/// The next log record is there although we did not write it: somebody else writes to this store.
#[tokio::test]
async fn a_second_writer_stops_the_first() {
    let (_site, store, keeper) = lived().await;
    store.tamper(&RecordKey::log(keeper.status().epoch + 1).to_bytes(), Some(vec![1; 200]));
    assert_eq!(put(&keeper, "a", b"x").await, Err(Failure::WritingStopped));
    assert_eq!(put(&keeper, "b", b"x").await, Err(Failure::WritingStopped));
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert!(!keeper.status().writable);
}

/// The first commit of all fails: nothing is left of the instance, and the next start makes one.
#[tokio::test]
async fn a_first_start_that_failed_is_begun_anew() {
    for fault in [Fault::Full, Fault::Failed, Fault::UnknownLost, Fault::UnknownApplied] {
        let (site, store) = (Site::new(), MemoryStore::new());
        store.fail_after(0, fault);
        assert!(super::watched::open_over(&site, store.clone()).is_err());
        store.restart();
        let (keeper, report) = super::watched::open_over(&site, store.clone()).unwrap();
        assert_eq!((report.locked, report.created), (None, fault != Fault::UnknownApplied), "{fault:?}");
        put(&keeper, "a", b"kept").await.unwrap();
        keeper.stop();
        drop(keeper);
        let keeper = start_over(&site, store);
        assert_eq!(value(&keeper, "a").await, b"kept");
        let refused = get(&keeper, "b").await;
        assert!(matches!(refused, Err(Failure::Refused(Refusal::NotFound { .. }))));
    }
}
