//! The Python peer as a child process that answers JSON lines (protocol: head of `peer.py`).

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running peer; it ends when its standard input is closed.
pub struct Peer {
    child: Child,
    requests: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub fn start() -> Peer {
        Self::of(command())
    }

    /// The peer that also signs and verifies.
    pub fn exchange() -> Peer {
        Self::of(script("exchange.py"))
    }

    fn of(mut command: Command) -> Peer {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter that was just tried starts again");
        Peer {
            requests: Some(BufWriter::new(child.stdin.take().unwrap())),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Sends one request and waits for its answer.
    pub fn ask(&mut self, request: &Value) -> Value {
        self.ask_all(std::slice::from_ref(request)).remove(0)
    }

    /// Sends all requests while it reads the answers, which come in the same order.
    pub fn ask_all(&mut self, requests: &[Value]) -> Vec<Value> {
        let Peer { requests: input, answers, .. } = self;
        let input = input.as_mut().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for request in requests {
                    writeln!(input, "{request}").unwrap();
                }
                input.flush().unwrap();
            });
            let mut answer = |request: &Value| {
                let mut line = String::new();
                answers.read_line(&mut line).unwrap();
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("{request} got {line:?}"))
            };
            requests.iter().map(&mut answer).collect()
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.requests.take());
        let ended = self.child.wait();
        assert!(std::thread::panicking() || ended.unwrap().success(), "the peer failed");
    }
}

/// `python3 tests/peer/peer.py`, to be given arguments.
pub fn command() -> Command {
    script("peer.py")
}

fn script(name: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(repository().join("tests/peer").join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Debian's Python first, because that is where its packages are.
fn interpreter() -> &'static str {
    ["/usr/bin/python3", "python3"]
        .into_iter()
        .find(|python| {
            let tried = Command::new(python).args(["-c", "import cryptography"]).output();
            tried.is_ok_and(|output| output.status.success())
        })
        .expect(
            "the peer needs Python with the package 'cryptography', and neither /usr/bin/python3 \
             nor python3 has it: install the Debian package python3-cryptography",
        )
}
