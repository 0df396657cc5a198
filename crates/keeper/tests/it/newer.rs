//! Records that a newer release has written: refused for use, never quarantined, and their names stay taken.

use strongroom_engine::rule::Refusal;
use strongroom_envelope::{RecordKey, RecordKind};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;

use crate::filled::{Filled, secret};
use crate::insider::Insider;
use crate::rows::Rows;
use crate::site::{Site, get, get_by_id, put};
use crate::trail;

/// A body of version 2 with nothing else in it, in deterministic CBOR (RFC 8949): a map of one pair, 0 → 2.
const NEWER: [u8; 3] = [0xa1, 0x00, 0x02];

fn is_newer<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> bool {
    matches!(outcome, Err(Failure::Refused(Refusal::WrittenByNewer { .. })))
}

async fn assert_refused(filled: &Filled, keeper: &Keeper) {
    assert!(is_newer(get(keeper, &secret(1)).await) && is_newer(get_by_id(keeper, filled.secrets[1]).await));
    assert!(is_newer(get(keeper, &secret(2)).await) && is_newer(get_by_id(keeper, filled.secrets[2]).await));
    assert!(is_newer(put(keeper, &secret(2), b"a second one of this name").await));
    filled.assert_served(keeper, &[1, 2]).await;
    assert_eq!(keeper.status().quarantined, 0);
    assert!(keeper.status().alarms.iter().any(|alarm| alarm.code == "written_by_newer"));
}

#[tokio::test]
async fn records_of_a_newer_release_are_refused_and_kept() {
    let filled = Filled::new().await;
    let site: &Site = &filled.site;
    let key = |bytes: &[u8]| RecordKey::from_bytes(bytes).unwrap();
    let newer = [(key(&filled.current(1).0), NEWER.to_vec()), (key(&filled.head_key(2)), NEWER.to_vec())];
    Insider::of(site).commit(&Rows::open(site), &newer);
    let written: Vec<_> = newer.iter().map(|(key, _)| Rows::open(site).get(&key.to_bytes())).collect();
    // Twice: what keeps the name after a clean stop is the snapshot.
    for _ in 0..2 {
        site.events.take();
        let keeper = site.start();
        assert_refused(&filled, &keeper).await;
        assert_eq!(site.events.count("quarantined"), 0);
        keeper.stop();
    }
    assert_eq!(trail::count(site, "quarantine.found"), 0);
    assert_eq!(Rows::open(site).of(RecordKind::Quarantine).len(), 0);
    let kept: Vec<_> = newer.iter().map(|(key, _)| Rows::open(site).get(&key.to_bytes())).collect();
    assert!(written == kept, "they are left as they are");
}
