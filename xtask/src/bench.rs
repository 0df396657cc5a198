//! Runs the benchmarks and prints their figures as one table.
//!
//! A benchmark reports each figure on a line of its own:
//! `figure: what | measured | baseline in the same run | at least | yes or no`.

use crate::command::{self, Failure};
use crate::data::BENCHES;

const PREFIX: &str = "figure: ";
const COLUMNS: usize = 5;

/// Runs all benchmarks, or the one named; fails when a figure is below its bar.
pub fn run(only: Option<&str>) -> Result<(), Failure> {
    let chosen: Vec<_> = BENCHES.iter().filter(|bench| only.is_none_or(|name| bench.name == name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        let problem = format!("no such benchmark; there are: {}", names.join(", "));
        return Err(Failure::Usage(problem));
    }
    let mut rows = Vec::new();
    for bench in chosen {
        let mut cargo = command::cargo(&["bench", "--locked", "--package", bench.package]);
        cargo.args(["--bench", bench.name]);
        let (status, lines) = command::run_and_keep(&mut cargo)?;
        command::judge(&cargo, status)?;
        rows.extend(lines.iter().filter_map(|line| row(line)));
    }
    println!("\n{}", table(&rows));
    let below: Vec<String> = rows
        .iter()
        .filter(|row| row[COLUMNS - 1] == "no")
        .map(|row| format!("{}: {} (at least {})", row[0], row[1], row[3]))
        .collect();
    if below.is_empty() {
        return Ok(());
    }
    Err(Failure::Findings { title: "below the bar:".into(), lines: below })
}

fn row(line: &str) -> Option<Vec<String>> {
    let cells: Vec<String> = line.trim().strip_prefix(PREFIX)?.split('|').map(|cell| cell.trim().to_owned()).collect();
    (cells.len() == COLUMNS).then_some(cells)
}

fn table(rows: &[Vec<String>]) -> String {
    let mut text = String::from("| what | measured | baseline | at least | met |\n|---|---|---|---|---|\n");
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_becomes_a_row_and_other_lines_do_not() {
        let line = "figure: seal+open 64 B | 1.2 M/s | - | 1.0 M/s | yes";
        let expected = ["seal+open 64 B", "1.2 M/s", "-", "1.0 M/s", "yes"];
        assert_eq!(row(line).unwrap(), expected);
        assert_eq!(row("figure: too | few"), None);
        assert_eq!(row("time: 1.2 ms"), None);
    }
}
