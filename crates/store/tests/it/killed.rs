//! Proves that a killed process loses nothing it acknowledged and leaves no half commit (B1).

use std::path::Path;

use strongroom_store::{OpenOptions, SqliteStore, Store};

use crate::child::{self, Said};
use crate::rounds;
use crate::workload::boundary;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_applied() {
    for _ in 0..rounds(1) {
        life_of_twenty_kills();
    }
}

fn life_of_twenty_kills() {
    let directory = tempfile::tempdir().unwrap();
    let mut held = 0;
    for cycle in 0..20 {
        let after = cycle * 7919 % 40;
        let acknowledged = kill_after(directory.path(), held, after);
        let store = SqliteStore::open(directory.path(), OpenOptions::default()).unwrap();
        let found = boundary(&store);
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "cycle {cycle}: {acknowledged} acknowledged, {found} found"
        );
        assert!(store.recovery().is_none(), "a kill is no failed write");
        store.check_pages().unwrap();
        held = found;
        // Every other time the next process finds the WAL as the killed one left it.
        if cycle % 2 == 0 {
            Box::new(store).close().unwrap();
        }
    }
    assert!(held > 20, "the children did commit");
}

/// Kills a writing child after it has acknowledged `after` commits; returns the last acknowledged one.
fn kill_after(directory: &Path, held: u64, after: u64) -> u64 {
    let mut child = child::command(&[], directory, "commit:1000000").spawn().unwrap();
    let mut acknowledged = held;
    let mut heard = 0;
    for said in child::listen(&mut child) {
        match said {
            Said::Opened(commits) => assert_eq!(commits, held),
            Said::Acknowledged(number) => {
                assert_eq!(number, acknowledged + 1);
                acknowledged = number;
                heard += 1;
            }
            other => panic!("{other:?}"),
        }
        if heard == after {
            // What it said before it died is still in the pipe and counts.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}
