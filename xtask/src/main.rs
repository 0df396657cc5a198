//! Every developer chore of the project: `cargo xtask <chore>`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod check;
mod command;
mod data;
mod generated;
mod node;
mod packages;
mod peers;
mod python;
mod service;
mod tests_run;
mod tidy;
mod torture;
mod workspace;

use std::process::ExitCode;

use command::Failure;

const USAGE: &str = "\
usage: cargo xtask <chore>

  check            everything: format, tidy, clippy, docs, generated files, tests, demo; writes nothing into the tree
  check --fast     format, tidy, clippy and unit tests
  tidy             only the rules of this project that no other tool checks
  tidy --exposures the places where a secret's bytes are handed out, with the count per crate
  bless            write the generated files anew
  demo             run the demonstration with the development build
  bench [NAME]     run the benchmarks (or one) and print the table of docs/benchmarks.md
  torture [NAME [COUNT]]  run one long test with many rounds; without a name, list them
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(problem)) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Failure> {
    match words {
        ["check"] => check::everything(),
        ["check", "--fast"] => check::fast(),
        ["tidy"] => tidy::run(),
        ["tidy", "--exposures"] => tidy::print_exposures(),
        ["bless"] => generated::bless(),
        ["demo"] => check::demo(),
        ["bench"] => bench::run(None),
        ["bench", name] => bench::run(Some(name)),
        ["torture"] => {
            torture::list();
            Ok(())
        }
        ["torture", name] => torture::run(name, None),
        ["torture", name, count] => torture::run(name, Some(count)),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => Err(Failure::Usage("which chore?".into())),
        other => Err(Failure::Usage(format!("there is no chore `{}`", other.join(" ")))),
    }
}
