//! Many at once: healthy records are never suspected, compare-and-set holds, keys make retries harmless, names stay unique; and
//! snapshots are written while all that goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Delete, Rename, Show, Undelete};
use strongroom_envelope::RecordKind;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;
use tokio::task::JoinSet;

use crate::rows::Rows;
use crate::site::{Site, admin, get, name, put, put_operation, retrying, value};
use crate::trail;

const LONG: Duration = Duration::from_secs(3);
const SECRETS: u64 = 12;

/// A value that says which version of which secret it is.
fn marked(secret: u64, counter: u64) -> Vec<u8> {
    format!("{secret}/{counter}").into_bytes()
}

async fn read(keeper: Keeper, ended: Arc<AtomicBool>, seed: u64) -> u64 {
    let mut reads = 0;
    let mut turn = seed;
    while !ended.load(Ordering::Relaxed) {
        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let secret = (turn >> 33) % SECRETS;
        let got = value(&keeper, &format!("s/{secret}")).await;
        let text = String::from_utf8(got).unwrap();
        assert_eq!(text.split('/').next(), Some(secret.to_string().as_str()), "another secret's value");
        reads += 1;
    }
    reads
}

/// Writes its own share of the secrets, in place, by way of a deletion, and under another name and back.
async fn write(keeper: Keeper, ended: Arc<AtomicBool>, own: Vec<u64>) -> u64 {
    let mut writes = 0;
    while !ended.load(Ordering::Relaxed) {
        for secret in &own {
            writes += 1;
            put(&keeper, &format!("s/{secret}"), &marked(*secret, writes)).await.unwrap();
        }
        let scratch = format!("scratch/{}", own[0]);
        put(&keeper, &scratch, b"0").await.unwrap();
        let to = Name::parse(&format!("moved/{}", own[0])).unwrap();
        keeper.execute(admin(), Rename { selector: name(&scratch), to: to.clone() }).await.unwrap();
        let moved = || strongroom_engine::name::Selector::Name(to.clone());
        keeper.execute(admin(), Delete { selector: moved(), expected_version: None }).await.unwrap();
        keeper.execute(admin(), Undelete { selector: moved() }).await.unwrap();
        let whole = strongroom_engine::secret::Destroy { selector: moved(), version: None };
        keeper.execute(admin(), whole).await.unwrap();
    }
    writes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_readers_and_four_writers_find_nothing_wrong() {
    let site = Site::new();
    let keeper = site.start();
    for secret in 0..SECRETS {
        put(&keeper, &format!("s/{secret}"), &marked(secret, 0)).await.unwrap();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let (mut readers, mut writers) = (JoinSet::new(), JoinSet::new());
    for seed in 0..8 {
        readers.spawn(read(keeper.clone(), Arc::clone(&ended), seed));
    }
    for writer in 0..4 {
        let own = (0..SECRETS).filter(|secret| secret % 4 == writer).collect();
        writers.spawn(write(keeper.clone(), Arc::clone(&ended), own));
    }
    // Everything is verified over and over beside it, and old bytes removed.
    let begun = Instant::now();
    let mut verified = 0;
    while begun.elapsed() < LONG {
        let report = keeper.verify(admin()).await.unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        keeper.scrub(admin()).await.unwrap();
        verified += 1;
    }
    ended.store(true, Ordering::Relaxed);
    let (reads, writes) = (readers.join_all().await, writers.join_all().await);
    assert!(reads.iter().all(|reads| *reads > 10) && writes.iter().all(|writes| *writes > 3), "{reads:?} {writes:?}");
    assert!(verified > 1);
    assert_eq!((keeper.status().quarantined, site.events.count("quarantined")), (0, 0));
    keeper.stop();
    drop(keeper);
    trail::assert_no_line_twice(&site);
    let keeper = site.start();
    assert_eq!(keeper.status().quarantined, 0);
    for secret in 0..SECRETS {
        value(&keeper, &format!("s/{secret}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compare_and_set_lets_one_of_many_through() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"0").await.unwrap();
    for round in 1..=20u32 {
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let keeper = keeper.clone();
            tasks.spawn(async move {
                let mut operation = put_operation("a", b"x");
                operation.expected_version = Some(round);
                keeper.execute(admin(), operation).await
            });
        }
        let (done, refused): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(done.into_iter().map(|reply| reply.unwrap().version).collect::<Vec<_>>(), [round + 1]);
        for outcome in refused {
            let conflict = Refusal::VersionConflict { expected: round, found: round + 1 };
            assert_eq!(outcome, Err(Failure::Refused(conflict)));
        }
    }
}

/// Without an expected version every one of them is done, one after the other, however many there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_who_writes_to_one_secret_gets_a_turn() {
    let site = Site::new();
    let keeper = site.start();
    let mut tasks = JoinSet::new();
    let (each, clients) = (10, 32);
    for _ in 0..clients {
        let keeper = keeper.clone();
        tasks.spawn(async move {
            let mut versions = Vec::new();
            for _ in 0..each {
                versions.push(put(&keeper, "a", b"x").await.unwrap().version);
            }
            versions
        });
    }
    let versions: BTreeSet<u32> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(versions, (1..=each * clients).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_idempotency_key_is_one_change() {
    let site = Site::new();
    let keeper = site.start();
    for round in 0..20 {
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let keeper = keeper.clone();
            tasks.spawn(async move {
                keeper.execute(retrying(&format!("key {round}"), 1), put_operation("a", b"x")).await.unwrap()
            });
        }
        let replies = tasks.join_all().await;
        assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
        assert_eq!(replies[0].version, round + 1);
    }
    let shown = keeper.execute(admin(), Show { selector: name("a") }).await.unwrap();
    assert_eq!(shown.version, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_stay_unique_whoever_races_for_them() {
    let site = Site::new();
    let keeper = site.start();
    let mut created = 0;
    for round in 0..20 {
        let wanted = format!("n/{round}");
        for number in 0..4 {
            put(&keeper, &format!("from/{round}/{number}"), b"x").await.unwrap();
        }
        let mut creators = JoinSet::new();
        let mut renamers = JoinSet::new();
        for number in 0..4 {
            let (one, other, wanted) = (keeper.clone(), keeper.clone(), wanted.clone());
            let to = Name::parse(&wanted).unwrap();
            creators.spawn(async move {
                let mut operation = put_operation(&wanted, b"y");
                operation.expected_version = Some(0);
                one.execute(admin(), operation).await.map(|reply| reply.id)
            });
            renamers.spawn(async move {
                let selector = name(&format!("from/{round}/{number}"));
                other.execute(admin(), Rename { selector, to }).await.map(|reply| reply.id)
            });
        }
        let mut won: Vec<_> = creators.join_all().await.into_iter().filter_map(Result::ok).collect();
        created += won.len() as u64;
        won.extend(renamers.join_all().await.into_iter().filter_map(Result::ok));
        assert_eq!(won.len(), 1, "one of eight has the name");
        assert_eq!(get(&keeper, &wanted).await.unwrap().id, won[0]);
    }
    keeper.stop();
    drop(keeper);
    let keeper = site.start();
    // One of eight has the name; those who wanted to rename are still there.
    assert_eq!((keeper.status().quarantined, keeper.status().secrets), (0, 20 * 4 + created));
}

/// 10,000 epochs: a snapshot is due and written while others read and write, and the next start begins with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_under_load() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "s/0", b"0/0").await.unwrap();
    put(&keeper, "kept", b"before").await.unwrap();
    let key_epoch = {
        keeper.execute(retrying("early", 1), put_operation("early", b"x")).await.unwrap();
        keeper.status().epoch
    };
    let rows = Rows::open(&site);
    let mut version = 1;
    while keeper.status().epoch < 10_050 {
        let mut operation = put_operation("s/0", &marked(0, version));
        operation.keep = Some(1);
        let written = keeper.execute(admin(), operation);
        version = if version % 4 == 0 {
            let (written, read) = tokio::join!(written, value(&keeper, "kept"));
            assert_eq!(read, b"before");
            u64::from(written.unwrap().version)
        } else {
            u64::from(written.await.unwrap().version)
        };
    }
    let pages = rows.of(RecordKind::Snapshot);
    assert_eq!(pages.len(), 1, "a snapshot was written while the server ran");
    // As after kill -9: the snapshot and the log records behind it, no other.
    let killed = site.image();
    keeper.stop();
    drop(keeper);
    site.restore(&killed, &crate::site::FOLDERS);
    let begun = Instant::now();
    let keeper = site.start();
    let started = begun.elapsed();
    assert_eq!(value(&keeper, "s/0").await, marked(0, version - 1));
    assert_eq!((value(&keeper, "kept").await, keeper.status().quarantined), (b"before".to_vec(), 0));
    // Log records younger than a day stay, also below the snapshot; what they know of retries is still known.
    let logs = rows.of(RecordKind::Log).len() as u64;
    assert!(logs >= 10_050 && key_epoch < 10_000, "{logs} log records");
    let again = keeper.execute(retrying("early", 1), put_operation("early", b"x")).await.unwrap();
    assert_eq!((again.version, again.created), (1, true));
    assert!(started < Duration::from_secs(5), "{started:?}");
    keeper.stop();
    drop(keeper);
    let pages = rows.of(RecordKind::Snapshot);
    assert_eq!(pages.len(), 1, "the older snapshot is gone");
    let keeper = site.start();
    assert_eq!(keeper.status().quarantined, 0);
}
