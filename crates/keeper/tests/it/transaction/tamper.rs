//! Hands in the store's file: rows of transactions and of their parts exchanged, put back, removed. That one is kept aside, the
//! others are served (B13, B14, B16).

use std::collections::BTreeMap;

use strongroom_engine::rule::Refusal;
use strongroom_engine::transaction::{List, PartBody, Rollback};
use strongroom_envelope::{Id, RecordKey, RecordKind, body};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Failure, Release};

use super::{begin, commit, content, listed, read, rollback, shown, step, undone};
use crate::insider::Insider;
use crate::rows::{Row, Rows, shown as place};
use crate::site::{Site, admin, findings, quarantined};

/// Six transactions, each with two parts in records of their own; `old` is the head of the last but one as it was a step before.
struct Filled {
    site: Site,
    ids: Vec<Id>,
    old: Row,
}

fn head(id: Id) -> Vec<u8> {
    RecordKey::new(RecordKind::Transaction, id).to_bytes().to_vec()
}

impl Filled {
    async fn new() -> Self {
        let site = Site::new();
        let keeper = site.start();
        let mut ids = Vec::new();
        let mut old = None;
        for number in 0..6 {
            let id = begin(&keeper).await;
            ids.push(id);
            step(&keeper, id, b"s1", &content(&format!("r1 of {number}"), 5000)).await.unwrap();
            if number == 4 {
                let rows = Rows::open(&site);
                old = Some((head(id), rows.get(&head(id)).unwrap()));
            }
            step(&keeper, id, &content(&format!("s2 of {number}"), 5000), b"r2").await.unwrap();
        }
        keeper.stop();
        Self { site, ids, old: old.unwrap() }
    }

    /// Where the part of a transaction's step lies.
    fn part(&self, number: usize, sequence: u32) -> Vec<u8> {
        let insider = Insider::of(&self.site);
        let rows = Rows::open(&self.site).of(RecordKind::TransactionStep);
        let is_it = |row: &Row| {
            let part: PartBody = body::decode_strict(insider.opened(row).expose()).unwrap();
            part.transaction == self.ids[number] && part.sequence == sequence
        };
        rows.into_iter().find(is_it).unwrap().0
    }

