//! Reference documentation, made from the program itself.

use std::fmt::Write;

use clap::CommandFactory;
use strongroom_api::Code;

use crate::cli::CommandLine;

/// The command line as Markdown.
pub fn command_line() -> String {
    let mut text = String::from("# Command line\n\nMade by `strongroom reference cli`.\n");
    let mut command = CommandLine::command().term_width(100);
    command.build();
    describe(&mut command, &mut text);
    text.trim_end().to_owned()
}

fn describe(command: &mut clap::Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("strongroom").to_owned();
    let help = command.render_long_help();
    let help: Vec<String> = help.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    let _infallible = write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    let visible = |command: &&mut clap::Command| !command.is_hide_set() && command.get_name() != "help";
    for child in command.get_subcommands_mut().filter(visible) {
        describe(child, text);
    }
}

/// The error codes as Markdown.
pub fn errors() -> String {
    let mut text = String::from(
        "# Error codes\n\nMade by `strongroom reference errors`. Every error body is `{\"error\":{\"code\",\"message\",\"fix\",\"request_id\"}}`.\n\n| code | HTTP status | exit code | retry | to mend it |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let retry = if code.retry() { "yes" } else { "no" };
        let _infallible = writeln!(
            text,
            "| `{}` | {} | {} | {retry} | {} |",
            code.word(),
            code.status(),
            code.exit_code(),
            code.fix().replace('|', "\\|")
        );
    }
    text.trim_end().to_owned()
}
