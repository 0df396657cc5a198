//! The served API against its own description: schemathesis asks every operation, with and without rights, and judges replies.
//!
//! What is asked for comes from `docs/reference/openapi.json`; how, from `tests/schemathesis`. The server's own counters say
//! what was answered, so that a run which asked for nothing, or was let in where it should not, is seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use strongroom_api::credential;
use strongroom_api::lock::LockRequest;
use strongroom_api::secret::PutRequest;
use strongroom_api::setting::{SetRequest, Value};
use strongroom_api::status::{State, StatusRequest};
use strongroom_api::token::{IssueRequest, Role};
use strongroom_api::{OPERATIONS, WireSecret};
use strongroom_secret::SecretBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::runtime::Runtime;

use crate::deployment::Deployment;

/// Where nearly every request is refused, this part of the requests says as much.
const SHARE: u32 = 3;
/// What monitors ask for, beside the table.
const MONITORING: usize = 3;

/// A server, and who asks it.
struct Asked {
    runtime: Runtime,
    deployment: Deployment,
    address: String,
}

impl Asked {
    /// `None` where the tool is not there.
    fn new() -> Option<Self> {
        if !tool().exists() {
            println!("not run: schemathesis: {} is not there; `cargo xtask check` makes it", tool().display());
            return None;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut deployment = Deployment::new();
        let started = deployment.start();
        let address = started["address"].as_str().unwrap().to_owned();
        Some(Self { runtime, deployment, address })
    }

    fn token(&self, role: Role) -> String {
        let issue = IssueRequest { role, expires_in_seconds: 86_400, description: None };
        let issued = self.runtime.block_on(async { self.deployment.client().await.call(&issue).await.unwrap() });
        issued.token.into_token().expose().to_owned()
    }

    /// A secret, a setting and a credential of this name; the credential is for the account of this test.
    fn put(&self, name: &str) {
        let value_base64 = WireSecret::new(SecretBytes::from_slice(b"x"));
        let put = PutRequest { name: name.to_owned(), value_base64, expected_version: None, keep: None };
        let own = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
        let account = String::from_utf8(own).unwrap().trim().to_owned();
        let value_base64 = WireSecret::new(SecretBytes::from_slice(b"x"));
        let (account, certificates) = (Some(account), Vec::new());
        let name = name.to_owned();
        let bind =
            credential::SetRequest { name: name.clone(), account, certificates, value_base64, expected_revision: None };
        let class = None;
        let set = SetRequest { name, value: Value::Boolean(true), class, expected_revision: None };
        self.runtime.block_on(async {
            let client = self.deployment.client().await;
            client.call(&put).await.unwrap();
            client.call(&set).await.unwrap();
            client.call(&bind).await.unwrap();
        });
    }

    fn over_tls(&self, token: Option<&str>, examples: u32, part: Part, words: &[&str]) {
        let certificate = self.deployment.path("data/tls/certificate.pem").display().to_string();
        let mut all = vec![format!("--url=https://{}", self.address), format!("--tls-verify={certificate}")];
        all.extend(token.map(|token| format!("--header=Authorization: Bearer {token}")));
        self.ask(&all, examples, part, words);
    }

    /// As the account that runs the server: what arrives on a port is handed on to the socket.
    fn over_the_socket(&self, examples: u32, part: Part, words: &[&str]) {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("--url=http://{}", listener.local_addr().unwrap());
        let relay = self.runtime.spawn(relay(listener, self.deployment.path("data/server.sock")));
        self.ask(&[url], examples, part, words);
        relay.abort();
    }

    fn ask(&self, place: &[String], examples: u32, part: Part, words: &[&str]) {
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
        let output = self
            .deployment
            .command(tool())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SCHEMATHESIS_HOOKS", files.join("hooks.py"))
            .arg("--config-file")
            .arg(files.join("schemathesis.toml"))
            .arg("run")
            .arg(document)
            .args(["--no-color", "--seed=1", &format!("--max-examples={examples}")])
            .args(place)
            .arg(part.argument())
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let tested = format!("\n  Tested: {}\n", part.count());
        assert!(output.status.success() && said.contains(&tested), "{said}{complaint}");
    }

    /// How often each operation was answered with each outcome.
    fn answered(&self) -> BTreeMap<(String, String), u64> {
        let text = self.runtime.block_on(async {
            let mut stream = UnixStream::connect(self.deployment.path("data/server.sock")).await.unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            text
        });
        let counter = |line: &str| {
            let labels = line.strip_prefix("strongroom_requests_total{operation=\"")?;
            let (operation, rest) = labels.split_once("\",outcome=\"")?;
            let (outcome, count) = rest.split_once("\"} ")?;
            Some(((operation.to_owned(), outcome.to_owned()), count.parse().unwrap()))
        };
        text.lines().filter_map(counter).collect()
    }

    /// The server has not suffered.
    fn close(mut self, state: State) {
        let status =
            self.runtime.block_on(async { self.deployment.client().await.call(&StatusRequest {}).await.unwrap() });
        assert_eq!(status.state, state);
        assert_eq!(self.deployment.stop(), Some(0));
        let log = std::fs::read_to_string(self.deployment.path("server.log")).unwrap();
        assert!(!log.contains("panicked"), "{log}");
    }
}

/// Operations by what their names begin with. Each part is a run of its own, so that none takes too long.
#[derive(Clone, Copy)]
enum Part {
    Only(&'static [&'static str]),
    Without(&'static [&'static str]),
}

