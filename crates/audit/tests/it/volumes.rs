//! A short write and a full volume: no torn line, no doubled line, and the reserve is there when it is needed.
//!
//! Both need a process of their own (a file size limit, a mount), so the tests start this binary again.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strongroom_audit::{Trail, TrailSettings, verify};

use crate::scene::{NOW, entry, settings};

const FOLDER: &str = "STRONGROOM_TEST_FOLDER";

#[test]
fn a_short_write_tears_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Without this the kernel ends the process at the limit instead of refusing the write.
    again("trap '' XFSZ; exec \"$0\" \"$@\"", "volumes::under_a_file_size_limit", folder.path());
}

#[test]
fn under_a_file_size_limit() {
    let Some(folder) = folder_of_child() else { return };
    let plain = TrailSettings { reserve_bytes: 0, ..settings(&folder) };
    let (mut trail, key_zero) = Trail::create(plain, NOW).unwrap();
    let segment = folder.join("trail-00000001.jsonl");
    let length = || std::fs::metadata(&segment).unwrap().len();
    let before = getrlimit(Resource::Fsize);
    let mut refused = 0;
    for round in 0..20 {
        // Room for two lines and a part of a third.
        let current = Some(length() + 700 + round * 13);
        setrlimit(Resource::Fsize, Rlimit { current, maximum: before.maximum }).unwrap();
        for line in 0..4 {
            trail.append(&entry(format!("n/{round}/{line}")), None);
        }
        let error = trail.write().unwrap_err();
        assert!(error.is_full(), "{error:?}");
        refused += 1;
        assert_eq!(std::fs::read(&segment).unwrap().last(), Some(&b'\n'), "a torn line");
        assert!(trail.written().seq < trail.position().seq);
        setrlimit(Resource::Fsize, before).unwrap();
        trail.write().unwrap();
        assert_eq!(trail.written(), trail.position());
    }
    trail.checkpoint(NOW).unwrap();
    let report = verify(&folder, Some(key_zero)).unwrap();
    assert_eq!(report.lines, 1 + 80 + 1);
    done(&folder, refused);
}

#[test]
fn a_full_volume_keeps_its_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=1m tmpfs '{}'", folder.path().display());
    let possible = Command::new("unshare").args(["-m", "sh", "-c", &mount]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("not run: mounting a small tmpfs needs root");
        return;
    }
    let script = format!("exec unshare -m sh -c \"{mount}\"' && exec \"$0\" \"$@\"' \"$0\" \"$@\"");
    again(&script, "volumes::on_a_small_volume", folder.path());
}

#[test]
fn on_a_small_volume() {
    let Some(folder) = folder_of_child() else { return };
    let reserving = TrailSettings { reserve_bytes: 128 << 10, ..settings(&folder) };
    let (mut trail, key_zero) = Trail::create(reserving, NOW).unwrap();
    assert!(trail.reserve_ok());
    let other = folder.join("other");
    let free = rustix::fs::statvfs(&folder).unwrap();
    let free = usize::try_from(free.f_bavail * free.f_frsize).unwrap();
    std::fs::write(&other, vec![1; free]).unwrap();

    let mut lines = 0;
    while trail.reserve_ok() {
        lines += 1;
        trail.append(&entry(format!("n/{lines}")), None);
        trail.write().unwrap();
        assert!(lines < 10_000, "the gate never closes");
    }
    // What must be written still is: 100 KiB of it, and a checkpoint.
    for _ in 0..300 {
        lines += 1;
        trail.append(&entry(format!("urgent/{lines}")), None);
        trail.write().unwrap();
    }
    trail.sync().unwrap();
    trail.checkpoint(NOW).unwrap();
    assert!(!trail.reserve_ok());
    while trail.write().is_ok() {
        lines += 1;
        trail.append(&entry(format!("too much/{lines}")), None);
    }
    std::fs::remove_file(&other).unwrap();
    assert!(trail.reserve_ok());
    trail.write().unwrap();
    trail.checkpoint(NOW).unwrap();
    let report = verify(&folder, Some(key_zero)).unwrap();
    assert_eq!(report.lines, 1 + lines + 2);
    // The mount goes with this process, so what was seen is said outside of it.
    done(&folder, lines);
}

/// Runs one test of this binary in a shell that prepares its surroundings.
fn again(script: &str, test: &str, folder: &Path) {
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("all was seen"), "{said}{error}");
}

fn folder_of_child() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

fn done(folder: &Path, count: u64) {
    println!("all was seen in {}: {count}", folder.display());
}
