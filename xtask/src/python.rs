//! Installs the Python programs that tests use, each into an environment of its own below the build directory.

use std::fs;
use std::process::Command;

use crate::command::{self, Failure};
use crate::data::{PYTHON_TOOLS, PythonTool};
use crate::workspace;

/// Makes the tools available as far as possible. What stays missing is a line of `not_run`, not a failure.
pub fn ensure(not_run: &mut Vec<String>) -> Result<(), Failure> {
    for tool in PYTHON_TOOLS {
        if let Err(failure) = install(tool) {
            not_run.push(format!("{}: it cannot be installed: {failure}", tool.name));
        }
    }
    Ok(())
}

/// Once for each list of requirements: a copy of the list says what is there.
fn install(tool: &PythonTool) -> Result<(), Failure> {
    let requirements = workspace::root().join(tool.requirements);
    let environment = workspace::target_directory().join(tool.name);
    let installed = environment.join("installed.txt");
    let wanted = fs::read(&requirements).map_err(|source| Failure::File { path: requirements.clone(), source })?;
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        println!("{} is there", tool.name);
        return Ok(());
    }
    println!("installing {}", tool.name);
    command::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    // Nothing but what the list names, byte for byte, and nothing that would have to be built.
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    command::run(pip.args(["--require-hashes", "--requirement"]).arg(&requirements))?;
    fs::write(&installed, wanted).map_err(|source| Failure::File { path: installed, source })
}
