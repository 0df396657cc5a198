//! Beginning, opening and not opening a trail; a torn end is cut, and the cut is a line.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use strongroom_audit::{CheckpointState, Filter, Flaw, Inspection, Tail, Trail, TrailError, search, verify};

use crate::scene::{NOW, entry, lines, place, settings, trail, write_lines};

const SEGMENT: &str = "trail-00000001.jsonl";

#[test]
fn nothing_is_missing_and_stays_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("audit"));
    assert!(matches!(Trail::inspect(&settings), Ok(Inspection::Missing)));
    assert!(matches!(Trail::open(settings.clone(), NOW), Err(TrailError::Missing)));
    assert!(!settings.directory.exists());
}

#[test]
fn a_trail_begins_once() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, key_zero) = Trail::create(settings(folder.path()), NOW).unwrap();
    assert_eq!((trail.position().seq, trail.position()), (1, trail.synced()));
    drop(trail);
    let again = Trail::create(settings(folder.path()), NOW);
    assert!(matches!(again, Err(TrailError::Exists)));
    assert_eq!(verify(folder.path(), Some(key_zero)).unwrap().lines, 1);
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = trail(folder.path(), 2);
    assert!(matches!(Trail::open(settings(folder.path()), NOW), Err(TrailError::InUse)));
    drop(first);
    Trail::open(settings(folder.path()), NOW).unwrap();
}

#[test]
fn inspection_tells_what_a_start_needs_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trail, _) = trail(folder.path(), 4);
    trail.append(&entry("a"), Some(place(5, 0)));
    let partial = strongroom_audit::Place { anchor: None, ..place(6, 0) };
    trail.append(&entry("b"), Some(partial));
    trail.write().unwrap();
    let position = trail.position();
    drop(trail);
    append_bytes(folder.path(), b"{\"seq\":9,\"ti");
    let before = std::fs::read(folder.path().join(SEGMENT)).unwrap();

    let tail = inspect(folder.path());
    assert_eq!(tail.last, position);
    assert_eq!(tail.last_epoch, Some((5, [5; 32])));
    assert_eq!(tail.last_place, Some((6, 0)));
    assert_eq!(tail.torn_bytes, Some(12));
    assert_eq!(tail.checkpoint, CheckpointState::Ready { number: 1 });
    assert_eq!(tail.unsigned_lines, 3);
    assert_eq!(std::fs::read(folder.path().join(SEGMENT)).unwrap(), before);
}

/// So a checkpoint alone tells that everything up to its epoch is in the trail.
#[test]
fn a_checkpoint_never_divides_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trail, _) = trail(folder.path(), 3);
    assert_eq!(inspect(folder.path()).last_place, Some((3, u32::MAX)));
    let partial = strongroom_audit::Place { anchor: None, ..place(4, 0) };
    trail.append(&entry("first of two"), Some(partial));
    let much_later = strongroom_envelope::Timestamp(NOW.0 + 1_000_000);
    assert!(!trail.checkpoint_due(much_later));
    let position = trail.position();
    trail.checkpoint(much_later).unwrap();
    assert_eq!((trail.position(), trail.synced()), (position, position));
    drop(trail);

    let mut trail = Trail::open(settings(folder.path()), NOW).unwrap();
    assert_eq!(inspect(folder.path()).last_place, Some((4, 0)));
    trail.append(&entry("locked"), None);
    assert!(!trail.checkpoint_due(much_later));
    trail.append(&entry("second of two"), Some(place(4, 1)));
    assert!(trail.checkpoint_due(much_later));
    trail.checkpoint(much_later).unwrap();
    let tail = inspect(folder.path());
    assert_eq!((tail.last_place, tail.last_epoch), (Some((4, u32::MAX)), Some((4, [4; 32]))));
}

