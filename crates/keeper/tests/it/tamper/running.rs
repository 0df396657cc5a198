//! While the server runs: refused at the first read (B14, B16), found by `verify`, right bytes coming back served at once.

use std::collections::BTreeMap;

use strongroom_engine::secret::{Destroy, Get};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_keeper::Keeper;

use crate::filled::{Filled, secret};
use crate::rows::{Row, Rows, shown};
use crate::site::{admin, findings, get_by_id, name, put, quarantined};
use crate::trail;

/// Records by `kind/uuid` with the word of what is wrong with each.
pub type Findings = BTreeMap<String, &'static str>;

/// Rows out of place, what must be found of them, and how it was before.
pub struct Disturbance {
    pub expected: Findings,
    before: Vec<Row>,
    /// A destroyed secret whose rows are back.
    destroyed: Id,
}

/// Exchanges, rolls back, removes, brings back and adds rows. Server down or running.
pub async fn disturb(filled: &Filled) -> Disturbance {
    let destroyed = destroyed_rows(filled).await;
    let rows = Rows::open(&filled.site);
    let before = rows.all();
    let mut expected = Findings::new();
    let mut expect = |key: &[u8], finding| expected.insert(shown(key), finding);
    // Head with head, version with version of another secret, two versions of one secret.
    for (one, other) in [
        (filled.head_key(1), filled.head_key(2)),
        (filled.current(3).0, filled.current(4).0),
        (filled.versions[8][0].0.clone(), filled.versions[8][1].0.clone()),
        (filled.token_key(1), filled.token_key(2)),
    ] {
        rows.swap(&one, &other);
        expect(&one, "unreadable");
        expect(&other, "unreadable");
    }
    rows.put_all(&[filled.heads[1].clone()]);
    expect(&filled.head_key(0), "older");
    for gone in [filled.head_key(5), filled.current(6).0, filled.token_key(0)] {
        rows.delete(&gone);
        expect(&gone, "missing");
    }
    for row in &destroyed.1 {
        rows.put_all(std::slice::from_ref(row));
        expect(&row.0, "extra");
    }
    // A kind whose number is taken and that is not in use yet.
    let reserved = RecordKey::new(RecordKind::Policy, Id([9; 16])).to_bytes();
    rows.put(&reserved, &[1; 100]);
    expect(&reserved, "extra");
    // A kind that nobody knows; a key that is none.
    rows.put(&[0x77; 17], &[1; 100]);
    rows.put(&[RecordKind::Secret.byte(), 1, 2, 3], &[1; 100]);
    Disturbance { expected, before, destroyed: destroyed.0 }
}

/// A secret is made and destroyed; its rows as they were in between.
async fn destroyed_rows(filled: &Filled) -> (Id, Vec<Row>) {
    let keeper = filled.site.start();
    let known = Rows::open(&filled.site).all();
    let made = put(&keeper, "destroyed", b"gone").await.unwrap();
    let kinds = [RecordKind::Secret.byte(), RecordKind::SecretVersion.byte()];
    let new = |row: &Row| kinds.contains(&row.0[0]) && !known.iter().any(|(key, _)| *key == row.0);
    let rows: Vec<Row> = Rows::open(&filled.site).all().into_iter().filter(new).collect();
    assert_eq!(rows.len(), 2);
    keeper.execute(admin(), Destroy { selector: name("destroyed"), version: None }).await.unwrap();
    keeper.stop();
    (made.id, rows)
}

impl Disturbance {
    /// Every disturbed secret is refused by name and by id with its finding; all others are served.
    pub async fn assert_refused(&self, filled: &Filled, keeper: &Keeper) {
        let unreadable = [1, 2, 3, 4].map(|number| (number, "unreadable"));
        let others = [(0, "older"), (5, "missing"), (6, "missing")];
        for (number, finding) in unreadable.into_iter().chain(others) {
            assert_eq!(filled.refused(keeper, number).await, (Some(finding), Some(finding)), "{}", secret(number));
        }
        for version in [1, 2] {
            let older = Get { selector: name(&secret(8)), version: Some(version) };
            assert_eq!(quarantined(keeper.execute(admin(), older).await), Some("unreadable"));
        }
        assert_eq!(quarantined(get_by_id(keeper, self.destroyed).await), Some("extra"));
        filled.assert_served(keeper, &[0, 1, 2, 3, 4, 5, 6]).await;
    }

    /// Puts every row back and removes what was added.
    pub fn undo(&self, filled: &Filled) {
        let rows = Rows::open(&filled.site);
        for (key, _) in rows.all() {
            let kind = key[0];
            let ours = [RecordKind::Log, RecordKind::Snapshot, RecordKind::Quarantine, RecordKind::Proof];
            if !ours.iter().any(|own| own.byte() == kind) && !self.before.iter().any(|(known, _)| *known == key) {
                let later =
                    RecordKey::from_bytes(&key).ok().filter(|key| !self.expected.contains_key(&shown(&key.to_bytes())));
                if later.is_none() {
                    rows.delete(&key);
                }
            }
        }
        let disturbed =
            |row: &&Row| RecordKey::from_bytes(&row.0).is_ok() && self.expected.contains_key(&shown(&row.0));
        let right: Vec<Row> = self.before.iter().filter(disturbed).cloned().collect();
        rows.put_all(&right);
    }
}

/// The same as while the server is down, seen by the first read of each.
#[tokio::test]
async fn rows_out_of_place_are_refused_at_the_first_read() {
    let filled = Filled::new().await;
    // The rows are made ready on a server that is down, put back, and put into place once it runs.
    let disturbance = disturb(&filled).await;
    let disturbed = Rows::open(&filled.site).all();
    disturbance.undo(&filled);
    let keeper = filled.site.start();
    assert_eq!(findings(&keeper).await, Findings::new());
    let rows = Rows::open(&filled.site);
    let out_of_place =
        |row: &&Row| RecordKey::from_bytes(&row.0).map_or(true, |_| disturbance.expected.contains_key(&shown(&row.0)));
    rows.put_all(&disturbed.iter().filter(out_of_place).cloned().collect::<Vec<_>>());
    for (record, finding) in &disturbance.expected {
        if *finding == "missing" {
            let key =
                rows.all().into_iter().find(|(key, _)| RecordKey::from_bytes(key).is_ok() && shown(key) == *record);
            rows.delete(&key.unwrap().0);
        }
    }
    filled.site.events.take();
    disturbance.assert_refused(&filled, &keeper).await;
    // What nobody read is found by looking at everything.
    keeper.verify(admin()).await.unwrap();
    assert_eq!(findings(&keeper).await, disturbance.expected);
    put(&keeper, "later", b"").await.unwrap();
    for record in disturbance.expected.keys() {
        assert_eq!(trail::count_of(&filled.site, "quarantine.found", record), 1, "{record}");
    }
    assert_eq!(filled.site.events.count("quarantined"), disturbance.expected.len());
    disturbance.undo(&filled);
    filled.assert_served(&keeper, &[]).await;
    keeper.verify(admin()).await.unwrap();
    assert_eq!(findings(&keeper).await, Findings::new());
    keeper.stop();
    drop(keeper);
    let keeper = filled.site.start();
    assert_eq!(findings(&keeper).await, Findings::new());
    trail::verified(&filled.site, filled.key_zero);
}
