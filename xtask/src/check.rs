//! The one gate: every step that a change has to pass, with its time, and what was not run.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::command::{Failure, cargo, run};
use crate::tests_run::{self, Scope, Tally};
use crate::{generated, node, packages, peers, python, service, tidy, workspace};

const WHOLE_WORKSPACE: [&str; 3] = ["--locked", "--workspace", "--all-features"];

/// The steps that were run, each with its time and whether it passed.
#[derive(Default)]
struct Report {
    steps: Vec<(&'static str, Duration, bool)>,
    failures: Vec<String>,
}

impl Report {
    /// Runs a step; a failure is kept, so that one run names everything that is wrong.
    fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<(), Failure>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let result = step();
        let passed = result.is_ok();
        if let Err(failure) = result {
            println!("{failure}");
            self.failures.push(format!("{name}: {failure}"));
        }
        self.steps.push((name, start.elapsed(), passed));
        passed
    }

    /// The closing lines; the tests' own summary is the last thing before the verdict.
    fn close(self, tally: &Tally, mut not_run: Vec<String>) -> Result<(), Failure> {
        println!("\n== what took how long");
        for (name, time, passed) in &self.steps {
            let verdict = if *passed { "ok" } else { "FAILED" };
            println!("{:8.1} s  {verdict:6}  {name}", time.as_secs_f64());
        }
        if !tally.slowest.is_empty() {
            println!("\n== the slowest tests");
            for (name, seconds) in &tally.slowest {
                println!("{seconds:8.2} s  {name}");
            }
        }
        not_run.extend_from_slice(&tally.not_run);
        println!("\n== not run: {}", not_run.len());
        for line in not_run {
            println!("  not run: {line}");
        }
        println!("\n== result");
        for line in &tally.summary {
            println!("{line}");
        }
        if self.failures.is_empty() {
            println!("check: all {} steps passed", self.steps.len());
            return Ok(());
        }
        Err(Failure::Findings {
            title: format!("check failed in {} of its steps:", self.failures.len()),
            lines: self.failures,
        })
    }
}

/// Everything. Writes nothing into the tree.
pub fn everything() -> Result<(), Failure> {
    let mut report = Report::default();
    let mut not_run = Vec::new();
    let mut tally = Tally::default();
    let before = tree_state();
    report.step("system packages", || packages::ensure(&mut not_run));
    report.step("Python programs", || python::ensure(&mut not_run));
    report.step("Node packages", || node::ensure(&mut not_run));
    report.step("programs of other implementations", || peers::ensure(&mut not_run));
    report.step("format", format);
    report.step("tidy", tidy::run);
    if report.step("build", build) {
        report.step("clippy", clippy);
        report.step("documentation", documentation);
        report.step("generated files", generated::compare);
        report.step("service unit", || service::verify(&mut not_run));
        report.step("tests", || tests(Scope::All, &mut tally));
        report.step("examples in the documentation", tests_run::run_examples);
        report.step("demo", run_demo);
    }
    report.step("tree left as it was", || compare_tree(&before));
    report.close(&tally, not_run)
}

/// What a developer runs between two edits.
pub fn fast() -> Result<(), Failure> {
    let mut report = Report::default();
    let mut tally = Tally::default();
    report.step("format", format);
    report.step("tidy", tidy::run);
    report.step("clippy", clippy);
    report.step("unit tests", || tests(Scope::Unit, &mut tally));
    report.close(&tally, Vec::new())
}

/// Builds the development binary and runs its demonstration.
pub fn demo() -> Result<(), Failure> {
    run(&mut cargo(&["build", "--package", "strongroom"]))?;
    run_demo()
}

fn run_demo() -> Result<(), Failure> {
    run(Command::new(workspace::binary()).arg("demo"))
}

fn format() -> Result<(), Failure> {
    run(&mut cargo(&["fmt", "--all", "--check"]))
}

/// One build for tests, benchmarks, demonstration and generated files.
fn build() -> Result<(), Failure> {
    run(cargo(&["test", "--no-run", "--quiet", "--all-targets"]).args(WHOLE_WORKSPACE))?;
    run(cargo(&["build", "--quiet"]).args(WHOLE_WORKSPACE))
}

fn clippy() -> Result<(), Failure> {
    let mut clippy = cargo(&["clippy", "--quiet", "--all-targets"]);
    run(clippy.args(WHOLE_WORKSPACE).args(["--", "-D", "warnings"]))
}

fn documentation() -> Result<(), Failure> {
    let mut doc = cargo(&["doc", "--quiet", "--no-deps"]);
    run(doc.args(WHOLE_WORKSPACE).env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests(scope: Scope, tally: &mut Tally) -> Result<(), Failure> {
    let (told, result) = tests_run::run(scope);
    *tally = told;
    result
}

/// What git sees, or nothing where the tree is no checkout.
fn tree_state() -> Option<Vec<u8>> {
    let mut status = Command::new("git");
    status.args(["status", "--porcelain", "--untracked-files=all"]);
    let result = status.current_dir(workspace::root()).output().ok()?;
    result.status.success().then_some(result.stdout)
}

/// Only where nobody edits meanwhile can a change be laid at the door of the check.
fn compare_tree(before: &Option<Vec<u8>>) -> Result<(), Failure> {
    if std::env::var_os("CI").is_none() || *before == tree_state() {
        return Ok(());
    }
    run(Command::new("git").args(["status", "--short"]))?;
    Err(Failure::Findings { title: "the check changed the tree:".into(), lines: vec!["see the list above".into()] })
}
