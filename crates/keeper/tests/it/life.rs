//! First start, changes, restart: what was answered is there, under the same ids.

use std::os::unix::fs::PermissionsExt;

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

const PREPARED: &str = "STRONGROOM_TEST_PREPARED";

/// B10: whatever the umask, nobody else reads or writes what a first start makes; the machine protector's directory may be listed
/// by its group.
#[tokio::test]
async fn nobody_else_can_read_what_is_made() {
    if std::env::var_os(PREPARED).is_none() {
        let output = std::process::Command::new("sh")
            .args(["-c", "umask 000; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "life::nobody_else_can_read_what_is_made", "--nocapture"])
            .env(PREPARED, "umask")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        return assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
    let site = Site::new();
    // A folder that everybody may write is refused as a place for secret files; this one is the operator's.
    std::fs::set_permissions(site.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let keeper = site.start();
    put(&keeper, "a", b"one").await.unwrap();
    keeper.stop();
    for (path, (mode, _)) in site.image().0 {
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
    for folder in FOLDERS {
        let allowed = if folder == "machine" { 0o750 } else { 0o700 };
        let mode = std::fs::metadata(site.path(folder)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode & !allowed, 0, "{folder} has mode {mode:o}");
    }
}
