//! While the server is down: found by the start-up scan, reported once, and not again by the next start.

use std::collections::BTreeMap;

use strongroom_envelope::{RecordKey, RecordKind};
use strongroom_keeper::Keeper;

use crate::filled::{Filled, secret};
use crate::rows::{Row, Rows, flipped, shown};
use crate::site::{FOLDERS, Site, admin, findings, get, get_by_id, name, put, put_operation, quarantined};
use crate::trail;

use super::running::{Findings, disturb};

/// What a start finds has to be exactly this, and each that is new is reported exactly once.
async fn start_finding(site: &Site, expected: &Findings, new: &Findings) -> Keeper {
    let lines = |record: &String| trail::count_of(site, "quarantine.found", record);
    let before: BTreeMap<&String, usize> = expected.keys().map(|record| (record, lines(record))).collect();
    site.events.take();
    let keeper = site.start();
    assert_eq!(findings(&keeper).await, *expected);
    assert_eq!(keeper.status().quarantined as usize, expected.len());
    put(&keeper, "later", b"").await.unwrap();
    assert_eq!(site.events.count("quarantined"), new.len(), "{}", site.events.text());
    for (record, before) in before {
        let found = usize::from(new.contains_key(record));
        assert_eq!(lines(record), before + found, "{record}");
    }
    keeper
}

/// B7: records of every kind that is judged alone, several in one start; half of them right again in the next.
#[tokio::test]
async fn damaged_bytes_are_found_by_the_next_start_and_right_ones_end_it() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let row = |key: Vec<u8>| (key.clone(), rows.get(&key).unwrap());
    let protectors = rows.of(RecordKind::Protector);
    let sets: [Vec<Row>; 2] = [
        vec![row(filled.head_key(1)), filled.current(2), row(filled.token_key(0)), protectors[0].clone()],
        vec![
            row(filled.head_key(3)),
            filled.current(4),
            rows.of(RecordKind::Instance).remove(0),
            protectors[1].clone(),
        ],
    ];
    let longest = sets.iter().flatten().map(|(_, sealed)| sealed.len()).max().unwrap();
    let torture = std::env::var_os("STRONGROOM_TORTURE").is_some();
    let offsets = (0..longest).filter(|offset| torture || *offset < 16 || offset % 32 == 0);
    for (number, offset) in offsets.enumerate() {
        let (damaged, right) = (&sets[number % 2], &sets[(number + 1) % 2]);
        let damaged = damaged.iter().filter(|(_, sealed)| offset < sealed.len());
        let damaged: Vec<Row> = damaged.map(|row| flipped(row, offset, 1 << (offset % 8))).collect();
        rows.put_all(right);
        rows.put_all(&damaged);
        let expected: Findings = damaged.iter().map(|(key, _)| (shown(key), "unreadable")).collect();
        // The set before last is damaged again, and was right in between: it is new.
        let keeper = start_finding(&filled.site, &expected, &expected).await;
        if number % 8 == 0 {
            filled.assert_served(&keeper, &[1, 2, 3, 4]).await;
        }
        keeper.stop();
    }
    for set in &sets {
        rows.put_all(set);
    }
    let keeper = start_finding(&filled.site, &Findings::new(), &Findings::new()).await;
    filled.assert_served(&keeper, &[]).await;
    keeper.stop();
    trail::verified(&filled.site, filled.key_zero);
}

/// B13, B14, B16: exchanged, rolled back, removed, brought back, added, all at once.
#[tokio::test]
async fn rows_out_of_place_are_named_and_the_rest_is_served() {
    let filled = Filled::new().await;
    let disturbance = disturb(&filled).await;
    let keeper = start_finding(&filled.site, &disturbance.expected, &disturbance.expected).await;
    disturbance.assert_refused(&filled, &keeper).await;
    // One row with a kind that nobody knows, and one with a key of another length.
    let strange = keeper.status().alarms.into_iter().find(|alarm| alarm.code == "strangers").unwrap();
    assert!(strange.message.ends_with(": 2"), "{}", strange.message);
    assert_eq!(trail::count(&filled.site, "alarm.strangers"), 1);
    keeper.stop();
    drop(keeper);
    // What is known is not told again.
    let keeper = start_finding(&filled.site, &disturbance.expected, &Findings::new()).await;
    keeper.stop();
    drop(keeper);
    disturbance.undo(&filled);
    let keeper = start_finding(&filled.site, &Findings::new(), &Findings::new()).await;
    filled.assert_served(&keeper, &[]).await;
    assert_eq!(Rows::open(&filled.site).of(RecordKind::Quarantine).len(), 0);
}

