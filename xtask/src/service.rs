//! Checks the systemd unit: that it is valid, and that it is as hardened as we say.

use std::fs;
use std::process::Command;

use crate::command::{self, Failure};
use crate::workspace;

const UNIT: &str = "packaging/strongroom.service";

/// The highest exposure level that `systemd-analyze security` may report, in tenths (100 is a unit without any hardening).
const EXPOSURE_LIMIT: u32 = 15;

/// Verifies the unit; where systemd is not installed, says so in `not_run`.
pub fn verify(not_run: &mut Vec<String>) -> Result<(), Failure> {
    if !command::succeeds(Command::new("systemd-analyze").arg("--version")) {
        not_run.push(format!("{UNIT}: systemd-analyze is not there"));
        return Ok(());
    }
    let copy = copy_for_verification()?;
    command::run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy))?;
    let threshold = format!("--threshold={EXPOSURE_LIMIT}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", &threshold]);
    security.arg(&copy);
    let result = security.output().map_err(|source| Failure::Start { line: command::line(&security), source })?;
    let report = String::from_utf8_lossy(&result.stdout);
    if !result.status.success() {
        println!("{report}{}", String::from_utf8_lossy(&result.stderr));
    } else if let Some(last) = report.lines().rfind(|line| !line.trim().is_empty()) {
        println!("{last}");
    }
    command::judge(&security, result.status)
}

/// `verify` wants the program to exist, and it is not installed here: the copy starts the development build.
fn copy_for_verification() -> Result<std::path::PathBuf, Failure> {
    let original = workspace::root().join(UNIT);
    let text = fs::read_to_string(&original).map_err(|source| Failure::File { path: original, source })?;
    let built = workspace::binary().display().to_string();
    let directory = workspace::build_directory().join("service");
    let copy = directory.join("strongroom.service");
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&copy, text.replace("/usr/bin/strongroom", &built)))
        .map_err(|source| Failure::File { path: copy.clone(), source })?;
    Ok(copy)
}