const ALL: Part = Part::Without(&[]);
const KEYS: Part = Part::Only(&["key."]);
/// What is done with keys, and what makes them.
const KEYS_USED: Part = Part::Only(&[
    "key.create",
    "key.datakey",
    "key.decrypt",
    "key.encrypt",
    "key.list",
    "key.mac",
    "key.random",
    "key.rewrap",
    "key.show",
    "key.sign",
    "key.verify",
]);
/// The life of keys. Their passwords take their time.
const KEYS_KEPT: Part = Part::Only(&[
    "key.change_password",
    "key.create",
    "key.destroy",
    "key.import",
    "key.limit",
    "key.protect",
    "key.rotate",
    "key.state",
    "key.undestroy",
    "key.unlock",
    "key.wrapping",
]);
const TRANSACTIONS: Part = Part::Only(&["tx."]);
const REGISTRY: Part = Part::Only(&["setting.", "credential."]);
const SECRETS: Part = Part::Only(&["secret.", "token."]);
/// What keeps an instance in order; passwords again.
const UPKEEP: Part = Part::Only(&["protector.", "store.", "doctor", "quarantine.", "unlock", "upgrade."]);
const REST: Part = Part::Without(&[
    "doctor",
    "key.",
    "lock",
    "protector.",
    "quarantine.",
    "secret.",
    "setting.",
    "credential.",
    "store.",
    "token.",
    "tx.",
    "unlock",
    "upgrade.",
]);
const PROVISIONING: Part = Part::Only(&["tx.", "setting.", "credential."]);
const NOT_PROVISIONING: Part = Part::Without(&["key.", "tx.", "setting.", "credential.", "lock"]);
const NOT_KEYS: Part = Part::Without(&["key."]);

impl Part {
    fn has(self, word: &str) -> bool {
        let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| word.starts_with(beginning));
        match self {
            Self::Only(beginnings) => begins(beginnings),
            Self::Without(beginnings) => !begins(beginnings),
        }
    }

    fn operations(self) -> impl Iterator<Item = &'static str> {
        OPERATIONS.iter().map(|operation| operation.word).filter(move |word| self.has(word))
    }

    /// How many operations the tool is to find.
    fn count(self) -> usize {
        let monitoring = if matches!(self, Self::Without(_)) { MONITORING } else { 0 };
        self.operations().count() + monitoring
    }

    fn argument(self) -> String {
        let (choice, beginnings) = match self {
            Self::Only(beginnings) => ("include", beginnings),
            Self::Without([]) => return "--include-operation-id-regex=.".to_owned(),
            Self::Without(beginnings) => ("exclude", beginnings),
        };
        format!("--{choice}-operation-id-regex=^({})", beginnings.join("|").replace('.', "[.]"))
    }
}

/// Where `cargo xtask check` installs it.
fn tool() -> PathBuf {
    let build = Path::new(env!("CARGO_BIN_EXE_strongroom")).parent().unwrap();
    build.with_file_name("schemathesis").join("bin/schemathesis")
}

fn examples() -> u32 {
    std::env::var("STRONGROOM_TORTURE").ok().and_then(|text| text.parse().ok()).unwrap_or(30)
}

async fn relay(listener: TcpListener, socket: PathBuf) {
    while let Ok((mut outside, _)) = listener.accept().await {
        let mut inside = UnixStream::connect(&socket).await.unwrap();
        tokio::spawn(async move {
            // Either end may close when it likes.
            let _ended = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
        });
    }
}

#[test]
fn as_the_service_account() {
    done_by_the_service_account(REST);
}

#[test]
fn as_the_service_account_about_upkeep() {
    done_by_the_service_account(UPKEEP);
}

#[test]
fn as_the_service_account_about_secrets() {
    done_by_the_service_account(SECRETS);
}

#[test]
fn as_the_service_account_about_keys_in_use() {
    done_by_the_service_account(KEYS_USED);
}

#[test]
fn as_the_service_account_about_the_life_of_keys() {
    done_by_the_service_account(KEYS_KEPT);
}

#[test]
fn as_the_service_account_about_transactions() {
    done_by_the_service_account(TRANSACTIONS);
}