    /// Exchanges heads 0 and 1, parts of 2 and 3, puts an old head of 4 back, removes a part of 4. Number 5 is left alone.
    fn disturb(&self) -> BTreeMap<String, &'static str> {
        let rows = Rows::open(&self.site);
        let exchanged = (self.part(2, 1), self.part(3, 1));
        let gone = self.part(4, 2);
        let mut found = BTreeMap::new();
        for (one, other) in [(head(self.ids[0]), head(self.ids[1])), exchanged] {
            rows.swap(&one, &other);
            found.insert(place(&one), "unreadable");
            found.insert(place(&other), "unreadable");
        }
        rows.put_all(std::slice::from_ref(&self.old));
        found.insert(place(&self.old.0), "older");
        rows.delete(&gone);
        found.insert(place(&gone), "missing");
        found
    }

    async fn assert_refused(&self, keeper: &Keeper) {
        let finding = async |number: usize| quarantined(read(keeper, self.ids[number]).await);
        assert_eq!((finding(0).await, finding(1).await), (Some("unreadable"), Some("unreadable")), "heads");
        assert_eq!((finding(2).await, finding(3).await), (Some("unreadable"), Some("unreadable")), "parts");
        assert_eq!(finding(4).await, Some("older"));
        assert_eq!(finding(5).await, None);
        assert_eq!(quarantined(step(keeper, self.ids[0], b"", b"r").await), Some("unreadable"));
        assert_eq!(quarantined(commit(keeper, self.ids[4]).await), Some("older"), "no step is forgotten");
        // Their heads are right, so what is known about them is.
        assert_eq!(shown(keeper, self.ids[2]).await.unwrap().steps, 2);
        // What undoes the second step can be read; what undoes the first cannot, and that is said.
        let told = async || {
            let reply = keeper.execute(admin(), Rollback { id: self.ids[2] }).await.unwrap();
            assert_eq!(reply.left, 0);
            reply.undo.iter().map(|undo| (undo.sequence, undo.rollback.is_some(), undo.unreadable)).collect::<Vec<_>>()
        };
        assert_eq!(told().await, [(2, true, false), (1, false, true)]);
        undone(keeper, self.ids[2], 2).await.unwrap();
        assert_eq!(told().await, [(1, false, true)]);
        let whole = read(keeper, self.ids[5]).await.unwrap();
        assert_eq!(whole.steps[0].1, content("r1 of 5", 5000));
        let mut served = [self.ids[2], self.ids[3], self.ids[5]];
        served.sort_unstable();
        assert_eq!(listed(keeper, true).await, served);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_down() {
    let filled = Filled::new().await;
    let expected = filled.disturb();
    let keeper = filled.site.start();
    assert_eq!(findings(&keeper).await, expected);
    filled.assert_refused(&keeper).await;
    keeper.stop();
}

/// Whether a transaction is finished that cannot be read, nobody knows: so it is counted among those that are not; and once it is
/// right again it is listed without another start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_read_is_not_forgotten() {
    let filled = Filled::new().await;
    let before = Rows::open(&filled.site).all();
    filled.disturb();
    let keeper = filled.site.start();
    let list = || List { unfinished: true, state: None, after: None, limit: 100 };
    let reply = keeper.execute(admin(), list()).await.unwrap();
    assert_eq!((reply.transactions.len(), reply.unreadable), (3, 3));
    Rows::open(&filled.site).put_all(&before);
    keeper.verify(admin()).await.unwrap();
    let reply = keeper.execute(admin(), list()).await.unwrap();
    assert_eq!((reply.transactions.len(), reply.unreadable), (6, 0));
    keeper.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_runs() {
    let filled = Filled::new().await;
    let before = Rows::open(&filled.site).all();
    let keeper = filled.site.start();
    for id in &filled.ids {
        read(&keeper, *id).await.unwrap();
    }
    let expected = filled.disturb();
    keeper.verify(admin()).await.unwrap();
    assert_eq!(findings(&keeper).await, expected);
    filled.assert_refused(&keeper).await;
    // What comes back right is served by itself.
    let kinds = [RecordKind::Transaction.byte(), RecordKind::TransactionStep.byte()];
    let changed = head(filled.ids[2]);
    let rows: Vec<Row> = before.into_iter().filter(|(key, _)| kinds.contains(&key[0]) && *key != changed).collect();
    Rows::open(&filled.site).put_all(&rows);
    keeper.verify(admin()).await.unwrap();
    for id in &filled.ids {
        read(&keeper, *id).await.unwrap();
    }
    assert_eq!(rollback(&keeper, filled.ids[2]).await.unwrap(), [(1, content("r1 of 2", 5000))]);
    keeper.stop();
}

/// A part that is gone for good: its transaction says so, and is ended all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_was_given_up() {
    let filled = Filled::new().await;
    let gone = filled.part(4, 2);
    Rows::open(&filled.site).delete(&gone);
    let keeper = filled.site.start();
    assert_eq!(quarantined(read(&keeper, filled.ids[4]).await), Some("missing"));
    keeper.quarantine_release(admin(), place(&gone), Release::Delete).await.unwrap();
    let missing = Failure::Refused(Refusal::NotFound { what: "state", target: format!("step 2 of {}", filled.ids[4]) });
    assert_eq!(read(&keeper, filled.ids[4]).await.unwrap_err(), missing, "nothing is served as if it were whole");
    assert_eq!(commit(&keeper, filled.ids[4]).await.unwrap().steps, 2);
    // Another one like it is undone as far as it goes.
    let gone = filled.part(5, 1);
    Rows::open(&filled.site).delete(&gone);
    keeper.verify(admin()).await.unwrap();
    keeper.quarantine_release(admin(), place(&gone), Release::Delete).await.unwrap();
    let reply = keeper.execute(admin(), Rollback { id: filled.ids[5] }).await.unwrap();
    assert_eq!((reply.undo.len(), reply.undo[0].unreadable, reply.undo[1].unreadable, reply.left), (2, false, true, 0));
    assert_eq!(undone(&keeper, filled.ids[5], 2).await.unwrap().left, 1);
    // A person has undone it, and says so.
    assert_eq!(undone(&keeper, filled.ids[5], 1).await.unwrap().state.word(), "rolled_back");
    keeper.stop();
}

/// With a transaction its parts go: nobody could reach them any more, and a rotation would not come to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_was_given_up() {
    let filled = Filled::new().await;
    let (gone, rows) = (head(filled.ids[3]), Rows::open(&filled.site));
    let parts = [filled.part(3, 1), filled.part(3, 2)];
    rows.delete(&gone);
    let keeper = filled.site.start();
    keeper.quarantine_release(admin(), place(&gone), Release::Delete).await.unwrap();
    let left: Vec<Vec<u8>> = rows.of(RecordKind::TransactionStep).into_iter().map(|(key, _)| key).collect();
    assert_eq!((left.len(), parts.iter().any(|part| left.contains(part))), (10, false));
    for number in [0, 1, 2, 4, 5] {
        read(&keeper, filled.ids[number]).await.unwrap();
    }
    keeper.stop();
    drop(keeper);
    let keeper = filled.site.start();
    assert_eq!(findings(&keeper).await, BTreeMap::new());
    keeper.stop();
}
