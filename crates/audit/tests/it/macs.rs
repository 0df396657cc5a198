//! The lines behind the last checkpoint, which no signature covers, are vouched for by the stepping MAC.

use std::path::Path;

use strongroom_audit::{Inspection, Tail, TailFinding, Trail};
use strongroom_crypto::hash::sha256;
use strongroom_envelope::audit_line;
use strongroom_secret::MacKey;

use crate::scene::{NOW, audit_key, entry, lines, settings, trail, write_lines};

const SEGMENT: &str = "trail-00000001.jsonl";

#[test]
fn untouched_lines_verify() {
    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 5);
    let tail = inspect(folder.path());
    assert_eq!(tail.unsigned_lines, 2);
    let report = tail.verify(&settings(folder.path()), &audit_key()).unwrap();
    assert_eq!((report.with_mac, report.without_mac), (2, 0));
    let other = MacKey::fill_with(|key| *key = [1; 32]);
    let finding = tail.verify(&settings(folder.path()), &other).unwrap_err();
    assert!(matches!(finding, TailFinding::Mac { seq: 6 }));
}

/// The hashes are computed anew, as whoever writes to the disk can do.
#[test]
fn an_edited_line_is_found() {
    for at in [5, 6] {
        let folder = tempfile::tempdir().unwrap();
        trail(folder.path(), 5);
        change(folder.path(), |lines| {
            let mut line = audit_line::parse(&lines[at]).unwrap();
            line.target = "other".into();
            lines[at].clear();
            audit_line::render(&line, &mut lines[at]);
        });
        assert_eq!(finding(folder.path()), Some(at as u64 + 1));
    }
}

#[test]
fn a_removed_or_exchanged_line_is_found() {
    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 5);
    change(folder.path(), |lines| drop(lines.remove(5)));
    assert_eq!(finding(folder.path()), Some(6));

    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 5);
    change(folder.path(), |lines| lines.swap(5, 6));
    assert_eq!(finding(folder.path()), Some(6));
}

/// A locked server's lines carry no MAC and the key does not step over them; after the next unlock it goes on where it was.
#[test]
fn locked_lines_carry_none_and_do_not_step() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trail, _) = trail(folder.path(), 4);
    trail.disarm();
    trail.append(&entry("locked"), None);
    trail.arm(audit_key());
    trail.append(&entry("unlocked"), None);
    trail.write().unwrap();
    drop(trail);

    let mut trail = Trail::open(settings(folder.path()), NOW).unwrap();
    trail.append(&entry("locked again"), None);
    let report = trail.verify_tail(&audit_key()).unwrap();
    assert_eq!((report.with_mac, report.without_mac), (2, 1));
    trail.arm(audit_key());
    trail.append(&entry("unlocked again"), None);
    trail.write().unwrap();

    let tail = inspect(folder.path());
    let report = tail.verify(&settings(folder.path()), &audit_key()).unwrap();
    assert_eq!((report.with_mac, report.without_mac), (3, 2));
}

/// What lay there when the trail was opened is what is checked at unlock, also when a checkpoint came between.
#[test]
fn a_checkpoint_of_the_locked_server_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 5);
    change(folder.path(), |lines| drop(lines.remove(5)));
    let mut trail = Trail::open(settings(folder.path()), NOW).unwrap();
    trail.append(&entry("locked"), None);
    trail.checkpoint(NOW).unwrap();
    let finding = trail.verify_tail(&audit_key()).unwrap_err();
    assert!(matches!(finding, TailFinding::Mac { seq: 6 }));
}

/// A change between inspection and unlock.
#[test]
fn lines_that_change_after_the_inspection_are_found() {
    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 5);
    let tail = inspect(folder.path());
    change(folder.path(), |lines| drop(lines.pop()));
    let finding = tail.verify(&settings(folder.path()), &audit_key()).unwrap_err();
    assert!(matches!(finding, TailFinding::Changed));
}

fn inspect(folder: &Path) -> Tail {
    match Trail::inspect(&settings(folder)).unwrap() {
        Inspection::Present(tail) => *tail,
        Inspection::Missing => panic!("the trail is there"),
    }
}

fn finding(folder: &Path) -> Option<u64> {
    match inspect(folder).verify(&settings(folder), &audit_key()) {
        Err(TailFinding::Mac { seq }) => Some(seq),
        Err(other) => panic!("{other}"),
        Ok(_) => None,
    }
}

/// Changes the lines and gives them numbers and hashes that fit again.
fn change(folder: &Path, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let segment = folder.join(SEGMENT);
    let mut lines = lines(&segment);
    change(&mut lines);
    for at in 5..lines.len() {
        let mut line = audit_line::parse(&lines[at]).unwrap();
        line.seq = at as u64 + 1;
        line.prev = sha256(&[&lines[at - 1]]);
        lines[at].clear();
        audit_line::render(&line, &mut lines[at]);
    }
    write_lines(&segment, &lines);
}
