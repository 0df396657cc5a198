//! B35: the account, the host or a directory changed behind our back: it opens, is bound anew, and says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use strongroom_keeper::facade::ProtectorState;
use strongroom_keeper::journal::Journal;
use strongroom_keeper::{Keeper, OpenError, Settings};

use crate::site::{Events, Site, put, value};
use crate::trail;

async fn lived() -> Site {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    keeper.stop();
    site
}

/// Starts, expects so many protectors to be made anew by this operation, and none at the start after that.
async fn assert_bound_anew(site: &Site, settings: impl Fn() -> Settings, operation: &str, times: usize) {
    let (keeper, report) = Keeper::open(settings()).unwrap();
    assert_eq!((report.locked, report.healed.len()), (None, times), "{:?}", report.healed);
    assert_eq!(value(&keeper, "a").await, b"kept");
    keeper.stop();
    drop(keeper);
    assert_eq!(trail::count(site, operation), times);
    let (keeper, report) = Keeper::open(settings()).unwrap();
    assert!(report.healed.is_empty());
    assert!(report.protectors.iter().all(|view| view.state == ProtectorState::Proven));
    keeper.stop();
}

#[tokio::test]
async fn another_machine_id() {
    let site = lived().await;
    fs::write(site.path("machine-id"), "ffffffffffffffffffffffffffffffff\n").unwrap();
    assert_bound_anew(&site, || site.settings(), "protector.heal", 1).await;
    assert_eq!(site.events.count("protector_healed"), 1);
    assert_eq!(site.events.count("fallback_used"), 0, "the account protector is first, and it opened");
}

/// The disk in another host, under an account that has no files there: only what is written in the message helps.
#[tokio::test]
async fn another_host_without_the_accounts_files() {
    let site = lived().await;
    fs::write(site.path("machine-id"), "ffffffffffffffffffffffffffffffff\n").unwrap();
    let files = site.secret_files("account");
    fs::rename(&files[0], site.path("kept-aside")).unwrap();
    let Err(OpenError::NoProtectorOpens { report }) = site.open() else { panic!("it opened") };
    assert!(report.contains("machine id") && report.contains(&files[0].display().to_string()), "{report}");
    // The way out that the message names: the file comes back.
    fs::rename(site.path("kept-aside"), &files[0]).unwrap();
    assert_bound_anew(&site, || site.settings(), "protector.heal", 1).await;
}

#[tokio::test]
async fn the_accounts_directory_moved_with_its_files() {
    let site = lived().await;
    fs::rename(site.path("account"), site.path("new-home")).unwrap();
    let settings = || {
        let mut settings = site.settings();
        settings.protector.account_dir = Some(site.path("new-home"));
        settings
    };
    assert_bound_anew(&site, settings, "protector.heal", 0).await;
}

#[tokio::test]
async fn the_accounts_directory_is_another_one() {
    let site = lived().await;
    let settings = || {
        let mut settings = site.settings();
        settings.protector.account_dir = Some(site.path("new-home"));
        settings
    };
    assert_bound_anew(&site, settings, "protector.heal", 1).await;
    assert_eq!(fs::read_dir(site.path("new-home")).unwrap().count(), 1);
    assert_eq!(site.secret_files("account").len(), 1, "what was there is not touched");
}

