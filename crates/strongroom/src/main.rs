//! The one program: server, administration tool, demonstration.

mod cli;
mod command;
mod failure;
mod input;
mod output;
mod settings;
mod target;
mod whole_file;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let line = cli::CommandLine::parse();
    let output = output::Output::new(line.global.json);
    match command::run(line, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
