//! Proves that damaged files are recovered or refused, never misread, and never a panic (B4).

use std::path::Path;

use strongroom_store::{OpenError, OpenOptions, SqliteStore, Store, StoreError};

use crate::child::{self, Said};
use crate::rounds;
use crate::workload::boundary;

fn options() -> OpenOptions {
    OpenOptions { readers: 1, ..OpenOptions::default() }
}

/// A directory in memory where there is such a volume.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The files of a store whose process ended without closing it after `commits` commits.
fn left_behind(commits: u64) -> (Vec<u8>, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let mut child = child::command(&[], directory.path(), &format!("long-wal commit:{commits}")).spawn().unwrap();
    assert!(child::listen(&mut child).any(|said| said == Said::Acknowledged(commits)));
    child.wait().unwrap();
    let read = |name| std::fs::read(directory.path().join(name)).unwrap();
    (read("store.db"), read("store.db-wal"))
}

fn opened(directory: &Path, database: &[u8], wal: &[u8]) -> Result<SqliteStore, OpenError> {
    std::fs::write(directory.join("store.db"), database).unwrap();
    std::fs::write(directory.join("store.db-wal"), wal).unwrap();
    SqliteStore::open(directory, options())
}

#[test]
fn a_wal_torn_at_any_sector_leaves_an_earlier_moment() {
    const SECTOR: usize = 512;
    let commits = 45;
    let (database, wal) = left_behind(commits);
    assert!(wal.len() > 64 << 10, "{} bytes", wal.len());
    let whole = boundary(&opened(scratch().path(), &database, &wal).unwrap());
    assert_eq!(whole, commits);
    let start = wal.len().saturating_sub(64 << 10).next_multiple_of(SECTOR);
    let mut before = 0;
    let mut earlier = 0;
    for end in (start..wal.len()).step_by(SECTOR) {
        let cut = wal[..end].to_vec();
        let mut zeroed = cut.clone();
        zeroed.resize(wal.len(), 0);
        let mut garbage = cut.clone();
        garbage.extend((end..wal.len()).map(|at| ((at * 31) >> 3) as u8));
        let mut missing = wal.clone();
        missing[end..(end + SECTOR).min(wal.len())].fill(0);
        let found =
            [cut, zeroed, garbage, missing].map(|torn| boundary(&opened(scratch().path(), &database, &torn).unwrap()));
        assert!(found[..3].iter().all(|commits| *commits == found[0]), "at {end}: {found:?}");
        assert!((before..=commits).contains(&found[0]), "at {end}: {found:?} after {before}");
        before = found[0];
        earlier += u64::from(found[0] < commits);
    }
    assert!(earlier > 20, "the tears reach into commits: {earlier}");
}

#[test]
fn flipped_bytes_are_an_error_or_a_value_never_a_panic() {
    let (database, wal) = left_behind(40);
    let (database, wal) = {
        let directory = scratch();
        let store = opened(directory.path(), &database, &wal).unwrap();
        Box::new(store).close().unwrap();
        (std::fs::read(directory.path().join("store.db")).unwrap(), Vec::new())
    };
    let mut refused = 0;
    let mut damaged = 0;
    // Every byte of the header and of the first page's structure, then some of each page.
    let first = (0..160).chain((0..rounds(400)).map(|round| round as usize * 4_099 % database.len()));
    for (round, position) in first.enumerate() {
        let directory = scratch();
        let mut flipped = database.clone();
        flipped[position] ^= 1 << (round % 8);
        let store = match opened(directory.path(), &flipped, &wal) {
            Ok(store) => store,
            Err(_) => {
                refused += 1;
                continue;
            }
        };
        let scanned = store.scan(b"", &mut |key, _| {
            let _ = store.read(&[key, b"none"]);
            std::ops::ControlFlow::Continue(())
        });
        let checked = store.check_pages();
        if let Err(error) = &checked {
            assert!(matches!(error, StoreError::Damaged(_) | StoreError::Failed(_)), "{error:?}");
        }
        damaged += u64::from(scanned.is_err() || checked.is_err());
        let _ = Box::new(store).close();
    }
    assert!(refused > 30 && damaged > 20, "{refused} refused, {damaged} damaged");
}
