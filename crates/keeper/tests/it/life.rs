//! First start, changes, restart: what was answered is there, under the same ids.

use crate::site::{FOLDERS, Site, get, put, value};

#[tokio::test]
async fn a_secret_survives_a_clean_restart() {
    let site = Site::new();
    let (keeper, report) = site.open().unwrap();
    assert!(report.created && report.locked.is_none(), "{:?}", report.explanation);
    assert_eq!(report.protectors.len(), 2);
    let first = put(&keeper, "ftp/acme", b"one").await.unwrap();
    let second = put(&keeper, "ftp/acme", b"two").await.unwrap();
    assert_eq!((first.id, first.version, second.version), (second.id, 1, 2));
    keeper.stop();
    drop(keeper);
    let (keeper, report) = site.open().unwrap();
    assert!(!report.created && report.locked.is_none(), "{:?}", report.explanation);
    let got = get(&keeper, "ftp/acme").await.unwrap();
    assert_eq!((got.value.expose(), got.id, got.version), (b"two".as_slice(), first.id, 2));
    assert_eq!(keeper.status().quarantined, 0);
    keeper.stop();
}

#[tokio::test]
async fn a_secret_survives_a_restart_without_a_stop() {
    let site = Site::new();
    let keeper = site.start();
    let first = put(&keeper, "a", b"one").await.unwrap();
    // As after kill -9: no snapshot, no last checkpoint; what the files hold at this moment is all there is.
    let killed = site.image();
    keeper.stop();
    drop(keeper);
    site.restore(&killed, &FOLDERS);
    let keeper = site.start();
    assert_eq!(get(&keeper, "a").await.unwrap().id, first.id);
}

#[tokio::test]
async fn a_keeper_that_is_dropped_without_a_stop_lets_go_of_everything() {
    let site = Site::new();
    for round in 0..3 {
        let keeper = site.start();
        put(&keeper, "a", &[round]).await.unwrap();
        drop(keeper);
    }
    assert_eq!(value(&site.start(), "a").await, [2]);
}
