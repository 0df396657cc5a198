//! What the store lets go of by itself: log records below a snapshot, once they are a day old.

use strongroom_envelope::RecordKind;
use strongroom_keeper::anchor_accept;

use crate::insider::Insider;
use crate::rows::Rows;
use crate::site::{FOLDERS, Site, put, value};

const HOUR: i64 = 60 * 60 * 1000;

/// A clean stop after a life whose first ten batches are `hours` old; the numbers of the log records that are left.
async fn logs_left(hours: i64) -> (usize, Vec<u8>) {
    let site = Site::new();
    let keeper = site.start();
    for number in 0..20 {
        put(&keeper, "a", &[number]).await.unwrap();
    }
    let killed = site.image();
    keeper.stop();
    drop(keeper);
    site.restore(&killed, &FOLDERS);
    let rows = Rows::open(&site);
    let logs = rows.of(RecordKind::Log).len();
    Insider::of(&site).age(&rows, 10, hours * HOUR);
    drop(rows);
    // The aged log is another history than the one that is remembered; accepting it ends with a snapshot.
    let epoch = anchor_accept(&site.settings(), None, None).unwrap().store_epoch;
    anchor_accept(&site.settings(), Some(epoch), None).unwrap();
    let left = Rows::open(&site).of(RecordKind::Log);
    let keeper = site.start();
    assert_eq!((value(&keeper, "a").await, keeper.status().quarantined), (vec![19], 0));
    // Every record that is left continues the one before, from the first that is left.
    assert!(keeper.verify(crate::site::admin()).await.unwrap().findings.is_empty());
    keeper.stop();
    (logs + 1 - left.len(), left.first().unwrap().0.clone())
}

#[tokio::test]
async fn log_records_go_when_they_are_a_day_old_and_below_a_snapshot() {
    let (gone, first) = logs_left(25).await;
    assert_eq!((gone, first.last()), (10, Some(&11)));
    let (gone, first) = logs_left(23).await;
    assert_eq!((gone, first.last()), (0, Some(&1)));
}
