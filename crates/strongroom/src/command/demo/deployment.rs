//! A server of the demonstration's own: a child process with folders of its own, killed by its handle.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use strongroom_api::token::{IssueRequest, Role};
use strongroom_client::{Client, Pin, Target, Trust};
use strongroom_secret::AccessToken;

use crate::failure::Failure;
use crate::settings::hexadecimal;

/// Folders and process.
pub struct Deployment {
    folder: PathBuf,
    server: Option<Child>,
    last: Option<Started>,
    key_zero: Option<[u8; 32]>,
}

/// What the server says when it is ready, as far as it is shown.
#[derive(Debug, Clone, Deserialize)]
pub struct Started {
    /// Names the instance.
    pub store_id: String,
    /// TCP address.
    pub address: String,
    /// Pin of its public key.
    pub spki_pin: String,
    /// Records verified.
    pub records: u64,
    /// In so many milliseconds.
    #[serde(rename = "verified_milliseconds")]
    pub milliseconds: u64,
    /// What was healed.
    pub healed: Vec<String>,
    audit_key_zero: Option<String>,
}

impl Deployment {
    /// Makes the folder, for this account only.
    #[expect(
        clippy::disallowed_methods,
        reason = "the name is random, and the folder is made new, for this account only"
    )]
    pub fn new() -> Result<Self, Failure> {
        let mut name = [0; 8];
        rustix::rand::getrandom(&mut name, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| failed("choosing a name", error))?;
        let folder = std::env::temp_dir().join(format!("strongroom-demo-{}", crate::settings::hex(&name)));
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(|error| failed("making a folder", error))?;
        fs::write(folder.join("machine-id"), crate::settings::hex(&[name, name].concat()))
            .map_err(|error| failed("writing into the folder", error))?;
        Ok(Self { folder, server: None, last: None, key_zero: None })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the server and waits until it says that it is ready.
    pub fn start(&mut self) -> Result<Started, Failure> {
        let program = std::env::current_exe().map_err(|error| failed("finding this program", error))?;
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("server.log"))
            .map_err(|error| failed("opening the server's log", error))?;
        let mut server = Command::new(program)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.data())
            .env_clear()
            .env("HOME", &self.folder)
            .env("STRONGROOM_ACCOUNT_DIR", self.folder.join("account"))
            .env("STRONGROOM_MACHINE_DIR", self.folder.join("machine"))
            .env("STRONGROOM_MACHINE_ID_FILE", self.folder.join("machine-id"))
            .env("STRONGROOM_ANCHOR_DIR", self.folder.join("anchor"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .spawn()
            .map_err(|error| failed("starting the server", error))?;
        let mut line = String::new();
        if let Some(stdout) = server.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| failed("listening to the server", error))?;
        }
        self.server = Some(server);
        let started: Started = serde_json::from_str(&line).map_err(|_| self.did_not_start())?;
        if let Some(key) = started.audit_key_zero.as_deref().and_then(hexadecimal::<32>) {
            self.key_zero = Some(key);
        }
        self.last = Some(started.clone());
        Ok(started)
    }

    fn did_not_start(&self) -> Failure {
        let log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        let said: Vec<&str> = last.into_iter().rev().collect();
        Failure::local("starting the server", format!("it said: {}", said.join(" / ")), "see the message")
    }

    /// kill -9.
    pub fn kill(&mut self) -> Result<(), Failure> {
        if let Some(mut server) = self.server.take() {
            server.kill().and_then(|()| server.wait()).map_err(|error| failed("killing the server", error))?;
        }
        Ok(())
    }

    /// A stop as a service manager asks for it.
    pub fn stop(&mut self) -> Result<(), Failure> {
        if let Some(mut server) = self.server.take() {
            let process = rustix::process::Pid::from_child(&server);
            rustix::process::kill_process(process, rustix::process::Signal::TERM)
                .map_err(|error| failed("stopping the server", error))?;
            server.wait().map_err(|error| failed("waiting for the server", error))?;
        }
        Ok(())
    }

    /// The server over its socket.
    pub fn socket(&self) -> Target {
        Target::Socket(self.data())
    }

    /// The server over TLS, with a token for reading.
    pub async fn remote(&self, local: &Client) -> Result<Target, Failure> {
        let request = IssueRequest { role: Role::Read, expires_in_seconds: 3600, description: Some("demo".into()) };
        let issued = local.call(&request).await?;
        let pin = self.last.as_ref().and_then(|last| Pin::parse(&last.spki_pin).ok());
        Ok(Target::Tcp { address: self.address(), token: issued.token.into_token(), trust: pin.map(Trust::Pin) })
    }

    /// The same without a way to recognise it.
    pub fn without_trust(&self) -> Target {
        Target::Tcp { address: self.address(), token: AccessToken::from_text("srt_none".into()), trust: None }
    }

    fn address(&self) -> String {
        self.last.as_ref().map(|last| last.address.clone()).unwrap_or_default()
    }

    /// Loses the secret file of the account protector.
    pub fn lose_account_file(&self) -> Result<(), Failure> {
        fs::remove_dir_all(self.folder.join("account")).map_err(|error| failed("removing the account's file", error))
    }

    /// The file of the store.
    pub fn store_file(&self) -> PathBuf {
        self.data().join("store.db")
    }

    /// Folder of the trail, and the key that was printed at the first start.
    pub fn trail(&self) -> (PathBuf, Option<[u8; 32]>) {
        (self.data().join("audit"), self.key_zero)
    }

    /// Whether any file of the deployment holds these bytes.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        any_file_holds(&self.folder, bytes, &|_| true)
    }

    /// Whether a file of the store holds them.
    pub fn store_holds(&self, bytes: &[u8]) -> bool {
        any_file_holds(&self.data(), bytes, &|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("store.db"))
        })
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ended = server.kill().and_then(|()| server.wait());
        }
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

fn any_file_holds(folder: &Path, bytes: &[u8], wanted: &dyn Fn(&Path) -> bool) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => any_file_holds(&path, bytes, wanted),
            Ok(kind) if kind.is_file() && wanted(&path) => {
                fs::read(&path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes))
            }
            _ => false,
        }
    })
}

fn failed(attempted: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::local(attempted, error, "see the message")
}
