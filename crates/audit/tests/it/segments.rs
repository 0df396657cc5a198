//! Segments follow each other without a gap, end with a checkpoint, stay below their limit, and are read by their owner only.

use std::os::unix::fs::PermissionsExt;

use rustix::fs::Mode;
use strongroom_audit::{Flaw, Trail, TrailError, TrailSettings, verify, verify_files};
use strongroom_envelope::audit_line;

use crate::scene::{NOW, audit_key, entry, lines, place, settings, write_lines};

#[test]
fn a_rollover_keeps_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let segment_bytes = 16 << 10;
    let small = TrailSettings { segment_bytes, ..settings(folder.path()) };
    let (mut trail, key_zero) = Trail::create(small.clone(), NOW).unwrap();
    trail.arm(audit_key());
    for number in 0..400 {
        trail.append(&entry(format!("name/{number}")), Some(place(number, 0)));
        trail.write().unwrap();
    }
    trail.checkpoint(NOW).unwrap();
    let position = trail.position();
    drop(trail);

    let report = verify(folder.path(), Some(key_zero)).unwrap();
    assert_eq!(report.last, position);
    assert!(report.segments >= 10, "{} segments", report.segments);
    let mut files = Vec::new();
    for number in 1..=report.segments {
        let file = folder.path().join(format!("trail-{number:08}.jsonl"));
        assert!(std::fs::metadata(&file).unwrap().len() <= segment_bytes);
        let last = audit_line::parse(lines(&file).last().unwrap()).unwrap();
        assert_eq!(last.operation, "audit.checkpoint");
        assert_eq!(last.anchor.is_some(), last.epoch.is_some());
        files.push(file);
    }

    let later = verify_files(&files[4..], None).unwrap();
    assert_eq!((later.last, later.key_zero), (position, None));
    assert!(later.first > 1);
    assert!(verify_files(&files[4..], Some(key_zero)).is_err());
    let mut missing = files.clone();
    missing.remove(3);
    assert!(verify_files(&missing, Some(key_zero)).is_err());

    let mut trail = Trail::open(small, NOW).unwrap();
    assert_eq!(trail.position(), position);
    trail.append(&entry("goes on"), None);
    trail.checkpoint(NOW).unwrap();
    assert_eq!(verify(folder.path(), Some(key_zero)).unwrap().last, trail.position());
}

/// A start reads the newest segment, and that it follows on the one before.
#[test]
fn the_newest_segment_has_to_follow() {
    let folder = tempfile::tempdir().unwrap();
    let small = TrailSettings { segment_bytes: 8 << 10, ..settings(folder.path()) };
    let (mut trail, _) = Trail::create(small.clone(), NOW).unwrap();
    for number in 0..50 {
        trail.append(&entry(format!("name/{number}")), None);
        trail.write().unwrap();
    }
    trail.checkpoint(NOW).unwrap();
    let mut segments = verify(folder.path(), None).unwrap().segments;
    segments -= 1;
    let before = folder.path().join(format!("trail-{segments:08}.jsonl"));
    Trail::inspect(&small).unwrap();
    let mut changed = lines(&before);
    let cut = changed.pop();
    write_lines(&before, &changed);
    let broken = |flaw: fn(&Flaw) -> bool| match Trail::inspect(&small) {
        Err(TrailError::Broken { line: 1, flaw: found, .. }) => assert!(flaw(&found), "{found}"),
        other => panic!("{other:?}"),
    };
    broken(|flaw| matches!(flaw, Flaw::Number { .. }));
    let mut line = audit_line::parse(&cut.unwrap()).unwrap();
    line.node = "other".into();
    changed.push(Vec::new());
    audit_line::render(&line, changed.last_mut().unwrap());
    write_lines(&before, &changed);
    broken(|flaw| matches!(flaw, Flaw::Link));
}

/// More lines in one write than a segment holds.
#[test]
fn one_write_may_fill_several_segments() {
    let folder = tempfile::tempdir().unwrap();
    let small = TrailSettings { segment_bytes: 8 << 10, ..settings(folder.path()) };
    let (mut trail, key_zero) = Trail::create(small, NOW).unwrap();
    for number in 0..200 {
        trail.append(&entry(format!("name/{number}")), None);
    }
    trail.write().unwrap();
    trail.checkpoint(NOW).unwrap();
    let report = verify(folder.path(), Some(key_zero)).unwrap();
    assert_eq!(report.last, trail.position());
    for number in 1..=report.segments {
        let file = folder.path().join(format!("trail-{number:08}.jsonl"));
        assert!(std::fs::metadata(file).unwrap().len() <= 8 << 10);
    }
}

#[test]
fn files_are_for_their_owner_only() {
    let before = rustix::process::umask(Mode::empty());
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("audit");
    let small = TrailSettings { segment_bytes: 4 << 10, ..settings(&folder) };
    let (mut trail, _) = Trail::create(small, NOW).unwrap();
    for number in 0..40 {
        trail.append(&entry(format!("name/{number}")), None);
        trail.write().unwrap();
    }
    rustix::process::umask(before);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&folder) & 0o7777, 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 3);
    for file in files {
        assert_eq!(mode(&file) & 0o7777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_symbolic_link_is_no_segment() {
    let folder = tempfile::tempdir().unwrap();
    crate::scene::trail(folder.path(), 3);
    let segment = folder.path().join("trail-00000001.jsonl");
    let moved = folder.path().join("elsewhere");
    std::fs::rename(&segment, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &segment).unwrap();
    assert!(Trail::open(settings(folder.path()), NOW).is_err());
    assert!(verify(folder.path(), None).is_err());
}
