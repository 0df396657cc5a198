//! The process ends before and after every commit of the store: no acknowledged change is lost, none is half done, every line is
//! told once. Trail, anchor and secret files are as they were at that very moment, mostly behind the store.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_engine::name::Name;
use strongroom_engine::policy::Role;
use strongroom_engine::secret::{Delete, Rename};
use strongroom_engine::token::Issue;
use strongroom_envelope::RecordKind;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{ProtectorSpec, ProtectorState};
use strongroom_testkit::store::MemoryStore;

use super::watched::{Watched, open_over, start_over};
use crate::site::{Image, Site, admin, get, name, put, put_operation, retrying};
use crate::trail;

const BESIDE: [&str; 4] = ["audit", "anchor", "account", "machine"];

/// The files beside the store, before and after each commit.
type Moments = Arc<Mutex<Vec<(MemoryStore, Image)>>>;

/// A store that keeps every moment at which the process could end.
fn watched(site: &Site, store: &MemoryStore) -> (Watched, Moments) {
    let moments: Moments = Arc::default();
    let (seen, folder) = (Arc::clone(&moments), site.folder.path().to_owned());
    let watched = Watched::new(store.clone(), move |store| {
        seen.lock().push((store.copied(), Image::taken(&folder, &BESIDE)));
    });
    (watched, moments)
}

/// What every name holds.
type State = BTreeMap<&'static str, Option<Vec<u8>>>;

async fn state(keeper: &Keeper) -> State {
    let mut state = State::new();
    for text in ["a", "b", "c"] {
        state.insert(text, get(keeper, text).await.ok().map(|got| got.value.expose().to_vec()));
    }
    state
}

/// Changes of every kind; after each what was acknowledged, and how many moments had passed.
async fn live(keeper: &Keeper, moments: &Moments) -> Vec<(usize, State)> {
    let mut acknowledged = Vec::new();
    for step in 0..9 {
        match step {
            0 => drop(put(keeper, "a", b"one").await.unwrap()),
            1 => drop(put(keeper, "a", b"two").await.unwrap()),
            2 => drop(keeper.execute(retrying("k", 1), put_operation("b", b"three")).await.unwrap()),
            3 => {
                let to = Name::parse("c").unwrap();
                drop(keeper.execute(admin(), Rename { selector: name("b"), to }).await.unwrap());
            }
            4 => drop(keeper.execute(admin(), Delete { selector: name("a"), expected_version: None }).await.unwrap()),
            5 => {
                let issue = Issue { role: Role::Read, expires_in_milliseconds: 60_000, description: None };
                drop(keeper.execute(admin(), issue).await.unwrap());
            }
            6 => drop(keeper.protector_drop(admin(), "machine".into(), false).await.unwrap()),
            7 => drop(keeper.protector_add(admin(), ProtectorSpec::Machine).await.unwrap()),
            _ => drop(put(keeper, "c", b"four").await.unwrap()),
        }
        let passed = moments.lock().len();
        acknowledged.push((passed, state(keeper).await));
    }
    acknowledged
}

#[tokio::test]
async fn before_and_after_every_commit_of_a_life() {
    let (site, store) = (Site::new(), MemoryStore::new());
    let (over, moments) = watched(&site, &store);
    let keeper = start_over(&site, over);
    let begun = moments.lock().len();
    let acknowledged = live(&keeper, &moments).await;
    keeper.stop();
    drop(keeper);
    let moments = std::mem::take(&mut *moments.lock());
    assert!(moments.len() >= 20, "{} moments", moments.len());
    for (number, (image, beside)) in moments.iter().enumerate() {
        site.restore(beside, &BESIDE);
        let (keeper, report) = open_over(&site, image.clone()).unwrap();
        assert_eq!(report.locked, None, "moment {number}: {:?}", report.explanation);
        assert_eq!(report.created, number == 0, "moment {number}");
        assert_eq!(keeper.status().quarantined, 0);
        if number >= begun {
            // What was acknowledged before this moment is there; of the change that was on its way all or nothing.
            let now = state(&keeper).await;
            let done = acknowledged.iter().filter(|(passed, _)| *passed <= number + 1).count();
            let possible: Vec<&State> =
                acknowledged[done.saturating_sub(1)..].iter().take(2).map(|(_, state)| state).collect();
            let nothing = State::from([("a", None), ("b", None), ("c", None)]);
            let possible = if done == 0 { vec![&nothing, possible[0]] } else { possible };
            assert!(possible.contains(&&now), "moment {number}: {now:?} is none of {possible:?}");
        }
        put(&keeper, "later", b"alive").await.unwrap();
        keeper.stop();
        drop(keeper);
        trail::assert_no_line_twice(&site);
        let key_zero = trail::lines(&site).remove(0).checkpoint.unwrap().next_key;
        trail::verified(&site, key_zero);
        assert_every_batch_is_told(&site, image);
        if number % 4 == 0 {
            let keeper = start_over(&site, image.clone());
            assert_eq!(keeper.status().quarantined, 0);
        }
    }
}

/// As many lines as the store has log records, at least: every batch has one or more.
fn assert_every_batch_is_told(site: &Site, store: &MemoryStore) {
    let logs = store.records().into_keys().filter(|key| key[0] == RecordKind::Log.byte()).count();
    let mut told: Vec<u64> =
        trail::lines(site).iter().filter(|line| line.index.is_some()).filter_map(|line| line.epoch).collect();
    told.dedup();
    assert_eq!(told.len(), logs, "every batch is told");
}

/// Crash at each write of a start that heals both ways: at the end there is one account protector that opens, and one line.
#[tokio::test]
async fn before_and_after_every_commit_of_a_healing() {
    let (site, store) = (Site::new(), MemoryStore::new());
    let keeper = start_over(&site, store.clone());
    put(&keeper, "a", b"kept").await.unwrap();
    keeper.stop();
    drop(keeper);
    for file in site.secret_files("account") {
        fs::remove_file(file).unwrap();
    }
    let (over, moments) = watched(&site, &store);
    let (keeper, report) = open_over(&site, over).unwrap();
    assert_eq!(report.healed.len(), 1);
    keeper.stop();
    drop(keeper);
    let moments = std::mem::take(&mut *moments.lock());
    assert!(moments.len() >= 4);
    for (number, (image, beside)) in moments.iter().enumerate() {
        site.restore(beside, &BESIDE);
        for start in 0..2 {
            let (keeper, report) = open_over(&site, image.clone()).unwrap();
            assert_eq!(report.locked, None);
            assert!(start == 0 || report.healed.is_empty(), "moment {number}");
            assert!(report.protectors.iter().all(|view| view.state == ProtectorState::Proven), "moment {number}");
            assert_eq!(report.protectors.len(), 2);
            assert_eq!(crate::site::value(&keeper, "a").await, b"kept");
            keeper.stop();
        }
        let rows = image.records().into_keys().filter(|key| key[0] == RecordKind::Protector.byte()).count();
        assert_eq!((rows, trail::count(&site, "protector.heal")), (2, 1), "moment {number}");
        trail::assert_no_line_twice(&site);
    }
}
