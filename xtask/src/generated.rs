//! Generated files that are checked in: compared by `check`, written by `bless`.

use std::fs;
use std::process::Command;

use crate::command::{self, Failure};
use crate::data::{GENERATED, Generated};
use crate::workspace;

/// Fails when a checked-in file is not what the development binary prints.
pub fn compare() -> Result<(), Failure> {
    let mut lines = Vec::new();
    for generated in GENERATED {
        let path = workspace::root().join(generated.file);
        let expected = print(generated)?;
        match fs::read(&path) {
            Ok(actual) if actual == expected => {}
            Ok(_) => lines.push(format!("{} is out of date", generated.file)),
            Err(source) => lines.push(format!("{}: {source}", generated.file)),
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    Err(Failure::Findings { title: "generated files differ; `cargo xtask bless` writes them anew:".into(), lines })
}

/// Writes every generated file anew.
pub fn bless() -> Result<(), Failure> {
    command::run(&mut command::cargo(&["build", "--package", "strongroom"]))?;
    for generated in GENERATED {
        let path = workspace::root().join(generated.file);
        let failure = |source| Failure::File { path: path.clone(), source };
        let text = print(generated)?;
        if fs::read(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failure)?;
        }
        fs::write(&path, text).map_err(failure)?;
        println!("wrote {}", generated.file);
    }
    Ok(())
}

fn print(generated: &Generated) -> Result<Vec<u8>, Failure> {
    command::output(Command::new(workspace::binary()).args(generated.words))
}