#[test]
fn as_the_service_account_about_settings_and_credentials() {
    done_by_the_service_account(REGISTRY);
}

/// Asks for the operations of this part, each of which must have been done at least once.
fn done_by_the_service_account(part: Part) {
    let Some(asked) = Asked::new() else { return };
    asked.put("kept");
    asked.over_the_socket(examples(), part, &[]);
    let answered = asked.answered();
    // Nothing is in quarantine, no id that is made up is one of a token or a job, and no wrapped key opens; the others find by
    // chance what they need: a key of the right purpose, a version in the right state, a protector of this kind.
    let never = [
        "quarantine.release",
        "token.revoke",
        "job.show",
        "job.pause",
        "job.resume",
        "key.import",
        "column.unwrap",
        "column.rewrap",
    ];
    let by_chance = [
        "key.decrypt",
        "key.rewrap",
        "key.mac",
        "key.sign",
        "key.verify",
        "key.state",
        "key.destroy",
        "key.undestroy",
        "key.protect",
        "key.unlock",
        "key.change_password",
        "column.key",
        "column.sign",
        "protector.replace",
        "credential.rebind",
        "credential.delete",
        "tx.step",
        "tx.state",
        "tx.commit",
        "tx.rollback",
        "tx.undone",
        "tx.show",
        "tx.get",
    ];
    let sure = |word: &&str| !never.contains(word) && !by_chance.contains(word);
    for operation in part.operations().filter(sure) {
        assert!(answered.contains_key(&(operation.into(), "ok".into())), "{operation} was never done: {answered:?}");
    }
    asked.close(State::Unlocked);
}

#[test]
fn as_an_administrator() {
    done_by_an_administrator(NOT_PROVISIONING);
}

#[test]
fn as_an_administrator_about_keys() {
    done_by_an_administrator(KEYS);
}

#[test]
fn as_an_administrator_about_provisioning() {
    done_by_an_administrator(PROVISIONING);
}

fn done_by_an_administrator(part: Part) {
    let Some(asked) = Asked::new() else { return };
    let token = asked.token(Role::Admin);
    asked.over_tls(Some(&token), examples(), part, &[]);
    asked.close(State::Unlocked);
}

#[test]
fn as_one_who_may_use_data() {
    done_by_one_who_may_little(Role::Data);
}

#[test]
fn as_one_who_may_read() {
    done_by_one_who_may_little(Role::Read);
}

fn done_by_one_who_may_little(role: Role) {
    let Some(asked) = Asked::new() else { return };
    let token = asked.token(role);
    asked.over_tls(Some(&token), examples() / SHARE, ALL, &["--phases=fuzzing"]);
    let answered = asked.answered();
    for word in ["token.revoke", "protector.drop", "lock", "audit.search"] {
        assert!(answered.contains_key(&(word.into(), "denied".into())), "{word} was not denied: {answered:?}");
        assert!(!answered.contains_key(&(word.into(), "ok".into())), "{word} was done: {answered:?}");
    }
    asked.close(State::Unlocked);
}

#[test]
fn as_nobody() {
    let Some(asked) = Asked::new() else { return };
    let unfit = "--exclude-checks=positive_data_acceptance,negative_data_rejection";
    asked.over_tls(None, examples() / SHARE, ALL, &["--phases=fuzzing", unfit]);
    let mut answered = asked.answered();
    // The tool looks whether the address answers at all.
    answered.retain(|(operation, _), _| operation != "unknown");
    assert!(answered.len() >= OPERATIONS.len(), "{answered:?}");
    for ((operation, outcome), count) in answered {
        let is_refused = ["unauthenticated", "too_many_attempts"].contains(&outcome.as_str());
        assert!(is_refused, "{operation}: {count} times {outcome}");
    }
    asked.close(State::Unlocked);
}

#[test]
fn while_it_is_locked() {
    refused_while_locked(NOT_KEYS);
}

#[test]
fn about_keys_while_it_is_locked() {
    refused_while_locked(KEYS);
}

fn refused_while_locked(part: Part) {
    let Some(asked) = Asked::new() else { return };
    asked.runtime.block_on(async { asked.deployment.client().await.call(&LockRequest {}).await.unwrap() });
    let unfit = "--exclude-checks=not_a_server_error,positive_data_acceptance,negative_data_rejection";
    asked.over_the_socket(examples() / SHARE, part, &["--phases=fuzzing", unfit]);
    let answered = asked.answered();
    for operation in OPERATIONS.iter().filter(|operation| part.has(operation.word) && !operation.while_locked) {
        assert!(answered.contains_key(&(operation.word.into(), "locked".into())), "{} {answered:?}", operation.word);
        assert!(!answered.contains_key(&(operation.word.into(), "ok".into())), "{} {answered:?}", operation.word);
    }
    asked.close(State::Locked);
}
