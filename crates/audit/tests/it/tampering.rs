//! Every edit, removal, exchange, repetition, replacement and continuation of signed lines is found offline with key 0.

use std::path::{Path, PathBuf};

use strongroom_audit::{Flaw, Inspection, Trail, TrailError, VerifyError, verify};
use strongroom_crypto::hash::sha256;
use strongroom_envelope::audit_line;
use tempfile::TempDir;

use crate::scene::{NOW, entry, lines, settings, trail, write_lines};

#[test]
fn an_untouched_trail_is_in_order() {
    let signed = Signed::new();
    let report = verify(signed.path(), Some(signed.key_zero)).unwrap();
    assert_eq!(report.lines, signed.lines.len() as u64);
    assert_eq!((report.first, report.unsigned_lines, report.torn_bytes), (1, 0, None));
    assert_eq!(report.key_zero, Some(signed.key_zero));
    assert_eq!(report.checkpoint.unwrap().number, 3);
    assert_eq!(report.last_epoch, Some((9, [9; 32])));
}

#[test]
fn every_changed_byte_is_found() {
    let signed = Signed::of(3);
    let good = std::fs::read(signed.segment()).unwrap();
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1 << (at % 7);
        std::fs::write(signed.segment(), &changed).unwrap();
        signed.found(&format!("byte {at}"));
    }
}

#[test]
fn every_removed_line_is_found() {
    let signed = Signed::new();
    for at in 0..signed.lines.len() - 1 {
        let mut changed = signed.lines.clone();
        changed.remove(at);
        signed.write_and_find(&changed, &format!("without line {}", at + 1));
    }
}

#[test]
fn every_exchange_of_two_lines_is_found() {
    let signed = Signed::new();
    for first in 0..signed.lines.len() {
        for second in first + 1..signed.lines.len() {
            let mut changed = signed.lines.clone();
            changed.swap(first, second);
            signed.write_and_find(&changed, &format!("{first} and {second}"));
        }
    }
}

#[test]
fn every_repeated_line_is_found() {
    let signed = Signed::new();
    for line in 0..signed.lines.len() {
        for at in 0..=signed.lines.len() {
            let mut changed = signed.lines.clone();
            changed.insert(at, signed.lines[line].clone());
            signed.write_and_find(&changed, &format!("{line} once more at {at}"));
        }
    }
}

/// Lines of another trail of the same node, made by the same program with the same content.
#[test]
fn every_replacement_by_a_line_of_another_trail_is_found() {
    let signed = Signed::new();
    let other = Signed::new();
    for at in 0..signed.lines.len() {
        let mut changed = signed.lines.clone();
        changed[at].clone_from(&other.lines[at]);
        signed.write_and_find(&changed, &format!("line {}", at + 1));
        let mut changed = signed.lines.clone();
        changed[at..].clone_from_slice(&other.lines[at..]);
        signed.write_and_find(&changed, &format!("from line {}", at + 1));
    }
}

/// A signature covers its whole line: there is no room for a MAC that nobody vouches for.
#[test]
fn a_mac_added_to_the_last_checkpoint_is_found() {
    let signed = Signed::new();
    let mut changed = signed.lines.clone();
    audit_line::append_mac(&[7; 16], changed.last_mut().unwrap());
    write_lines(&signed.segment(), &changed);
    assert_eq!(signed.found("a MAC"), Flaw::CheckpointForm);
}

/// Who edits a line can compute every hash behind it anew, but no signature.
#[test]
fn an_edit_with_all_hashes_computed_anew_is_found() {
    let signed = Signed::new();
    for at in 1..signed.lines.len() {
        let mut line = audit_line::parse(&signed.lines[at]).unwrap();
        line.principal = "uid:0".into();
        let mut changed = signed.lines.clone();
        changed[at].clear();
        audit_line::render(&line, &mut changed[at]);
        relink(&mut changed, at + 1);
        write_lines(&signed.segment(), &changed);
        let flaw = signed.found(&format!("line {}", at + 1));
        assert!(matches!(flaw, Flaw::Signature { .. }), "line {}: {flaw}", at + 1);
    }
}

