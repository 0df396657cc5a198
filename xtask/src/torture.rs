//! Long runs of what `check` runs with few rounds.

use crate::command::{self, Failure};
use crate::data::TORTURES;

/// Tests read their number of rounds from this variable and fall back to what `check` can afford.
const VARIABLE: &str = "STRONGROOM_TORTURE";

/// Prints the names with what each does.
pub fn list() {
    for torture in TORTURES {
        println!("{:12} {:>9}  {}", torture.name, torture.rounds, torture.does);
    }
}

/// Runs one with `rounds`, or with the number that its entry names.
pub fn run(name: &str, rounds: Option<&str>) -> Result<(), Failure> {
    let torture = TORTURES
        .iter()
        .find(|torture| torture.name == name)
        .ok_or_else(|| Failure::Usage(format!("there is no torture `{name}`")))?;
    let rounds = match rounds {
        None => torture.rounds,
        Some(text) => text.parse().map_err(|_| Failure::Usage(format!("`{text}` is no number of rounds")))?,
    };
    let rounds = rounds.to_string();
    let words: Vec<String> = torture.words.iter().map(|word| word.replace("{rounds}", &rounds)).collect();
    let mut cargo = command::cargo(&[]);
    cargo.args(&words).env(VARIABLE, &rounds);
    let (status, lines) = command::run_and_keep(&mut cargo)?;
    command::judge(&cargo, status)?;
    if let Some(line) = lines.iter().find(|line| line.starts_with("not run: ")) {
        let title = format!("torture `{name}` did not do its work:");
        return Err(Failure::Findings { title, lines: vec![line.clone()] });
    }
    if torture.words.first() == Some(&"test") && !lines.iter().any(|line| some_passed(line)) {
        let title = format!("torture `{name}` ran no test: `{}`", command::line(&cargo));
        return Err(Failure::Findings { title, lines: Vec::new() });
    }
    Ok(())
}

/// A filter that matches nothing would look like success.
fn some_passed(line: &str) -> bool {
    line.starts_with("test result: ok. ") && !line.starts_with("test result: ok. 0 passed")
}
