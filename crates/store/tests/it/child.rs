//! A process of its own that writes to a store and says what became of each commit.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use strongroom_store::{CommitError, DataDirectory, OpenOptions, SqliteStore, Store};

use crate::workload::{Workload, batch, boundary};

const DIRECTORY: &str = "STRONGROOM_TEST_DIRECTORY";
const SCRIPT: &str = "STRONGROOM_TEST_SCRIPT";

/// What the child says, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The store is open and holds so many commits.
    Opened(u64),
    /// The commit of this number is acknowledged.
    Acknowledged(u64),
    Full(u64),
    Unknown(u64),
    Stopped(u64),
    Failed(u64),
    Scrubbed,
    Closed,
    /// Opening, scrubbing or closing failed.
    Refused,
}

impl Said {
    pub fn parse(line: &str) -> Option<Said> {
        let (word, number) = line.split_once(' ')?;
        let number = number.parse().ok()?;
        Some(match word {
            "opened" => Said::Opened(number),
            "acknowledged" => Said::Acknowledged(number),
            "full" => Said::Full(number),
            "unknown" => Said::Unknown(number),
            "stopped" => Said::Stopped(number),
            "failed" => Said::Failed(number),
            "scrubbed" => Said::Scrubbed,
            "closed" => Said::Closed,
            "refused" => Said::Refused,
            _ => return None,
        })
    }
}

/// A command that runs `script` on the store in `directory`: words among `commit:N`, `scrub`,
/// `close`, `open`; the store is open at first. `long-wal` as first word keeps everything in the WAL. `wrapper` is a program that runs it, with arguments.
pub fn command(wrapper: &[&str], directory: &Path, script: &str) -> Command {
    let me = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(&me),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(&me);
            command
        }
    };
    command
        .args(["--exact", "child::works_when_called_by_another_test", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SCRIPT, script)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a child says, as it says it.
pub fn listen(child: &mut Child) -> impl Iterator<Item = Said> + use<> {
    let output = child.stdout.take().unwrap();
    BufReader::new(output).lines().map_while(Result::ok).filter_map(|line| Said::parse(&line))
}

fn say(word: &str, number: u64) {
    // A line of its own whatever the test harness prints; one write, so that it is whole or absent.
    let line = format!("\n{word} {number}\n");
    std::io::stdout().write_all(line.as_bytes()).and_then(|()| std::io::stdout().flush()).unwrap();
}

/// Called by nobody it does nothing: it is the other side of the tests that kill processes.
#[test]
fn works_when_called_by_another_test() {
    let (Some(directory), Ok(script)) = (std::env::var_os(DIRECTORY), std::env::var(SCRIPT)) else {
        return;
    };
    if work(Path::new(&directory), &script).is_err() {
        say("refused", 0);
    }
}

fn work(directory: &Path, script: &str) -> Result<(), Box<dyn std::error::Error>> {
    let directory = DataDirectory::open_or_create(directory)?;
    // A short WAL, so that a short history copies it back several times.
    let (wal_pages, script) = match script.strip_prefix("long-wal ") {
        Some(script) => (usize::MAX, script),
        None => (40, script),
    };
    let options = OpenOptions { wal_pages, readers: 1, ..OpenOptions::default() };
    let opened = || opened(directory.path(), options.clone());
    let mut open = Some(opened()?);
    for word in script.split(' ') {
        match (word, open.as_mut()) {
            ("open", None) => open = Some(opened()?),
            ("scrub", Some((store, _))) => {
                store.scrub()?;
                say("scrubbed", 0);
            }
            ("close", Some(_)) => {
                let (store, _) = open.take().expect("it is open");
                store.close()?;
                say("closed", 0);
            }
            (word, Some((store, workload))) => {
                let count = word.strip_prefix("commit:").expect("a known word").parse()?;
                commit(&**store, workload, count);
            }
            _ => panic!("{word} on a closed store"),
        }
    }
    Ok(())
}

fn opened(directory: &Path, options: OpenOptions) -> Result<(Box<dyn Store>, Workload), Box<dyn std::error::Error>> {
    let store = Box::new(SqliteStore::open(directory, options)?);
    let commits = boundary(&*store);
    say("opened", commits);
    Ok((store, Workload::at(commits)))
}

fn commit(store: &dyn Store, workload: &mut Workload, count: u64) {
    for _ in 0..count {
        let changes = workload.advance();
        let word = match store.commit(&batch(&changes)) {
            Ok(()) => "acknowledged",
            Err(CommitError::Full) => "full",
            Err(CommitError::Unknown { .. }) => "unknown",
            Err(CommitError::Stopped) => "stopped",
            Err(_) => "failed",
        };
        say(word, workload.commits);
        if word != "acknowledged" {
            *workload = Workload::at(workload.commits - 1);
        }
    }
}
