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

    fn over_tls(&self, token: Option<&str>, examples: u32, words: &[&str]) {
        let certificate = self.deployment.path("data/tls/certificate.pem").display().to_string();
        let mut all = vec![format!("--url=https://{}", self.address), format!("--tls-verify={certificate}")];
        all.extend(token.map(|token| format!("--header=Authorization: Bearer {token}")));
        self.ask(&all, examples, words);
    }

    /// As the account that runs the server: what arrives on a port is handed on to the socket.
    fn over_the_socket(&self, examples: u32, words: &[&str]) {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("--url=http://{}", listener.local_addr().unwrap());
        let relay = self.runtime.spawn(relay(listener, self.deployment.path("data/server.sock")));
        self.ask(&[url], examples, words);
        relay.abort();
    }

    fn ask(&self, place: &[String], examples: u32, words: &[&str]) {
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
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let tested = format!("\n  Tested: {}\n", asked_for(words));
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

/// How many operations these words choose.
fn asked_for(words: &[&str]) -> usize {
    let of = |families: &str| {
        let is_of = |word: &str| families.split('|').any(|family| word.split('.').next() == Some(family));
        OPERATIONS.iter().filter(|operation| is_of(operation.word)).count()
    };
    let left_out = words.iter().map(|word| match word.split_once('=') {
        Some(("--include-operation-id-regex", families)) => {
            OPERATIONS.len() + MONITORING - of(families.trim_matches(['^', '(', ')', '[', '.', ']']))
        }
        // What leaves families out names `lock`, too.
        Some(("--exclude-operation-id-regex", families)) => {
            1 + of(families.trim_start_matches(['^', '(']).split(')').next().unwrap_or_default())
        }
        _ => usize::from(word.starts_with("--exclude-operation-id=")),
    });
    OPERATIONS.len() + MONITORING - left_out.sum::<usize>()
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

/// Operations of a provisioning system: asked for in runs of their own, so that no run takes too long.
const PROVISIONING: &str = "(tx|setting|credential)";

fn is_provisioning(word: &str) -> bool {
    ["tx.", "setting.", "credential."].iter().any(|family| word.starts_with(family))
}

#[test]
fn as_the_service_account() {
    let rest = "--exclude-operation-id-regex=^((key|tx|setting|credential)[.].*|lock)$";
    done_by_the_service_account(rest, |word| !is_provisioning(word) && !word.starts_with("key."));
}

/// Passwords of keys take their time.
#[test]
fn as_the_service_account_about_keys() {
    done_by_the_service_account("--include-operation-id-regex=^key[.]", |word| word.starts_with("key."));
}

#[test]
fn as_the_service_account_about_provisioning() {
    done_by_the_service_account(&format!("--include-operation-id-regex=^{PROVISIONING}[.]"), is_provisioning);
}

/// Asks for the operations that `choice` and `is_chosen` name, each of which must have been done at least once.
fn done_by_the_service_account(choice: &str, is_chosen: fn(&str) -> bool) {
    let Some(asked) = Asked::new() else { return };
    asked.put("kept");
    asked.over_the_socket(examples(), &[choice]);
    let answered = asked.answered();
    // Nothing is in quarantine, no id that is made up is one of a token or a job, and no wrapped key opens; the others find by
    // chance what they need: a key of the right purpose, a version in the right state, a protector of this kind.
    let never = [
        "lock",
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
    let sure = |word: &&str| is_chosen(word) && !never.contains(word) && !by_chance.contains(word);
    for operation in OPERATIONS.iter().map(|operation| operation.word).filter(sure) {
        assert!(answered.contains_key(&(operation.into(), "ok".into())), "{operation} was never done: {answered:?}");
    }
    asked.close(State::Unlocked);
}

#[test]
fn as_an_administrator() {
    let Some(asked) = Asked::new() else { return };
    let token = asked.token(Role::Admin);
    let rest = format!("--exclude-operation-id-regex=^({PROVISIONING}[.].*|lock)$");
    asked.over_tls(Some(&token), examples(), &[&rest]);
    asked.close(State::Unlocked);
}

#[test]
fn as_an_administrator_about_provisioning() {
    let Some(asked) = Asked::new() else { return };
    let token = asked.token(Role::Admin);
    asked.over_tls(Some(&token), examples(), &[&format!("--include-operation-id-regex=^{PROVISIONING}[.]")]);
    asked.close(State::Unlocked);
}

#[test]
fn as_one_who_may_little() {
    let Some(asked) = Asked::new() else { return };
    for role in [Role::Data, Role::Read] {
        let token = asked.token(role);
        asked.over_tls(Some(&token), examples() / SHARE, &["--phases=fuzzing"]);
    }
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
    asked.over_tls(None, examples() / SHARE, &["--phases=fuzzing", unfit]);
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
    let Some(asked) = Asked::new() else { return };
    asked.runtime.block_on(async { asked.deployment.client().await.call(&LockRequest {}).await.unwrap() });
    let unfit = "--exclude-checks=not_a_server_error,positive_data_acceptance,negative_data_rejection";
    asked.over_the_socket(examples() / SHARE, &["--phases=fuzzing", unfit]);
    let answered = asked.answered();
    for operation in OPERATIONS.iter().filter(|operation| !operation.while_locked) {
        assert!(answered.contains_key(&(operation.word.into(), "locked".into())), "{} {answered:?}", operation.word);
        assert!(!answered.contains_key(&(operation.word.into(), "ok".into())), "{} {answered:?}", operation.word);
    }
    asked.close(State::Locked);
}
