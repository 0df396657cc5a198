//! Runs the tests: with `cargo nextest` where it is installed, else with plain `cargo test`.
//!
//! A test that cannot run here (a program or a privilege is missing) prints a line `not run: <test>: <reason>` and
//! passes; both runners hide what passing tests print, so these lines are picked out and told in the end.

use std::fs;

use crate::command::{self, Failure};
use crate::workspace;

const SLOWEST: usize = 10;

const NOT_RUN: &str = "not run: ";

/// What a run of tests told.
#[derive(Default)]
pub struct Tally {
    /// The runner's own closing lines.
    pub summary: Vec<String>,
    /// The slowest tests (or test programs, where the runner does not time each test), slowest first.
    pub slowest: Vec<(String, f64)>,
    /// What was not run, and why.
    pub not_run: Vec<String>,
}

/// Which tests to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Unit tests and capability tests.
    All,
    /// Unit tests only.
    Unit,
}

/// Runs the tests of all crates; the tally is there even when some failed.
pub fn run(scope: Scope) -> (Tally, Result<(), Failure>) {
    let nextest = command::succeeds(&mut command::cargo(&["nextest", "--version"]));
    let mut cargo = if nextest {
        command::cargo(&["nextest", "run", "--no-fail-fast", "--status-level=pass"])
    } else {
        println!("cargo-nextest is not installed: plain `cargo test`, which times no single test");
        command::cargo(&["test", "--no-fail-fast"])
    };
    cargo.args(["--locked", "--workspace", "--all-features", "--lib", "--bins"]);
    if scope == Scope::All {
        cargo.arg("--tests");
    }
    if !nextest {
        cargo.args(["--", "--show-output"]);
    }
    cargo.env("CARGO_TERM_COLOR", "never");
    match command::run_and_keep(&mut cargo) {
        Ok((status, lines)) => {
            let mut tally = if nextest { nextest_tally(&lines) } else { cargo_tally(&lines) };
            tally.not_run = if nextest { not_run(&nextest_report()) } else { not_run(&lines) };
            (tally, command::judge(&cargo, status))
        }
        Err(failure) => (Tally::default(), Err(failure)),
    }
}

/// What all tests printed; `.config/nextest.toml` has it written there.
fn nextest_report() -> Vec<String> {
    let path = workspace::target_directory().join("nextest/default/junit.xml");
    let text = fs::read_to_string(path).unwrap_or_default();
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let plain = entities.iter().fold(text, |text, (entity, sign)| text.replace(entity, sign));
    plain.lines().map(str::to_owned).collect()
}

/// The reasons in the lines, each once, sorted; XML may stand before the first of a test.
fn not_run(lines: &[String]) -> Vec<String> {
    let reason = |line: &String| {
        let (before, reason) = line.split_once(NOT_RUN)?;
        let begins = before.trim().is_empty() || before.trim_end().ends_with('>');
        begins.then(|| reason.split("</").next().unwrap_or_default().trim().to_owned())
    };
    let mut reasons: Vec<String> = lines.iter().filter_map(reason).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

/// The examples in the documentation, which only `cargo test` runs.
pub fn run_examples() -> Result<(), Failure> {
    command::run(&mut command::cargo(&["test", "--quiet", "--locked", "--workspace", "--all-features", "--doc"]))
}

/// Reads lines such as `PASS [   0.007s] (1/3) strongroom-secret::it harden::limits` and the line `Summary […]`.
fn nextest_tally(lines: &[String]) -> Tally {
    let mut tally = Tally::default();
    for line in lines.iter().map(|line| line.trim()) {
        if line.starts_with("Summary [") {
            tally.summary.push(line.to_owned());
            // What follows repeats the failures.
            break;
        }
        let Some((state, rest)) = line.split_once(" [") else {
            continue;
        };
        let finished = ["PASS", "FAIL", "LEAK", "TIMEOUT", "SIGABRT", "SIGSEGV"];
        if !finished.iter().any(|word| state.ends_with(word)) {
            continue;
        }
        let Some((seconds, name)) = rest.split_once("s]") else {
            continue;
        };
        let Ok(seconds) = seconds.trim().parse() else {
            continue;
        };
        let name = name.trim();
        let name = match name.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((_, name)) => name.trim(),
            None => name,
        };
        tally.slowest.push((name.to_owned(), seconds));
    }
    keep_slowest(&mut tally);
    tally
}

/// Reads the pairs of `Running … (target/debug/deps/it-0123)` and `test result: ok. 3 passed; …; finished in 0.01s`.
fn cargo_tally(lines: &[String]) -> Tally {
    let mut tally = Tally::default();
    let mut program = String::new();
    let (mut passed, mut failed) = (0_u64, 0_u64);
    for line in lines.iter().map(|line| line.trim()) {
        if let Some(running) = line.strip_prefix("Running ") {
            program = running.to_owned();
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            continue;
        };
        passed += number_before(result, " passed");
        failed += number_before(result, " failed");
        if let Some((_, seconds)) = result.split_once("finished in ") {
            let seconds = seconds.trim_end_matches('s').parse().unwrap_or(0.0);
            tally.slowest.push((program.clone(), seconds));
        }
    }
    tally
        .summary
        .push(format!("test result: {}. {passed} passed; {failed} failed", if failed == 0 { "ok" } else { "FAILED" }));
    keep_slowest(&mut tally);
    tally
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    let digits = before.rsplit(' ').next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

fn keep_slowest(tally: &mut Tally) {
    tally.slowest.sort_by(|a, b| b.1.total_cmp(&a.1));
    tally.slowest.truncate(SLOWEST);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn nextest_lines_give_times_and_summary() {
        let tally = nextest_tally(&lines(
            "        PASS [   0.007s] (1/3) strongroom-secret::it harden::limits\n\
             \x20       FAIL [  12.500s] (2/3) strongroom-store::it crash\n\
             \x20       SLOW [> 30.000s] (───) strongroom-store::it long\n\
             \x20    Summary [   0.013s] 3 tests run: 2 passed, 1 failed, 0 skipped\n\
             \x20       FAIL [  12.500s] (2/3) strongroom-store::it crash",
        ));
        let expected = [
            ("strongroom-store::it crash".to_owned(), 12.5),
            ("strongroom-secret::it harden::limits".to_owned(), 0.007),
        ];
        assert_eq!(tally.slowest, expected);
        assert_eq!(tally.summary.len(), 1);
    }

    #[test]
    fn what_was_not_run_is_picked_out() {
        let reasons = not_run(&lines(
            "<system-err>not run: crash: strace is missing</system-err>\n\
             not run: peer: python3 is missing\n\
             not run: peer: python3 is missing\n\
             3 were not run: they are slow",
        ));
        assert_eq!(reasons, ["crash: strace is missing", "peer: python3 is missing"]);
    }

    #[test]
    fn cargo_test_lines_are_added_up() {
        let tally = cargo_tally(&lines(
            "     Running unittests src/lib.rs (target/debug/deps/a-1)\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
             \x20    Running tests/it/main.rs (target/debug/deps/it-2)\n\
             test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 2.50s",
        ));
        assert_eq!(tally.summary, ["test result: FAILED. 7 passed; 1 failed"]);
        assert_eq!(tally.slowest[0].1, 2.5);
        assert!(tally.slowest[0].0.contains("it-2"));
    }
}
