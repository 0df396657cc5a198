//! First start, changes, restart: what was answered is there, under the same ids.

use crate::site::{Site, get, put};

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
    // As after kill -9: no snapshot, no last checkpoint; the copy of the folder is what the disk holds.
    let copy = Site::new();
    for folder in ["data", "anchor", "account", "machine"] {
        copy_folder(&site.path(folder), &copy.path(folder));
    }
    keeper.stop();
    drop(copy);
    drop(keeper);
    let keeper = site.start();
    assert_eq!(get(&keeper, "a").await.unwrap().id, first.id);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
