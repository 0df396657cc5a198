//! Runs one test again in a child process: as another user, or under another umask.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use crate::fixture::set_mode;

/// An ordinary user: `nobody` on every Linux.
pub const NOBODY: u32 = 65534;

/// In the child: the directory that the parent prepared.
pub fn prepared() -> Option<PathBuf> {
    env::var_os(DIRECTORY).map(PathBuf::from)
}

/// Whether this process may become others; says so when a test is not run for that.
pub fn can_change_user(test: &str) -> bool {
    let can = geteuid().is_root();
    if !can {
        eprintln!("not run: {test} needs root, to act as two users");
    }
    can
}

/// Runs `test` as [`NOBODY`] with what was prepared in `directory`.
pub fn run_as_nobody(test: &str, directory: &Path) {
    let user = format!("--reuid={NOBODY}");
    let group = format!("--regid={NOBODY}");
    run(test, directory, &["setpriv", &user, &group, "--clear-groups"]);
}

/// Runs `test` with nothing masked from the modes of new files.
pub fn run_without_umask(test: &str, directory: &Path) {
    run(test, directory, &["sh", "-c", "umask 000; exec \"$0\" \"$@\""]);
}

/// Runs `test` with everything masked that can be.
pub fn run_with_strict_umask(test: &str, directory: &Path) {
    run(test, directory, &["sh", "-c", "umask 077; exec \"$0\" \"$@\""]);
}

/// Runs `test` where no file can grow, as on a full disk.
pub fn run_on_a_full_disk(test: &str, directory: &Path) {
    run(test, directory, &["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]);
}

fn run(test: &str, directory: &Path, prefix: &[&str]) {
    // The other user may not reach the directory this binary was built in.
    let binary = directory.join("test-binary");
    fs::copy(env::current_exe().unwrap(), &binary).unwrap();
    set_mode(&binary, 0o755);
    let output = Command::new(prefix[0])
        .args(&prefix[1..])
        .arg(&binary)
        .args(["--exact", test, "--nocapture"])
        .env(DIRECTORY, directory)
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test} in a child process: {said}{complained}");
    assert!(said.contains("1 passed"), "no test of the name {test}: {said}");
    fs::remove_file(&binary).unwrap();
}

const DIRECTORY: &str = "STRONGROOM_TEST_PREPARED";
