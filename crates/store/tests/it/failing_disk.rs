//! Proves what a commit says when the disk fails: full is full, a failed sync is unknown and ends writing (B5, B6).

use std::path::{Path, PathBuf};

use strongroom_store::{Batch, Change, CommitError, OpenOptions, RECOVERY_MARKER, SqliteStore, Store};

use crate::child::{self, Said};
use crate::workload::boundary;
use crate::{has_strace, rounds};

/// What a traced child said while the `nth` of the named calls failed.
struct Outcome {
    said: Vec<Said>,
    /// The call that failed, as strace shows it; none if there were not as many.
    hit: Option<String>,
    directory: tempfile::TempDir,
}

/// Runs a child on a store of 3 commits whose `nth` call of `calls` fails with `error`.
fn run_with_fault(calls: &str, error: &str, nth: u64, script: &str) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut child = child::command(&[], &data, "commit:3").spawn().unwrap();
    assert!(child::listen(&mut child).any(|said| said == Said::Acknowledged(3)));
    child.wait().unwrap();
    let output = directory.path().join("trace");
    let inject = format!("inject={calls}:error={error}:when={nth}");
    let trace = format!("trace={calls}");
    let output_name = output.to_str().unwrap();
    let wrapper = ["strace", "-f", "-y", "-s", "0", "-o", output_name, "-e", &trace, "-e", &inject];
    let mut child = child::command(&wrapper, &data, script).spawn().unwrap();
    let said = child::listen(&mut child).collect();
    child.wait().unwrap();
    let trace = std::fs::read_to_string(output).unwrap();
    let hit = trace.lines().find(|line| line.contains("(INJECTED)")).map(str::to_owned);
    Outcome { said, hit, directory }
}

