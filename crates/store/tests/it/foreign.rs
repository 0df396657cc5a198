//! Proves that a file that is not exactly ours is refused with a name for what is wrong, and left alone.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use strongroom_store::{Batch, Change, OpenError, OpenOptions, SqliteStore, Store};

struct Closed {
    directory: tempfile::TempDir,
}

impl Closed {
    /// A store of three records, closed.
    fn new() -> Closed {
        let closed = Closed { directory: tempfile::tempdir().unwrap() };
        let store = closed.open().unwrap();
        for key in [b"a", b"b", b"c"] {
            let changes = vec![Change::Put { key, value: b"sealed" }];
            store.commit(&Batch { absent: vec![], changes }).unwrap();
        }
        Box::new(store).close().unwrap();
        closed
    }

    fn open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(self.directory.path(), OpenOptions::default())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Changes the file as anybody with SQLite can.
    fn altered(self, sql: &str) -> Closed {
        let connection = Connection::open(self.path("store.db")).unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
        self
    }

    fn refusal(&self) -> OpenError {
        let before = self.contents();
        let refusal = self.open().err().expect("the store is refused");
        assert!(self.contents() == before, "a refused file is left alone");
        refusal
    }

    fn contents(&self) -> Option<Vec<u8>> {
        std::fs::read(self.path("store.db")).ok()
    }
}

#[test]
fn a_closed_store_is_one_file_and_opens_again() {
    let closed = Closed::new();
    let mut names: Vec<_> =
        std::fs::read_dir(closed.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["store.db"]);
    let store = closed.open().unwrap();
    assert!(!store.is_empty().unwrap());
    assert_eq!(store.read(&[b"b"]).unwrap(), [Some(b"sealed".to_vec())]);
}

