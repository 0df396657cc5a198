//! A server of the test's own: a child process with folders of its own, killed by its handle.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use strongroom_client::{Client, Target};

pub struct Deployment {
    pub folder: tempfile::TempDir,
    /// The server's program.
    pub program: PathBuf,
    server: Option<Child>,
}

impl Deployment {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        Self { folder, program: env!("CARGO_BIN_EXE_strongroom").into(), server: None }
    }

    /// With a copy of the program without what only a debugger reads: each start digests its program, and some tests start it
    /// hundreds of times. Where nothing can make such a copy the program is the usual one.
    pub fn small() -> Self {
        let mut deployment = Self::new();
        let copy = deployment.path("strongroom");
        let stripped = Command::new("strip").arg("-o").arg(&copy).arg(&deployment.program).status();
        if stripped.is_ok_and(|status| status.success()) {
            deployment.program = copy;
        }
        deployment
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command in the deployment's own surroundings.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let binary = Path::new(env!("CARGO_BIN_EXE_strongroom")).parent().unwrap();
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", binary.display()))
            .env("HOME", self.folder.path())
            .env("DATA", self.path("data"))
            .env("STRONGROOM_ACCOUNT_DIR", self.path("account"))
            .env("STRONGROOM_MACHINE_DIR", self.path("machine"))
            .env("STRONGROOM_MACHINE_ID_FILE", self.path("machine-id"))
            .env("STRONGROOM_ANCHOR_DIR", self.path("anchor"))
            .current_dir(self.folder.path());
        command
    }

    /// `serve`, not started yet; with a program and its arguments in front, that program starts it.
    pub fn serve(&self, by: &[String]) -> Command {
        let mut command = match by {
            [] => self.command(&self.program),
            [program, arguments @ ..] => {
                let mut command = self.command(program);
                command.args(arguments).arg(&self.program);
                command
            }
        };
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(self.path("data"));
        command
    }

    /// Starts the server; what it says when it is ready, or how it ended.
    pub fn try_start(&mut self) -> Result<Value, String> {
        let serve = self.serve(&[]);
        self.try_start_by(serve)
    }

    /// The same with a command that [`Self::serve`] began.
    pub fn try_start_by(&mut self, mut serve: Command) -> Result<Value, String> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("server.log")).unwrap();
        let mut server = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let status = server.wait().unwrap();
            let log = std::fs::read_to_string(self.path("server.log")).unwrap();
            return Err(format!("{status}\n{log}"));
        }
        self.server = Some(server);
        Ok(serde_json::from_str(&line).unwrap())
    }

    pub fn start(&mut self) -> Value {
        self.try_start().unwrap_or_else(|error| panic!("the server did not start: {error}"))
    }

    pub fn process(&self) -> u32 {
        self.server.as_ref().unwrap().id()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// SIGTERM; the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut server = self.server.take()?;
        let process = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        server.wait().unwrap().code()
    }

    pub async fn client(&self) -> Client {
        Client::connect(Target::Socket(self.path("data"))).await.unwrap()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ended = server.kill().and_then(|()| server.wait());
        }
    }
}
