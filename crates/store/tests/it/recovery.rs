//! Proves that recovery keeps every record, can be broken off anywhere, and never mixes old and new files.

use std::path::Path;

use strongroom_store::{
    Batch, Change, OpenError, OpenOptions, RECOVERY_MARKER, RecoverError, SqliteStore, Store, recover,
};

use crate::child::{self, Said};
use crate::workload::boundary;

/// A store that a process left behind without closing it: part of it lies in the WAL.
fn left_behind(commits: u64) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut child = child::command(&[], directory.path(), &format!("commit:{commits}")).spawn().unwrap();
    assert!(child::listen(&mut child).any(|said| said == Said::Acknowledged(commits)));
    child.wait().unwrap();
    directory
}

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, OpenOptions::default()).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_marked_store_is_copied_when_it_is_opened() {
    let directory = left_behind(30);
    let inode = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(directory.path().join(name)).unwrap().ino()
    };
    let before = inode("store.db");
    std::fs::write(directory.path().join(RECOVERY_MARKER), b"").unwrap();
    let store = open(directory.path());
    assert_ne!(inode("store.db"), before, "it is another file");
    assert_eq!(boundary(&store), 30);
    let mut records = 0;
    store
        .scan(b"", &mut |_, _| {
            records += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(store.recovery().unwrap().records, records);
    Box::new(store).close().unwrap();
    assert_eq!(names(directory.path()), ["lock", "store.db"]);
    assert!(open(directory.path()).recovery().is_none(), "it is recovered once");
}

#[test]
fn recovery_can_be_asked_for() {
    let directory = left_behind(12);
    assert!(recover(directory.path()).unwrap().records > 0);
    assert_eq!(boundary(&open(directory.path())), 12);
    let empty = tempfile::tempdir().unwrap();
    let refused = recover(empty.path());
    assert!(matches!(refused, Err(RecoverError::Open(OpenError::Missing { .. }))), "{refused:?}");
}

#[test]
fn a_marker_without_a_store_does_not_make_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(RECOVERY_MARKER), b"").unwrap();
    let refused = SqliteStore::open(directory.path(), OpenOptions::default()).err();
    assert!(matches!(refused, Some(OpenError::Missing { .. })), "{refused:?}");
    assert_eq!(names(directory.path()), [RECOVERY_MARKER]);
}

#[test]
fn a_finished_copy_replaces_the_old_files_whenever_the_process_ended() {
    // The copy is complete, the old database and its newer-looking WAL are still there.
    let directory = left_behind(20);
    let copy = left_behind(9);
    Box::new(open(copy.path())).close().unwrap();
    let finished = directory.path().join("store.db.recovered");
    std::fs::copy(copy.path().join("store.db"), finished).unwrap();
    std::fs::write(directory.path().join(RECOVERY_MARKER), b"").unwrap();
    let store = open(directory.path());
    assert_eq!(boundary(&store), 9, "the old WAL is not replayed into the copy");
    Box::new(store).close().unwrap();
    assert_eq!(names(directory.path()), ["lock", "store.db"]);
}

#[test]
fn a_damaged_store_is_not_replaced() {
    let directory = left_behind(40);
    let store = open(directory.path());
    Box::new(store).close().unwrap();
    let path = directory.path().join("store.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // Cell pointers of a page in the middle now lead outside it.
    let page = bytes.len() / 4096 / 2 * 4096;
    bytes[page..page + 64].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(directory.path().join(RECOVERY_MARKER), b"").unwrap();
    let refused = SqliteStore::open(directory.path(), OpenOptions::default()).err();
    let Some(OpenError::Recover(reason)) = refused else { panic!("{refused:?}") };
    assert!(matches!(*reason, RecoverError::Damaged { .. } | RecoverError::Copy(_)), "{reason:?}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(directory.path().join(RECOVERY_MARKER).exists(), "the next open tries again");
}

#[test]
fn a_recovered_store_keeps_a_row_that_is_not_ours() {
    let directory = left_behind(5);
    let connection = rusqlite::Connection::open(directory.path().join("store.db")).unwrap();
    connection.execute_batch("INSERT INTO record VALUES(x'ff', zeroblob(20000000))").unwrap();
    drop(connection);
    std::fs::write(directory.path().join(RECOVERY_MARKER), b"").unwrap();
    let store = open(directory.path());
    assert_eq!(store.read(&[b"\xff"]).unwrap(), [Some(vec![])]);
    let changes = vec![Change::Delete { key: b"\xff" }];
    store.commit(&Batch { absent: vec![b"none"], changes }).unwrap();
    assert_eq!(boundary(&store), 5);
}