#[test]
fn any_other_schema_is_refused() {
    for (sql, entry) in [
        ("CREATE TABLE extra(x)", "extra"),
        ("CREATE VIEW extra AS SELECT 1", "extra"),
        ("CREATE INDEX extra ON record(sealed)", "extra"),
        ("CREATE TRIGGER extra AFTER INSERT ON record BEGIN DELETE FROM record; END", "extra"),
        ("CREATE TABLE \"an\x1b[31m entry\"(x)", "an\\u{1b}[31m entry"),
        ("ALTER TABLE record RENAME TO other", "other"),
        ("ALTER TABLE record ADD COLUMN more BLOB", "record"),
        ("DROP TABLE record", "record"),
        // The same table, written with one blank more.
        ("DROP TABLE record; CREATE TABLE record (key BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT", "record"),
        // The same without the type check.
        ("DROP TABLE record; CREATE TABLE record(key BLOB PRIMARY KEY, sealed BLOB NOT NULL)", "record"),
    ] {
        match Closed::new().altered(sql).refusal() {
            OpenError::ForeignSchema { entry: found } => assert_eq!(found, entry, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn a_schema_that_was_edited_in_place_is_refused() {
    let edited = Closed::new().altered(
        "PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', 'NULL') WHERE name = 'record'",
    );
    assert!(matches!(edited.refusal(), OpenError::ForeignSchema { .. } | OpenError::Damaged(_)));
}

#[test]
fn rows_that_no_read_would_show_are_refused() {
    let lenient = "PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '') WHERE name = 'record';";
    let strict = "PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE name = 'record';";
    for key in ["'text'", "17", "1.5", "NULL", "x''"] {
        let altered =
            Closed::new().altered(lenient).altered(&format!("INSERT INTO record VALUES({key}, x'00')")).altered(strict);
        let refusal = altered.refusal();
        assert!(matches!(refusal, OpenError::ForeignRow), "{key}: {refusal:?}");
    }
}

#[test]
fn numbers_in_the_header_are_checked() {
    match Closed::new().altered("PRAGMA application_id = 7").refusal() {
        OpenError::ForeignFile { application_id: 7 } => {}
        other => panic!("{other:?}"),
    }
    match Closed::new().altered("PRAGMA user_version = 2").refusal() {
        OpenError::Newer { found: 2, known: 1 } => {}
        other => panic!("{other:?}"),
    }
    for version in [0, -1] {
        match Closed::new().altered(&format!("PRAGMA user_version = {version}")).refusal() {
            OpenError::UnknownFormat { found } => assert_eq!(found, version),
            other => panic!("{other:?}"),
        }
    }
    let rollback = Closed::new().altered("PRAGMA journal_mode = DELETE");
    assert!(matches!(rollback.refusal(), OpenError::NotWal));
}

#[test]
fn what_is_no_database_is_damaged_or_foreign() {
    let closed = Closed::new();
    std::fs::write(closed.path("store.db"), b"this is a letter, not a database".repeat(200)).unwrap();
    assert!(matches!(closed.refusal(), OpenError::Damaged(_)));
    std::fs::write(closed.path("store.db"), b"").unwrap();
    assert!(matches!(closed.refusal(), OpenError::ForeignFile { application_id: 0 }));
}

#[test]
fn links_and_second_names_are_refused() {
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let closed = Closed::new();
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("target");
        if name == "store.db" {
            std::fs::rename(closed.path(name), &target).unwrap();
        } else {
            std::fs::write(&target, b"").unwrap();
        }
        symlink(&target, closed.path(name)).unwrap();
        check_foreign_entry(closed.open(), &closed.path(name));
        std::fs::remove_file(closed.path(name)).unwrap();
        std::fs::hard_link(&target, closed.path(name)).unwrap();
        check_foreign_entry(closed.open(), &closed.path(name));
    }
}

fn check_foreign_entry(opened: Result<SqliteStore, OpenError>, expected: &Path) {
    match opened.err() {
        Some(OpenError::ForeignEntry { path }) => {
            assert_eq!(path.file_name(), expected.file_name());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_would_be_replayed_into_the_store_are_refused() {
    // A rollback journal: a store in WAL mode has none, and it may name files to delete.
    let closed = Closed::new();
    std::fs::write(closed.path("store.db-journal"), b"").unwrap();
    assert!(matches!(closed.refusal(), OpenError::LeftOver { .. }));
    // A WAL whose database is gone must not be replayed into a new one.
    let closed = Closed::new();
    std::fs::remove_file(closed.path("store.db")).unwrap();
    std::fs::write(closed.path("store.db-wal"), b"").unwrap();
    assert!(matches!(closed.refusal(), OpenError::LeftOver { .. }));
    assert!(!closed.path("store.db").exists());
}

#[test]
fn a_store_is_made_only_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let options = OpenOptions { create: false, ..OpenOptions::default() };
    let opened = SqliteStore::open(directory.path(), options);
    assert!(matches!(opened.err(), Some(OpenError::Missing { .. })));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let store = SqliteStore::open(directory.path(), OpenOptions::default()).unwrap();
    assert!(store.is_empty().unwrap());
}

#[test]
fn a_broken_off_creation_is_begun_again() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["store.db.new", "store.db.new-wal", "store.db.new-shm", "store.db.new-journal"] {
        std::fs::write(directory.path().join(name), b"half of something").unwrap();
    }
    let store = SqliteStore::open(directory.path(), OpenOptions::default()).unwrap();
    assert!(store.is_empty().unwrap());
    Box::new(store).close().unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_row_longer_than_any_of_ours_is_handed_out_empty() {
    let closed = Closed::new().altered("UPDATE record SET sealed = zeroblob(20000000) WHERE key = x'62'");
    let store = closed.open().unwrap();
    let sealed = Some(b"sealed".to_vec());
    assert_eq!(store.read(&[b"b"]).unwrap(), [Some(vec![])]);
    assert_eq!(store.read(&[b"a", b"b"]).unwrap(), [sealed.clone(), Some(vec![])]);
    let many: Vec<&[u8]> = vec![b"a", b"b", b"c", b"d", b"a"];
    assert_eq!(store.read(&many).unwrap(), [sealed.clone(), Some(vec![]), sealed.clone(), None, sealed]);
    let mut lengths = Vec::new();
    store
        .scan(b"", &mut |key, value| {
            lengths.push((key[0], value.len()));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(lengths, [(b'a', 6), (b'b', 0), (b'c', 6)]);
    let changes = vec![Change::Delete { key: b"b" }];
    store.commit(&Batch { absent: vec![], changes }).unwrap();
    assert_eq!(store.read(&[b"b"]).unwrap(), [None]);
}
