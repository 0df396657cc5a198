//! Installs the Node packages that tests use, each below the build directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{self, Failure};
use crate::data::{NODE_TOOLS, NodeTool};
use crate::workspace;

/// Makes the packages available as far as possible. What stays missing is a line of `not_run`, not a failure.
pub fn ensure(not_run: &mut Vec<String>) -> Result<(), Failure> {
    for tool in NODE_TOOLS {
        if let Err(failure) = install(tool) {
            not_run.push(format!("{}: it cannot be installed: {failure}", tool.name));
        }
    }
    Ok(())
}

/// Once for each lock file: a copy of it says what is there.
fn install(tool: &NodeTool) -> Result<(), Failure> {
    let (from, to) = (workspace::root().join(tool.folder), workspace::target_directory().join(tool.name));
    let installed = to.join("installed.json");
    let wanted = read(&from.join(LOCK))?;
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        println!("{} is there", tool.name);
        return Ok(());
    }
    println!("installing {}", tool.name);
    fs::create_dir_all(&to).map_err(|source| Failure::File { path: to.clone(), source })?;
    write(&to.join(LOCK), &wanted)?;
    write(&to.join(PACKAGE), &read(&from.join(PACKAGE))?)?;
    // Exactly what the lock file names, by digest, and nothing of it is run while it is installed.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&to);
    command::run(&mut npm)?;
    write(&installed, &wanted)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| Failure::File { path: path.to_owned(), source })
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    fs::write(path, content).map_err(|source| Failure::File { path: path.to_owned(), source })
}

const PACKAGE: &str = "package.json";
const LOCK: &str = "package-lock.json";
