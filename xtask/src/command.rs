//! Runs other programs and says in one sentence what went wrong.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

/// Why a chore did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The words after `cargo xtask` name no chore.
    Usage(String),
    /// A program could not be started or waited for.
    Start { line: String, source: io::Error },
    /// A program ran and reported failure.
    Status { line: String, status: ExitStatus },
    /// A file of the tree could not be read or written.
    File { path: PathBuf, source: io::Error },
    /// Rules are broken, or steps failed; each line names one.
    Findings { title: String, lines: Vec<String> },
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(problem) => write!(out, "{problem}"),
            Failure::Start { line, source } => write!(out, "cannot run `{line}`: {source}"),
            Failure::Status { line, status } => write!(out, "`{line}` failed ({status})"),
            Failure::File { path, source } => write!(out, "{}: {source}", path.display()),
            Failure::Findings { title, lines } => {
                write!(out, "{title}")?;
                lines.iter().try_for_each(|line| write!(out, "\n  {line}"))
            }
        }
    }
}

/// `cargo` as the one that started this program, never touching `Cargo.lock`.
pub fn cargo(words: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(words);
    command
}

/// Runs the command with the terminal's own output and no input.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let status =
        command.stdin(Stdio::null()).status().map_err(|source| Failure::Start { line: line(command), source })?;
    judge(command, status)
}

/// Runs the command, shows each line of output and error in the order written, and keeps them.
pub fn run_and_keep(command: &mut Command) -> Result<(ExitStatus, Vec<String>), Failure> {
    let start = |source| Failure::Start { line: line(command), source };
    let (reader, writer) = io::pipe().map_err(start)?;
    let second = writer.try_clone().map_err(start)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .spawn()
        .map_err(|source| Failure::Start { line: line(command), source })?;
    // The command still holds our ends of the pipe; without letting go of them the pipe never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut kept = Vec::new();
    for bytes in BufReader::new(reader).split(b'\n') {
        let Ok(bytes) = bytes else { break };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        println!("{text}");
        kept.push(text);
    }
    let status = child.wait().map_err(|source| Failure::Start { line: line(command), source })?;
    Ok((status, kept))
}

/// What the command prints on standard output.
pub fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let result = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Failure::Start { line: line(command), source })?;
    judge(command, result.status)?;
    Ok(result.stdout)
}

/// Whether the command can be started and succeeds; shows nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

pub fn judge(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::Status { line: line(command), status })
}

/// The command as a person would type it.
pub fn line(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
