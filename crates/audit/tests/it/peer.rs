//! Two implementations agree: a trail made in Python verifies here, and ours verifies there.

use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom_audit::{CheckpointState, Inspection, Trail, TrailSettings, verify};

use crate::scene::{audit_key, trail};

/// `tests/vectors` was written by `trail.py make` with fixed keys.
#[test]
fn the_trail_made_in_python_is_in_order() {
    let report = verify(&here("vectors"), Some(KEY_ZERO)).unwrap();
    assert_eq!((report.segments, report.lines, report.unsigned_lines), (2, 11, 3));
    assert_eq!(report.checkpoint.map(|last| (last.number, last.seq)), Some((2, 8)));
    assert_eq!(report.last_epoch.map(|(epoch, _)| epoch), Some(1));
    let settings = TrailSettings::new(here("vectors"), "vault-1");
    let Inspection::Present(tail) = Trail::inspect(&settings).unwrap() else {
        panic!("the trail is there");
    };
    assert_eq!(tail.checkpoint, CheckpointState::KeyLost { number: 2 });
    assert_eq!(tail.last_place, Some((1, u32::MAX)), "as the checkpoint tells");
    assert_eq!(tail.last_epoch, report.last_epoch);
    let macs = tail.verify(&settings, &audit_key()).unwrap();
    assert_eq!((macs.with_mac, macs.without_mac), (2, 1));
}

#[test]
fn our_trail_is_in_order_for_python() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trail, key_zero) = trail(folder.path(), 10);
    trail.disarm();
    trail.append(&crate::scene::entry("l\u{f6}cked \u{7f}\u{1f512}\n\""), None);
    trail.write().unwrap();
    let segment = folder.path().join("trail-00000001.jsonl");
    let run = |key_zero: [u8; 32]| {
        Command::new("python3")
            .arg(here("peer/trail.py"))
            .args(["verify", &hex(&key_zero), &hex(audit_key().expose())])
            .arg(&segment)
            .output()
    };
    match run(key_zero) {
        Err(error) => println!("not run: python3: {error}"),
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("ModuleNotFound") => {
            println!("not run: the Python package `cryptography` is not installed");
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(said, "15 lines\n", "{}", String::from_utf8_lossy(&output.stderr));
            assert!(!run([1; 32]).unwrap().status.success());
        }
    }
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `public(one_time_key(0))` of `trail.py` answers.
const KEY_ZERO: [u8; 32] = [
    0x5b, 0xa6, 0x3e, 0xeb, 0x47, 0x89, 0x64, 0x8f, 0x23, 0x23, 0xda, 0x72, 0x4e, 0xe4, 0xdc, 0xda, 0x97, 0x89, 0xa7,
    0xc2, 0x01, 0x79, 0x07, 0x34, 0x6b, 0x7c, 0x67, 0xb0, 0xcb, 0xa8, 0xe7, 0x80,
];
