//! Every byte of one record of every kind, and every value of every byte of a header, changed while the server runs.

use std::collections::BTreeMap;

use strongroom_envelope::RecordKind;
use strongroom_keeper::Keeper;

use crate::filled::Filled;
use crate::rows::{Row, Rows, flipped, shown};
use crate::site::{admin, put};
use crate::trail;

/// Bytes of the clear head of a record.
const HEADER: usize = 16;

/// Applies changed rows, expects exactly these to be found, puts the right ones back, expects nothing to be left.
struct Round<'a> {
    keeper: &'a Keeper,
    rows: &'a Rows,
    /// What is in quarantine all the time.
    standing: BTreeMap<String, &'static str>,
}

impl Round<'_> {
    async fn run(&self, changed: &[Row], right: &[Row]) {
        self.rows.put_all(changed);
        let mut expected = self.standing.clone();
        expected.extend(changed.iter().map(|(key, _)| (shown(key), "unreadable")));
        assert_eq!(self.verify().await, expected);
        self.rows.put_all(right);
        assert_eq!(self.verify().await, self.standing);
    }

    async fn verify(&self) -> BTreeMap<String, &'static str> {
        let report = self.keeper.verify(admin()).await.unwrap();
        report.findings.into_iter().map(|view| (view.record, view.finding)).collect()
    }
}

/// One record of each kind that is judged record by record; the last is a note about a damaged version of secret 28.
async fn one_of_each(filled: &Filled, keeper: &Keeper, rows: &Rows) -> (Vec<Row>, BTreeMap<String, &'static str>) {
    let damaged = filled.current(28);
    rows.put_all(&[flipped(&damaged, 40, 1)]);
    keeper.verify(admin()).await.unwrap();
    // The note about it is committed before what is asked for later.
    put(keeper, "later", b"").await.unwrap();
    let standing = BTreeMap::from([(shown(&damaged.0), "unreadable")]);
    let row = |key: Vec<u8>| (key.clone(), rows.get(&key).unwrap());
    let mut records = vec![row(filled.head_key(1)), filled.current(2), row(filled.token_key(0))];
    for kind in [
        RecordKind::Key,
        RecordKind::Protector,
        RecordKind::Instance,
        RecordKind::Proof,
        RecordKind::Keyring,
        RecordKind::Quarantine,
    ] {
        records.extend(rows.of(kind));
    }
    assert_eq!(records.len(), 13, "two protectors, the four keys of the server, one of each other kind");
    (records, standing)
}

/// B7, B14, B20: every bit of the headers, one byte in eight behind them; every byte with `STRONGROOM_TORTURE`.
#[tokio::test]
async fn every_byte_of_every_kind_is_noticed_while_the_server_runs() {
    let filled = Filled::new().await;
    let keeper = filled.site.start();
    let rows = Rows::open(&filled.site);
    let (records, standing) = one_of_each(&filled, &keeper, &rows).await;
    filled.site.events.take();
    let round = Round { keeper: &keeper, rows: &rows, standing };
    let longest = records.iter().map(|(_, sealed)| sealed.len()).max().unwrap();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let step = if std::env::var_os("STRONGROOM_TORTURE").is_some() { 1 } else { 8 };
    for offset in (0..longest).filter(|offset| *offset < HEADER || offset % step == 0) {
        let bits: Vec<u8> =
            if offset < HEADER { (0..8).map(|bit| 1 << bit).collect() } else { vec![1 << (offset % 8)] };
        for bits in bits {
            let right: Vec<Row> = records.iter().filter(|(_, sealed)| offset < sealed.len()).cloned().collect();
            let changed: Vec<Row> = right.iter().map(|row| flipped(row, offset, bits)).collect();
            if offset % 64 == 0 {
                rows.put_all(&changed);
                for (place, secret) in [(0, 1), (1, 2)] {
                    let finding = (offset < records[place].1.len()).then_some("unreadable");
                    assert_eq!(filled.refused(&keeper, secret).await, (finding, finding));
                }
                filled.assert_served(&keeper, &[1, 2, 28]).await;
            }
            round.run(&changed, &right).await;
            for (key, _) in &changed {
                *found.entry(shown(key)).or_default() += 1;
            }
        }
    }
    filled.assert_served(&keeper, &[28]).await;
    put(&keeper, "later", b"").await.unwrap();
    for (record, times) in &found {
        assert_eq!(trail::count_of(&filled.site, "quarantine.found", record), *times, "{record}");
        assert_eq!(trail::count_of(&filled.site, "quarantine.healed", record), *times, "{record}");
    }
    assert_eq!(filled.site.events.count("quarantined"), found.values().sum::<usize>());
    keeper.stop();
    trail::verified(&filled.site, filled.key_zero);
}

/// B20: all values of every byte of the header; nothing but what was written is accepted.
#[tokio::test]
async fn no_other_header_is_accepted() {
    let filled = Filled::new().await;
    let keeper = filled.site.start();
    let rows = Rows::open(&filled.site);
    let round = Round { keeper: &keeper, rows: &rows, standing: BTreeMap::new() };
    let kinds = [RecordKind::Secret, RecordKind::SecretVersion, RecordKind::Token];
    let records: Vec<Row> = kinds.into_iter().flat_map(|kind| rows.of(kind)).collect();
    let headers: Vec<(usize, u8)> =
        (0..HEADER).flat_map(|offset| (0..=u8::MAX).map(move |value| (offset, value))).collect();
    // Each record gets another header in each round, until all were tried.
    for headers in headers.chunks(records.len()) {
        let (mut changed, mut right) = (Vec::new(), Vec::new());
        for (row, (offset, value)) in records.iter().zip(headers) {
            if row.1[*offset] != *value {
                changed.push(flipped(row, *offset, row.1[*offset] ^ value));
                right.push(row.clone());
            }
        }
        round.run(&changed, &right).await;
    }
    filled.assert_served(&keeper, &[]).await;
}