impl Outcome {
    fn acknowledged(&self) -> u64 {
        let mut numbers = self.said.iter().filter_map(|said| match said {
            Said::Acknowledged(number) => Some(*number),
            _ => None,
        });
        numbers.next_back().unwrap_or(3)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Opens the store again; it holds what was acknowledged, and at most the one that was unknown.
    fn reopened(&self, at_most: u64) -> SqliteStore {
        let store = SqliteStore::open(&self.data(), OpenOptions::default()).unwrap();
        let found = boundary(&store);
        let acknowledged = self.acknowledged();
        assert!(
            (acknowledged..=acknowledged + at_most).contains(&found),
            "{acknowledged} acknowledged, {found} found; {:?}",
            self.said
        );
        store
    }
}

#[test]
fn after_any_failed_sync_nothing_is_acknowledged_until_the_store_was_copied() {
    if !has_strace() {
        return;
    }
    let mut kinds = Vec::new();
    for nth in 1.. {
        let outcome = run_with_fault("fsync,fdatasync", "EIO", nth, "commit:6 scrub commit:3 close");
        let Some(hit) = &outcome.hit else {
            assert!(nth > 9, "every commit syncs: {nth}");
            break;
        };
        let good = |said: &&Said| matches!(said, Said::Opened(_) | Said::Acknowledged(_) | Said::Scrubbed);
        let first_bad = outcome.said.iter().take_while(good).count();
        let after = &outcome.said[first_bad..];
        assert!(after.iter().all(|said| !good(&said)), "{nth}: {:?}", outcome.said);
        // SQLite does not look whether syncing the WAL's name worked; we did when it was opened.
        if after.first() == Some(&Said::Closed) {
            assert!(hit.contains("/data>)"), "{hit}");
            continue;
        }
        kinds.extend(after.first().copied());
        // A failure while opening writes nothing and needs no recovery.
        if outcome.said.first() == Some(&Said::Refused) {
            outcome.reopened(0);
            continue;
        }
        for said in &after[1..] {
            assert!(matches!(said, Said::Stopped(_) | Said::Refused), "{nth}: {:?}", outcome.said);
        }
        let unknown = u64::from(matches!(after.first(), Some(Said::Unknown(_))));
        let store = outcome.reopened(unknown);
        if !matches!(after.first(), Some(Said::Refused)) {
            let recovery = store.recovery().expect("the next open recovers");
            assert!(recovery.records > 0);
        }
        assert!(!outcome.data().join(RECOVERY_MARKER).exists());
        let change = Change::Put { key: b"\xffafter", value: b"1" };
        store.commit(&Batch { absent: vec![], changes: vec![change] }).unwrap();
        Box::new(store).close().unwrap();
    }
    assert!(kinds.iter().any(|said| matches!(said, Said::Unknown(_))), "{kinds:?}");
    assert!(kinds.iter().any(|said| matches!(said, Said::Failed(_))), "a checkpoint: {kinds:?}");
    assert!(kinds.contains(&Said::Refused), "scrub or close: {kinds:?}");
}

#[test]
fn any_failed_write_leaves_whole_commits() {
    if !has_strace() {
        return;
    }
    for (error, stride) in [("EIO", 7), ("ENOSPC", 5), ("EDQUOT", 11), ("EFBIG", 13)] {
        let stride = (stride / rounds(1)).max(1);
        for nth in (1..).step_by(usize::try_from(stride).unwrap()) {
            let outcome = run_with_fault("pwrite64", error, nth, "commit:4 close");
            if outcome.hit.is_none() {
                assert!(nth > 12, "every commit writes");
                break;
            }
            let unknown = outcome.said.iter().any(|said| matches!(said, Said::Unknown(_)));
            assert!(!(unknown && error == "ENOSPC"), "{nth}: a full volume is no unknown outcome");
            outcome.reopened(u64::from(unknown)).check_pages().unwrap();
        }
    }
}

#[test]
fn a_full_volume_refuses_commits_serves_reads_and_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let Some(_volume) = SmallVolume::mount(directory.path()) else { return };
    let ballast = directory.path().join("ballast");
    std::fs::write(&ballast, vec![0; 256 << 10]).unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let options = OpenOptions { wal_pages: 40, ..OpenOptions::default() };
    let store = SqliteStore::open(&data, options.clone()).unwrap();
    let written = fill(&store);
    let before = written.saturating_sub(1).to_be_bytes();
    assert!(written > 5, "some commits fit: {written}");
    for _ in 0..3 {
        let change = Change::Put { key: b"big", value: &[7; 100_000] };
        let result = store.commit(&Batch { absent: vec![], changes: vec![change] });
        assert!(matches!(result, Err(CommitError::Full)), "{result:?}");
        assert_eq!(store.read(&[b"big", &before]).unwrap(), [None, Some(vec![1; 8_000])]);
    }
    assert!(!store.has_stopped());
    std::fs::remove_file(&ballast).unwrap();
    let change = Change::Put { key: b"small", value: &[7; 1_000] };
    store.commit(&Batch { absent: vec![], changes: vec![change] }).unwrap();
    store.check_pages().unwrap();
    drop(store);
    let store = SqliteStore::open(&data, options).unwrap();
    assert!(store.recovery().is_none());
    let found = store.read(&[b"big", b"small", &before]).unwrap();
    assert_eq!(found, [None, Some(vec![7; 1_000]), Some(vec![1; 8_000])]);
    assert!(fill(&store) > written, "the room is used");
}

/// Commits records of 8,000 bytes until the volume is full; returns how many there are.
fn fill(store: &SqliteStore) -> u64 {
    let mut number = 0u64;
    loop {
        let key = number.to_be_bytes();
        let change = Change::Put { key: &key, value: &[1; 8_000] };
        match store.commit(&Batch { absent: vec![], changes: vec![change] }) {
            Ok(()) => number += 1,
            Err(CommitError::Full) => return number,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// A volume of one MiB in memory, unmounted at the end.
struct SmallVolume<'a>(&'a Path);

impl SmallVolume<'_> {
    /// Only root may mount.
    fn mount(at: &Path) -> Option<SmallVolume<'_>> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("not run: a small volume cannot be mounted here (needs root)");
        }
        mounted.then_some(SmallVolume(at))
    }
}

impl Drop for SmallVolume<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0).output();
    }
}
