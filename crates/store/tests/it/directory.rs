//! Proves that the data directory is closed to others, ours, real, and held by one process (B10).

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use strongroom_store::{DataDirectory, DirectoryError};

use crate::child::{self, Said};

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_file_is_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "777"] {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("a").join("b");
        let wrapper = ["sh", "-c", &format!("umask {umask}; exec \"$0\" \"$@\"")];
        let mut child = child::command(&wrapper, &data, "commit:30 scrub commit:1").spawn().unwrap();
        assert!(child::listen(&mut child).any(|said| said == Said::Acknowledged(31)), "{umask}");
        child.wait().unwrap();
        assert_eq!((mode(data.parent().unwrap()), mode(&data)), (0o700, 0o700), "{umask}");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&data).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(mode(&entry.path()), 0o600, "{umask}: {:?}", entry.file_name());
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["lock", "store.db", "store.db-shm", "store.db-wal"]);
    }
}

#[test]
fn an_empty_or_known_directory_is_closed_and_a_foreign_one_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    std::fs::create_dir(&data).unwrap();
    set_mode(&data, 0o755);
    drop(DataDirectory::open_or_create(&data).unwrap());
    assert_eq!(mode(&data), 0o700);
    set_mode(&data, 0o750);
    drop(DataDirectory::open_or_create(&data).unwrap());
    assert_eq!(mode(&data), 0o700);

    let foreign = parent.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("letter"), b"").unwrap();
    set_mode(&foreign, 0o755);
    let refused = DataDirectory::open_or_create(&foreign);
    assert!(matches!(refused, Err(DirectoryError::Shared { mode: 0o755, .. })), "{refused:?}");
    assert_eq!(mode(&foreign), 0o755, "what is not ours is left alone");
    set_mode(&foreign, 0o700);
    DataDirectory::open_or_create(&foreign).unwrap();

    // Like /tmp: empty, but made for everybody.
    let sticky = parent.path().join("sticky");
    std::fs::create_dir(&sticky).unwrap();
    set_mode(&sticky, 0o1777);
    let refused = DataDirectory::open_or_create(&sticky);
    assert!(matches!(refused, Err(DirectoryError::Shared { .. })), "{refused:?}");
}

#[test]
fn links_and_files_are_no_directory() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let link = parent.path().join("link");
    symlink(&data, &link).unwrap();
    for path in [link.clone(), link.join("")] {
        let refused = DataDirectory::open_or_create(&path);
        assert!(matches!(refused, Err(DirectoryError::SymbolicLink { .. })), "{refused:?}");
    }
    let dangling = parent.path().join("dangling");
    symlink(parent.path().join("nowhere"), &dangling).unwrap();
    let refused = DataDirectory::open_or_create(&dangling);
    assert!(matches!(refused, Err(DirectoryError::SymbolicLink { .. })), "{refused:?}");
    let file = parent.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let refused = DataDirectory::open_or_create(&file);
    assert!(matches!(refused, Err(DirectoryError::NotADirectory { .. })), "{refused:?}");

    // A link on the way is the administrator's; the canonical path shows where it leads.
    let opened = DataDirectory::open_or_create(link.join("inner")).unwrap();
    assert_eq!(opened.path(), link.join("inner"));
    assert_eq!(opened.canonical(), data.canonicalize().unwrap().join("inner"));
}

#[test]
fn the_lock_is_a_plain_file_and_follows_no_link() {
    let parent = tempfile::tempdir().unwrap();
    let victim = parent.path().join("victim");
    std::fs::write(&victim, b"untouched").unwrap();
    let data = parent.path().join("data");
    std::fs::create_dir(&data).unwrap();
    set_mode(&data, 0o700);
    symlink(&victim, data.join("lock")).unwrap();
    let refused = DataDirectory::open_or_create(&data);
    assert!(matches!(refused, Err(DirectoryError::Lock { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&victim).unwrap(), b"untouched");
    std::fs::remove_file(data.join("lock")).unwrap();
    std::fs::create_dir(data.join("lock")).unwrap();
    let refused = DataDirectory::open_or_create(&data);
    assert!(matches!(refused, Err(DirectoryError::Lock { .. })), "{refused:?}");
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let held = DataDirectory::open_or_create(directory.path()).unwrap();
    let me = Some(std::process::id());
    match DataDirectory::open_or_create(directory.path()) {
        Err(DirectoryError::InUse { pid, .. }) => assert_eq!(pid, me),
        other => panic!("{other:?}"),
    }
    let mut child = child::command(&[], directory.path(), "commit:1").spawn().unwrap();
    assert_eq!(child::listen(&mut child).collect::<Vec<_>>(), [Said::Refused]);
    child.wait().unwrap();
    drop(held);
    let mut child = child::command(&[], directory.path(), "commit:1").spawn().unwrap();
    assert!(child::listen(&mut child).any(|said| said == Said::Acknowledged(1)));
    child.wait().unwrap();
    DataDirectory::open_or_create(directory.path()).unwrap();
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    if std::os::unix::fs::chown(&data, Some(12_345), None).is_err() {
        eprintln!("not run: a directory cannot be given away here (needs root)");
        return;
    }
    match DataDirectory::open_or_create(&data) {
        Err(DirectoryError::Owner { owner: 12_345, user: 0, .. }) => {}
        other => panic!("{other:?}"),
    }
}
