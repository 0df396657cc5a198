//! Installs the system packages that tests use, when it may; says which are missing when it may not.

use std::process::Command;

use crate::command::{self, Failure};
use crate::data::{PACKAGES, Package};

/// Makes the packages available as far as possible. What stays missing is a line of `not_run`, not a failure.
pub fn ensure(not_run: &mut Vec<String>) -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        println!("all {} are there", PACKAGES.len());
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    match installer() {
        Ok(prefix) => install(&prefix, &names)?,
        Err(reason) => println!(
            "not installed, because {reason}; to do it yourself:\n  apt-get install --no-install-recommends {}",
            names.join(" ")
        ),
    }
    for package in self::missing() {
        not_run.push(format!("package {}: not there; it is used to {}", package.name, package.used_to));
    }
    Ok(())
}

/// A package is there when what it is needed for works, wherever it came from.
fn missing() -> Vec<&'static Package> {
    PACKAGES
        .iter()
        .filter(|package| {
            let (program, words) = package.probe;
            !command::succeeds(Command::new(program).args(words))
        })
        .collect()
}

/// The words before `apt-get`, or why packages cannot be installed here.
fn installer() -> Result<Vec<&'static str>, &'static str> {
    if !command::succeeds(Command::new("apt-get").arg("--version")) {
        return Err("this system has no apt-get");
    }
    let root = command::output(Command::new("id").arg("-u")).is_ok_and(|uid| uid == b"0\n");
    if root {
        return Ok(Vec::new());
    }
    if command::succeeds(Command::new("sudo").args(["-n", "true"])) {
        return Ok(vec!["sudo", "-n"]);
    }
    Err("that takes root, or sudo without a password")
}

/// Failing to install (no network, say) is no failure of the check: what is missing is named.
fn install(prefix: &[&str], names: &[&str]) -> Result<(), Failure> {
    println!("installing {}", names.join(" "));
    let apt = |words: &[&str]| {
        let mut line: Vec<&str> = prefix.to_vec();
        line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        line.extend(words);
        let mut apt = Command::new(line[0]);
        apt.args(&line[1..]);
        apt
    };
    if !command::succeeds(&mut apt(&["update", "-q"])) {
        println!("`apt-get update` failed; trying with the lists that are there");
    }
    // What is installed stays as it is: a check is no reason to upgrade or remove what somebody has.
    let mut words = vec!["install", "-q", "-y", "--no-install-recommends", "--no-upgrade", "--no-remove"];
    words.extend(names);
    let (status, _) = command::run_and_keep(&mut apt(&words))?;
    if !status.success() {
        println!("`apt-get install` failed ({status})");
    }
    Ok(())
}