/// B14: the head of a secret as it was after each of its earlier versions.
#[tokio::test]
async fn every_earlier_state_of_a_record_is_refused() {
    let filled = Filled::new().await;
    for earlier in &filled.heads[..filled.heads.len() - 1] {
        let rows = Rows::open(&filled.site);
        rows.put_all(std::slice::from_ref(earlier));
        let expected = Findings::from([(shown(&earlier.0), "older")]);
        let keeper = start_finding(&filled.site, &expected, &expected).await;
        assert_eq!(filled.refused(&keeper, 0).await, (Some("older"), Some("older")));
        rows.put_all(std::slice::from_ref(filled.heads.last().unwrap()));
        // Right bytes come back while the server runs: the next read serves them and the quarantine ends.
        filled.assert_served(&keeper, &[]).await;
        assert_eq!(findings(&keeper).await, Findings::new());
        keeper.stop();
    }
}

/// Two histories of one store: a record of the other one is authentic, of the same generation, and not the one expected.
#[tokio::test]
async fn a_record_of_another_history_is_foreign() {
    let filled = Filled::new().await;
    let before = filled.site.image();
    let keeper = filled.site.start();
    put(&keeper, &secret(7), b"in the other history").await.unwrap();
    keeper.stop();
    drop(keeper);
    let other = Rows::open(&filled.site).get(&filled.head_key(7)).unwrap();
    filled.site.restore(&before, &FOLDERS);
    let keeper = filled.site.start();
    put(&keeper, &secret(7), b"in this history").await.unwrap();
    keeper.stop();
    drop(keeper);
    Rows::open(&filled.site).put(&filled.head_key(7), &other);
    let expected = Findings::from([(shown(&filled.head_key(7)), "foreign")]);
    let keeper = start_finding(&filled.site, &expected, &expected).await;
    assert_eq!(filled.refused(&keeper, 7).await, (Some("foreign"), Some("foreign")));
    filled.assert_served(&keeper, &[7]).await;
}

/// The name of a head that failed at start is known from the log; it stays taken, and comes back with the head.
#[tokio::test]
async fn the_name_of_a_failed_secret_stays_its_own() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let right = (filled.head_key(5), rows.get(&filled.head_key(5)).unwrap());
    rows.put_all(&[flipped(&right, 60, 1)]);
    let keeper = filled.site.start();
    assert_eq!(quarantined(put(&keeper, &secret(5), b"a second one").await), Some("unreadable"));
    let taken = keeper.execute(
        admin(),
        strongroom_engine::secret::Rename {
            selector: name(&secret(6)),
            to: strongroom_engine::name::Name::parse(&secret(5)).unwrap(),
        },
    );
    assert!(taken.await.is_err());
    rows.put_all(std::slice::from_ref(&right));
    // Read by id, then by name: the same secret, and a new value is a new version of it.
    assert_eq!(get_by_id(&keeper, filled.secrets[5]).await.unwrap().id, filled.secrets[5]);
    assert_eq!(get(&keeper, &secret(5)).await.unwrap().id, filled.secrets[5]);
    let again = keeper.execute(admin(), put_operation(&secret(5), b"one more")).await.unwrap();
    assert_eq!((again.id, again.created), (filled.secrets[5], false));
}

/// A token that failed at start lets nobody in; an application key that failed locks what is sealed under it, and nothing else.
#[tokio::test]
async fn tokens_and_keys_come_back_with_their_bytes() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let token = (filled.token_key(0), rows.get(&filled.token_key(0)).unwrap());
    let keys = rows.of(RecordKind::Key);
    let damaged: Vec<Row> = keys.iter().chain([&token]).map(|row| flipped(row, 50, 1)).collect();
    rows.put_all(&damaged);
    let keeper = filled.site.start();
    assert!(keeper.authenticate(&filled.tokens[0].1).is_none());
    assert!(keeper.authenticate(&filled.tokens[1].1).is_some());
    let locked = get(&keeper, &secret(1)).await.unwrap_err();
    assert!(matches!(
        locked,
        strongroom_keeper::facade::Failure::Refused(strongroom_engine::rule::Refusal::KeyLocked { .. })
    ));
    rows.put_all(&[token]);
    rows.put_all(&keys);
    keeper.verify(admin()).await.unwrap();
    filled.assert_served(&keeper, &[]).await;
    assert!(keeper.authenticate(&filled.tokens[0].1).is_some());
    assert_eq!(findings(&keeper).await, Findings::new());
}

/// A row of our own key, with the bytes of another instance, and a row of another instance under its own key.
#[tokio::test]
async fn rows_of_another_instance() {
    let filled = Filled::new().await;
    let other = Filled::new().await;
    let foreign = (other.head_key(9), Rows::open(&other.site).get(&other.head_key(9)).unwrap());
    let rows = Rows::open(&filled.site);
    rows.put_all(&[foreign.clone(), (filled.head_key(9), foreign.1.clone())]);
    let unknown = RecordKey::from_bytes(&foreign.0).unwrap().id;
    let expected = Findings::from([(shown(&foreign.0), "extra"), (shown(&filled.head_key(9)), "unreadable")]);
    let keeper = start_finding(&filled.site, &expected, &expected).await;
    assert_eq!(quarantined(get_by_id(&keeper, unknown).await), Some("extra"));
    assert_eq!(filled.refused(&keeper, 9).await, (Some("unreadable"), Some("unreadable")));
    filled.assert_served(&keeper, &[9]).await;
}
