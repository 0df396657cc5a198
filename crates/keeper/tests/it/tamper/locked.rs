//! Keyring, commit log or snapshot damaged: of the rest nothing can be told any more, so the store stays locked and says why.

use strongroom_envelope::RecordKind;
use strongroom_keeper::facade::{Failure, LockReason};

use crate::filled::Filled;
use crate::rows::{Row, Rows, flipped, shown};
use crate::site::{FOLDERS, Image, Site, get, put};
use crate::trail;

/// As the store of a server that was killed: every log record is needed, because there is no snapshot.
async fn killed() -> (Site, Image) {
    let site = Site::new();
    let keeper = site.start();
    for number in 0..6 {
        put(&keeper, &format!("s/{number}"), b"value").await.unwrap();
    }
    let image = site.image();
    keeper.stop();
    drop(keeper);
    site.restore(&image, &FOLDERS);
    (site, image)
}

/// Starts and expects the store to be locked because its history does not hold together, and to answer nothing.
async fn assert_broken(site: &Site, what: &str) {
    let before = trail::count(site, "alarm.broken_chain");
    site.events.take();
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, Some(LockReason::BrokenChain), "{what}");
    assert_eq!(site.events.take(), ["broken_chain"], "{what}");
    let refused = get(&keeper, "s/00").await.unwrap_err();
    assert_eq!(refused, Failure::Locked { reason: LockReason::BrokenChain });
    keeper.stop();
    drop(keeper);
    assert_eq!(trail::count(site, "alarm.broken_chain"), before + 1, "{what}");
}

/// All of the header, and one byte in sixteen behind it; all with `STRONGROOM_TORTURE`.
fn offsets(row: &Row) -> Vec<usize> {
    let step = if std::env::var_os("STRONGROOM_TORTURE").is_some() { 1 } else { 16 };
    (0..row.1.len()).filter(|offset| *offset < 16 || offset % step == 0 || offset + 1 == row.1.len()).collect()
}

async fn assert_every_byte_matters(site: &Site, row: &Row) {
    for offset in offsets(row) {
        let rows = Rows::open(site);
        rows.put_all(&[flipped(row, offset, 1 << (offset % 8))]);
        assert_broken(site, &format!("{} at {offset}", shown(&row.0))).await;
        rows.put_all(std::slice::from_ref(row));
    }
    let keeper = site.start();
    assert_eq!(keeper.status().quarantined, 0);
}

#[tokio::test]
async fn a_damaged_keyring() {
    let (site, _) = killed().await;
    let rows = Rows::open(&site);
    let keyring = rows.of(RecordKind::Keyring).remove(0);
    rows.delete(&keyring.0);
    assert_broken(&site, "missing").await;
    rows.put_all(std::slice::from_ref(&keyring));
    assert_every_byte_matters(&site, &keyring).await;
}

#[tokio::test]
async fn a_damaged_log_record() {
    let (site, _) = killed().await;
    let logs = Rows::open(&site).of(RecordKind::Log);
    assert!(logs.len() > 6);
    assert_every_byte_matters(&site, &logs[3]).await;
}

#[tokio::test]
async fn log_records_missing_exchanged_or_added() {
    let (site, image) = killed().await;
    let rows = Rows::open(&site);
    let logs = rows.of(RecordKind::Log);
    drop(rows);
    let newest = logs.last().unwrap();
    let mut next = newest.0.clone();
    *next.last_mut().unwrap() += 1;
    type Tampering<'a> = &'a dyn Fn(&Rows);
    let cases: [(&str, Tampering<'_>); 6] = [
        ("the first is missing", &|rows| rows.delete(&logs[0].0)),
        ("one is missing", &|rows| rows.delete(&logs[3].0)),
        ("two are exchanged", &|rows| rows.swap(&logs[2].0, &logs[3].0)),
        ("one is doubled under the next number", &|rows| rows.put(&next, &newest.1)),
        ("garbage under the next number", &|rows| rows.put(&next, &[7; 300])),
        ("nothing under the next number", &|rows| rows.put(&next, &[])),
    ];
    for (what, tampering) in cases {
        tampering(&Rows::open(&site));
        assert_broken(&site, what).await;
        site.restore(&image, &["data"]);
    }
    site.start();
}

#[tokio::test]
async fn a_damaged_snapshot() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let pages = rows.of(RecordKind::Snapshot);
    assert_eq!(pages.len(), 1);
    for offset in offsets(&pages[0]).into_iter().step_by(24) {
        rows.put_all(&[flipped(&pages[0], offset, 1)]);
        assert_broken(&filled.site, &format!("page at {offset}")).await;
        rows.put_all(&pages);
    }
    let mut earlier = pages[0].clone();
    earlier.0[8] -= 1;
    rows.delete(&pages[0].0);
    rows.put_all(&[earlier.clone()]);
    assert_broken(&filled.site, "under another epoch").await;
    // Without any snapshot the log tells everything: all of it is still there.
    rows.delete(&earlier.0);
    let keeper = filled.site.start();
    filled.assert_served(&keeper, &[]).await;
    assert_eq!(keeper.status().quarantined, 0);
}