#[tokio::test]
async fn a_host_that_has_no_id_any_more() {
    let site = lived().await;
    fs::remove_file(site.path("machine-id")).unwrap();
    // It cannot be healed, and says so; the account protector opens.
    let (keeper, report) = site.open().unwrap();
    assert!(report.locked.is_none() && report.healed.is_empty());
    let broken = report.alarms.iter().find(|alarm| alarm.code == "protector_broken").unwrap();
    assert!(broken.message.contains("machine"), "{}", broken.message);
    assert_eq!(trail::count(&site, "protector.heal"), 0);
    keeper.stop();
    drop(keeper);
    fs::write(site.path("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
    assert_bound_anew(&site, || site.settings(), "protector.heal", 0).await;
}

#[tokio::test]
async fn a_machine_protector_that_is_switched_off_is_neither_made_nor_healed() {
    let mut site = Site::new();
    site.machine_protector = false;
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.protectors.len(), 1);
    keeper.stop();
    drop(keeper);
    site.machine_protector = true;
    let site = lived().await;
    fs::remove_file(&site.secret_files("machine")[0]).unwrap();
    let mut settings = site.settings();
    settings.machine_protector = false;
    let (keeper, report) = Keeper::open(settings).unwrap();
    assert!(report.healed.is_empty());
    assert_eq!(trail::count(&site, "protector.heal"), 0);
    keeper.stop();
    drop(keeper);
    assert_bound_anew(&site, || site.settings(), "protector.heal", 1).await;
}

const PREPARED: &str = "STRONGROOM_TEST_PREPARED";
const NOBODY: u32 = 65534;

/// In the child process: the folders that the parent prepared.
fn prepared() -> Option<PathBuf> {
    std::env::var_os(PREPARED).map(PathBuf::from)
}

/// Gives these folders to another account and runs the test of this name under it.
fn run_as_nobody(site: &Site, given: &[&str], test: &str) {
    if !rustix::process::geteuid().is_root() {
        println!("not run: {test}: needs root, to act as two users");
        return;
    }
    for folder in given {
        give_away(&site.path(folder));
    }
    std::os::unix::fs::chown(site.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    // The other account may not reach the directory this program was built in.
    let program = site.path("test-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(&program);
    command.args(["--exact", &format!("heal::moved::{test}"), "--nocapture"]);
    let Ok(output) = command.env(PREPARED, site.folder.path()).current_dir("/").output() else {
        println!("not run: {test}: setpriv is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn give_away(path: &Path) {
    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

/// The settings of the prepared instance, with this directory for the account's files.
fn prepared_settings(folder: &Path, account: &str, events: &Arc<Events>) -> Settings {
    let mut settings = Site::new().settings();
    (settings.data, settings.anchor_directory) = (folder.join("data"), folder.join("anchor"));
    settings.audit_directory = Some(folder.join("audit"));
    settings.protector.account_dir = Some(folder.join(account));
    settings.protector.machine_dir = Some(folder.join("machine"));
    settings.protector.machine_id_file = Some(folder.join("machine-id"));
    settings.journal = Arc::clone(events) as Arc<dyn Journal>;
    settings
}

/// The service runs under an account that has none of the files of the other: the machine protector opens, and it gets its own.
#[tokio::test]
async fn another_account() {
    let Some(folder) = prepared() else {
        let site = lived().await;
        return run_as_nobody(&site, &["data", "audit", "anchor", "machine", "machine-id"], "another_account");
    };
    let events: Arc<Events> = Arc::default();
    let settings = |account: &str| prepared_settings(&folder, account, &events);
    let (keeper, report) = Keeper::open(settings("home-of-nobody")).unwrap();
    assert_eq!((report.locked, report.healed.len()), (None, 1), "{:?}", report.healed);
    assert_eq!(value(&keeper, "a").await, b"kept");
    let account = report.protectors.iter().find(|view| view.kind == "account").unwrap();
    assert!(account.bound_to.contains(&("uid".to_owned(), NOBODY.to_string())), "{:?}", account.bound_to);
    assert_eq!((events.count("protector_healed"), events.count("fallback_used")), (1, 1));
    keeper.stop();
    drop(keeper);
    let (keeper, report) = Keeper::open(settings("home-of-nobody")).unwrap();
    assert!(report.healed.is_empty());
    keeper.stop();
    drop(keeper);
    // With neither, the message names the account it was made for.
    fs::remove_dir_all(folder.join("machine")).unwrap();
    match Keeper::open(settings("nowhere")) {
        Err(OpenError::NoProtectorOpens { report }) => assert!(report.contains("uid 65534"), "{report}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opened"),
    }
}

/// The same files in the hands of another account, as after `chown -R`: it opens, and is bound to the new account.
#[tokio::test]
async fn the_same_files_given_to_another_account() {
    let Some(folder) = prepared() else {
        let site = lived().await;
        let given = ["data", "audit", "anchor", "machine", "machine-id", "account"];
        return run_as_nobody(&site, &given, "the_same_files_given_to_another_account");
    };
    let events: Arc<Events> = Arc::default();
    let settings = || prepared_settings(&folder, "account", &events);
    let (keeper, report) = Keeper::open(settings()).unwrap();
    assert_eq!((report.locked, report.healed.len()), (None, 1), "{:?}", report.healed);
    assert!(report.healed[0].contains("uid was 0 and is 65534"), "{:?}", report.healed);
    assert_eq!((events.count("protector_moved"), events.count("fallback_used")), (1, 0));
    assert_eq!(value(&keeper, "a").await, b"kept");
    keeper.stop();
    drop(keeper);
    let (keeper, report) = Keeper::open(settings()).unwrap();
    assert!(report.healed.is_empty());
    keeper.stop();
}