#[test]
fn a_torn_end_is_cut_and_the_cut_is_a_line() {
    let torn: [&[u8]; 5] = [b"{\"seq\":8", b"garbage\n", b"\0\0\0\0", b"\0\0\n{\"seq\":9}\nmore\n", b"\n"];
    for torn in torn {
        let folder = tempfile::tempdir().unwrap();
        let (_, key_zero) = trail(folder.path(), 5);
        append_bytes(folder.path(), torn);
        let mut trail = Trail::open(settings(folder.path()), NOW).unwrap();
        trail.append(&entry("goes on"), None);
        trail.checkpoint(NOW).unwrap();
        let report = verify(folder.path(), Some(key_zero)).unwrap();
        assert_eq!(report.last, trail.position());
        let mut cuts = Vec::new();
        let filter = Filter { operation: Some("audit.cut".into()), ..Filter::default() };
        search(folder.path(), &filter, &mut |line, _| {
            cuts.push((line.seq, line.target.clone(), line.count, line.principal.clone()));
            ControlFlow::Continue(())
        })
        .unwrap();
        let bytes = Some(torn.len() as u64);
        assert_eq!(cuts, [(8, SEGMENT.to_owned(), bytes, "system".to_owned())]);
    }
}

/// What is no torn end is not cut: a whole line that does not fit, or a damaged one before whole ones.
#[test]
fn a_broken_line_is_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 5);
    let good = lines(&folder.path().join(SEGMENT));
    let mut changed = good.clone();
    changed[2] = b"garbage".to_vec();
    assert!(matches!(broken(folder.path(), &changed), (3, Flaw::NotALine(_))));
    let mut changed = good.clone();
    changed.push(good[6].clone());
    assert_eq!(broken(folder.path(), &changed), (8, Flaw::Number { expected: 8, found: 7 }));
    let mut changed = good.clone();
    changed.remove(5);
    assert_eq!(broken(folder.path(), &changed), (6, Flaw::Number { expected: 6, found: 7 }));
}

#[test]
fn a_lost_key_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 5);
    std::fs::remove_file(folder.path().join("checkpoint.key")).unwrap();
    assert_eq!(inspect(folder.path()).checkpoint, CheckpointState::KeyLost { number: 1 });
    let opened = Trail::open(settings(folder.path()), NOW);
    assert!(matches!(opened, Err(TrailError::KeyLost { number: 1 })));
    std::fs::write(folder.path().join("checkpoint.key"), [0xff; 8_192]).unwrap();
    assert_eq!(inspect(folder.path()).checkpoint, CheckpointState::KeyLost { number: 1 });
}

/// The key file of another trail, at the same checkpoint.
#[test]
fn a_foreign_key_file_is_no_key() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    trail(ours.path(), 5);
    trail(theirs.path(), 5);
    let key = "checkpoint.key";
    std::fs::copy(theirs.path().join(key), ours.path().join(key)).unwrap();
    assert_eq!(inspect(ours.path()).checkpoint, CheckpointState::KeyLost { number: 1 });
}

#[test]
fn checkpoints_are_due_by_lines_and_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let settings = strongroom_audit::TrailSettings { checkpoint_lines: 3, ..settings(folder.path()) };
    let (mut trail, _) = Trail::create(settings, NOW).unwrap();
    let later = |milliseconds| strongroom_envelope::Timestamp(NOW.0 + milliseconds);
    assert!(!trail.checkpoint_due(later(1_000_000)));
    trail.append(&entry("1"), None);
    assert!(!trail.checkpoint_due(later(9_999)));
    assert!(trail.checkpoint_due(later(10_000)));
    assert!(trail.checkpoint_due(later(-10_000)));
    trail.append(&entry("2"), None);
    assert!(!trail.checkpoint_due(NOW));
    trail.append(&entry("3"), None);
    assert!(trail.checkpoint_due(NOW));
    trail.checkpoint(NOW).unwrap();
    assert!(!trail.checkpoint_due(later(1_000_000)));
    let position = trail.position();
    trail.checkpoint(NOW).unwrap();
    assert_eq!(trail.position(), position, "nothing to sign");
}

fn inspect(folder: &Path) -> Tail {
    match Trail::inspect(&settings(folder)).unwrap() {
        Inspection::Present(tail) => *tail,
        Inspection::Missing => panic!("the trail is there"),
    }
}

fn broken(folder: &Path, changed: &[Vec<u8>]) -> (u64, Flaw) {
    write_lines(&folder.join(SEGMENT), changed);
    match Trail::inspect(&settings(folder)) {
        Err(TrailError::Broken { line, flaw, .. }) => (line, flaw),
        other => panic!("{other:?}"),
    }
}

fn append_bytes(folder: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().append(true).open(folder.join(SEGMENT)).unwrap();
    file.write_all(bytes).unwrap();
}