/// The server itself goes on behind a cut: it refuses, since the key file is further than the trail.
#[test]
fn a_cut_trail_is_not_continued() {
    let signed = Signed::new();
    for kept in 1..signed.lines.len() {
        write_lines(&signed.segment(), &signed.lines[..kept]);
        let opened = Trail::open(settings(signed.path()), NOW);
        assert!(matches!(opened, Err(TrailError::Truncated { key: 3, .. })), "{kept} lines kept");
        assert_eq!(lines(&signed.segment()).len(), kept, "opening changed something");
    }
}

/// Who cuts a trail and lets another key file go on with it has the old line 1 against him.
#[test]
fn a_cut_trail_that_was_continued_with_other_keys_is_found() {
    let signed = Signed::new();
    let other = tempfile::tempdir().unwrap();
    let (mut continued, _) = trail(other.path(), 9);
    continued.append(&entry("later"), None);
    continued.checkpoint(NOW).unwrap();
    let later = lines(&other.path().join("trail-00000001.jsonl"));
    for kept in 1..signed.lines.len() {
        let mut changed = signed.lines[..kept].to_vec();
        changed.extend_from_slice(&later[kept..]);
        relink(&mut changed, kept);
        write_lines(&signed.segment(), &changed);
        let flaw = signed.found(&format!("{kept} lines kept"));
        assert!(matches!(flaw, Flaw::Signature { .. }), "{kept} lines kept: {flaw}");
    }
}

#[test]
fn another_key_zero_is_a_finding() {
    let signed = Signed::new();
    let judged = verify(signed.path(), Some([1; 32]));
    assert!(matches!(judged, Err(VerifyError::Finding { line: 1, flaw: Flaw::KeyZero, .. })));
}

/// A cut without a continuation leaves a shorter trail in order: what tells is the position, which anchor and log remember.
#[test]
fn a_cut_shows_in_the_position() {
    let signed = Signed::new();
    write_lines(&signed.segment(), &signed.lines[..5]);
    let report = verify(signed.path(), Some(signed.key_zero)).unwrap();
    assert_eq!(report.last.seq, 5);
    assert_eq!(report.last.head, sha256(&[&signed.lines[4]]));
    assert_eq!(report.unsigned_lines, 0);
    let Inspection::Present(tail) = Trail::inspect(&settings(signed.path())).unwrap() else {
        panic!("the trail is there");
    };
    assert_eq!(tail.last, report.last);
}

/// A finding names the file and the line, and what is wrong.
#[test]
fn a_finding_says_where() {
    let signed = Signed::new();
    let mut changed = signed.lines.clone();
    changed.remove(4);
    write_lines(&signed.segment(), &changed);
    let error = verify(signed.path(), Some(signed.key_zero)).unwrap_err();
    assert!(matches!(
        &error,
        VerifyError::Finding { line: 5, flaw: Flaw::Number { expected: 5, found: 6 }, segment }
            if *segment == signed.segment()
    ));
    assert!(error.to_string().ends_with("trail-00000001.jsonl, line 5: number 6 where 5 follows"));
}

/// A trail of nine lines, each signed, behind line 1.
struct Signed {
    folder: TempDir,
    key_zero: [u8; 32],
    lines: Vec<Vec<u8>>,
}

impl Signed {
    fn new() -> Signed {
        Signed::of(9)
    }

    fn of(count: u64) -> Signed {
        let folder = tempfile::tempdir().unwrap();
        let (_, key_zero) = trail(folder.path(), count);
        let lines = lines(&folder.path().join("trail-00000001.jsonl"));
        assert_eq!(lines.len() as u64, 1 + count + count / 3);
        Signed { folder, key_zero, lines }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn segment(&self) -> PathBuf {
        self.path().join("trail-00000001.jsonl")
    }

    fn write_and_find(&self, changed: &[Vec<u8>], what: &str) {
        write_lines(&self.segment(), changed);
        self.found(what);
    }

    /// What verification finds; a line without an end at the very end counts as found when it is reported as torn.
    fn found(&self, what: &str) -> Flaw {
        match verify(self.path(), Some(self.key_zero)) {
            Err(VerifyError::Finding { flaw, .. }) => flaw,
            Ok(report) if report.torn_bytes.is_some() => Flaw::Endless,
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Computes the hashes of the lines from `from` on anew.
fn relink(lines: &mut [Vec<u8>], from: usize) {
    for at in from..lines.len() {
        let mut line = audit_line::parse(&lines[at]).unwrap();
        line.prev = sha256(&[&lines[at - 1]]);
        lines[at].clear();
        audit_line::render(&line, &mut lines[at]);
    }
}
