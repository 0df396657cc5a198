//! The password without a person: from a file that is configured, or a credential; only from files that nobody else could read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use strongroom_keeper::{Keeper, Settings};

use super::{FIRST, SECOND, alarm, create, encrypt, locked, not_open, opens, password, password_only, rotate};
use crate::site::{Site, admin, name};

/// Writes a file with this mode.
fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A site whose key is protected by the first password, and what the key sealed.
async fn site_with(protector: strongroom_keeper::facade::KeyProtector) -> (Site, Vec<u8>) {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    keeper.key_protect(admin(), name("k"), protector).await.unwrap();
    let sealed = encrypt(&keeper).await.unwrap();
    keeper.stop();
    (site, sealed)
}

/// Starts it with a file for the key's password.
fn start_with(site: &mut Site, file: PathBuf) -> Keeper {
    site.configuration.key_password_files.insert("k".into(), file);
    site.start()
}

/// Waits until what the workers of the start do has come so far.
async fn until(is_so: impl AsyncFn() -> bool) {
    let mut is_so = pin!(async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    });
    is_so.as_mut().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_one_opens_the_key_at_a_start() {
    let (mut site, sealed) = site_with(password_only(FIRST)).await;
    let file = site.path("password");
    write(&file, &[FIRST, b"\n"].concat(), 0o400);
    let keeper = start_with(&mut site, file);
    until(async || opens(&keeper, &sealed).await == Ok(true)).await;
    until(async || alarm(&keeper, "key_locked").is_none()).await;
    assert!(alarm(&keeper, "key_password_file").is_none());
    assert!(alarm(&keeper, "password_only").is_some(), "that it depends on the password is still so");
    assert_eq!(rotate(&keeper).await, Ok(2));
    keeper.stop();
}

/// A key that is ready by root is opened too: new versions need the password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_recovery_is_opened_too() {
    let (mut site, sealed) = site_with(password(FIRST)).await;
    let file = site.path("password");
    write(&file, FIRST, 0o600);
    let keeper = start_with(&mut site, file);
    assert_eq!(opens(&keeper, &sealed).await, Ok(true), "at once");
    until(async || rotate(&keeper).await != Err(not_open())).await;
    keeper.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_one_is_told_and_the_rest_is_served() {
    let (mut site, sealed) = site_with(password_only(FIRST)).await;
    let file = site.path("password");
    write(&file, SECOND, 0o600);
    let keeper = start_with(&mut site, file.clone());
    until(async || alarm(&keeper, "key_password_file").is_some()).await;
    let said = alarm(&keeper, "key_password_file").unwrap();
    assert!(said.contains(&format!("k (the password in {} does not open it)", file.display())), "{said}");
    assert!(alarm(&keeper, "key_locked").unwrap().contains("does not open it"));
    assert_eq!(opens(&keeper, &sealed).await, Err(locked()));
    crate::site::put(&keeper, "other", b"served").await.unwrap();
    // The right one in its place: asked for, the key is opened at once.
    write(&file, FIRST, 0o600);
    keeper.key_unlock(admin(), name("k"), None).await.unwrap();
    assert_eq!(opens(&keeper, &sealed).await, Ok(true));
    assert_eq!((alarm(&keeper, "key_password_file"), alarm(&keeper, "key_locked")), (None, None));
    keeper.stop();
}

/// Nobody asks: the file is looked at from time to time, and tried when it is another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_put_right_opens_the_key_by_itself() {
    let (mut site, sealed) = site_with(password_only(FIRST)).await;
    site.look_every = Duration::from_millis(5);
    let file = site.path("password");
    let keeper = start_with(&mut site, file.clone());
    until(async || alarm(&keeper, "key_password_file").is_some_and(|said| said.contains("missing"))).await;
    // Each comes whole, by another name: looks are many.
    let fresh = site.path("fresh");
    write(&fresh, SECOND, 0o600);
    fs::rename(&fresh, &file).unwrap();
    until(async || alarm(&keeper, "key_password_file").is_some_and(|said| said.contains("does not open it"))).await;
    assert_eq!(opens(&keeper, &sealed).await, Err(locked()));
    // It is told once for each file, however often that is looked at.
    let told = site.events.text();
    let count = |what: &str| told.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count("key_password_file k: secret file missing"), count("does not open it")), (1, 1), "{told}");
    write(&fresh, FIRST, 0o600);
    fs::rename(&fresh, &file).unwrap();
    until(async || opens(&keeper, &sealed).await == Ok(true)).await;
    until(async || alarm(&keeper, "key_password_file").is_none() && alarm(&keeper, "key_locked").is_none()).await;
    keeper.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_others_could_read_or_write_is_not_used() {
    let (mut site, sealed) = site_with(password_only(FIRST)).await;
    let (file, link, folder) = (site.path("password"), site.path("link"), site.path("folder"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    fs::create_dir(&folder).unwrap();
    let cases: [(&Path, u32, &[u8], &str); 6] = [
        (&file, 0o640, FIRST, "too open"),
        (&file, 0o604, FIRST, "too open"),
        (&link, 0o600, FIRST, "symbolic link"),
        (&folder, 0o600, FIRST, "not a regular file"),
        (&file, 0o600, b"\n", "is empty"),
        (Path::new("/nowhere/password"), 0o600, FIRST, "missing"),
    ];
    for (path, mode, content, expected) in cases {
        write(&file, content, mode);
        let keeper = start_with(&mut site, path.to_owned());
        until(async || alarm(&keeper, "key_password_file").is_some()).await;
        let said = alarm(&keeper, "key_password_file").unwrap();
        assert!(said.contains(expected), "{expected} is not in: {said}");
        assert_eq!(opens(&keeper, &sealed).await, Err(locked()), "{expected}");
        keeper.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_of_systemd_opens_its_key() {
    let (site, sealed) = site_with(password_only(FIRST)).await;
    let credentials = site.path("credentials");
    fs::create_dir(&credentials).unwrap();
    // As systemd makes it: for the service an access control list, which shows as a right of the group.
    write(&credentials.join("strongroom.key.k"), FIRST, 0o440);
    let settings = || {
        let mut settings: Settings = site.settings();
        settings.protector.credentials_directory = Some(credentials.clone());
        settings
    };
    let (keeper, _) = Keeper::open(settings()).unwrap();
    until(async || opens(&keeper, &sealed).await == Ok(true)).await;
    keeper.stop();
    drop(keeper);
    // One of another key is not taken, and that there is none is nothing to tell.
    fs::rename(credentials.join("strongroom.key.k"), credentials.join("strongroom.key.other")).unwrap();
    let (keeper, _) = Keeper::open(settings()).unwrap();
    until(async || alarm(&keeper, "key_locked").is_some()).await;
    assert!(alarm(&keeper, "key_password_file").is_none());
    assert_eq!(opens(&keeper, &sealed).await, Err(locked()));
    keeper.stop();
}
