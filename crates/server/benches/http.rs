//! The server over HTTP and TLS, driven by `wrk` with 64 connections: audited reads and durable creates and updates, against an
//! empty GET handler behind the same TLS in the same run. Needs Debian's package `wrk`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use strongroom_engine::key::Create;
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::secret::Put;
use strongroom_engine::token::Issue;
use strongroom_envelope::Id;
use strongroom_envelope::value::Purpose;
use strongroom_keeper::facade::Caller;
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, ProtectorSettings};
use strongroom_secret::SecretBytes;
use strongroom_server::{Server, Settings};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const SECRETS: u64 = 100_000;
/// Values in a batch.
const BATCH: usize = 100;
/// Bytes of the answer to one value: the id of the key, its version, and 160 sealed bytes in base64url.
const ENCRYPTED: usize = 290;
const SECONDS: &str = "5";
/// 32 bytes.
const VALUE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

const DOCUMENT: &str = r#"<request id="7"><data><user name="anna" password="canary"/></data><procedure namespace="mail" name="CreateMailbox" sensitive="true"><execute namespace="directory" procedure="CreateUser"/></procedure></request>"#;
const STATE: &str = r#"{"mailbox":"anna","quota":2048}"#;
const ROLLBACK: &str = r#"<execute namespace="mail" procedure="DeleteMailbox"><data mailbox="anna"/></execute>"#;

struct Silent;

impl Journal for Silent {
    fn event(&self, _: Severity, _: &str, _: &str) {}
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if Command::new("wrk").arg("--version").output().is_err() {
        println!("not run: http: wrk is not installed (Debian package wrk)");
        return;
    }
    let folder = match std::env::var_os("STRONGROOM_BENCH_DIR") {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(folder.path()));
    runtime.shutdown_background();
}

async fn run(folder: &Path) {
    let keeper = keeper(folder);
    let token = keeper
        .execute(caller(), Issue { role: Role::Admin, expires_in_milliseconds: 3_600_000, description: None })
        .await
        .unwrap();
    fill(&keeper).await;
    let (name, purpose) = (Name::parse("bench").unwrap(), Purpose::Values);
    keeper
        .execute(caller(), Create { name, purpose, algorithm: None, rotation_period: None, usage_limit: None })
        .await
        .unwrap();
    let mut settings = Settings::new(folder.join("data"));
    settings.listen = Some("127.0.0.1:0".parse().unwrap());
    let server = Server::start(keeper, settings).await.unwrap();
    let address = server.addresses().tcp.unwrap().to_string();
    let empty = empty_handler().await;
    let base = drive(folder, &format!("https://{empty}"), &requests("'GET', '/'", 1, "0")).await;
    println!("empty GET handler: {base:.0}/s");
    let address = format!("https://{address}");
    let head = authorized(token.token.expose());
    keys(folder, &address, &format!("https://{empty}"), &head).await;
    let scattered = format!("(n * 7919) % {SECRETS}");
    let get = r#"'POST', '/api/v1/secret/get', nil, string.format('{"name":"bench/%09d"}', v)"#;
    let reads = drive(folder, &address, &format!("{head}{}", requests(get, SECRETS, &scattered))).await;
    figure("secret reads over HTTP and TLS, audited", reads, &format!("empty handler {base:.0}/s"), reads / base, 0.40);
    let put = format!(
        r#"'POST', '/api/v1/secret/put', nil, string.format('{{"name":"new/%09d","value_base64":"{VALUE}"}}', v)"#
    );
    let creates = drive(folder, &address, &format!("{head}{}", requests(&put, 4 * SECRETS, "n"))).await;
    figure("durable secret creates over HTTP and TLS", creates, "20,000/s", creates / 20_000.0, 1.0);
    let put = put.replace("new/", "bench/");
    let updates = drive(folder, &address, &format!("{head}{}", requests(&put, SECRETS, &scattered))).await;
    figure("random updates among 100,000 secrets over HTTP and TLS", updates, "8,000/s", updates / 8_000.0, 1.0);
    transactions(folder, &address, &head).await;
    server.stop().await;
}

fn authorized(token: &str) -> String {
    format!("wrk.headers['content-type'] = 'application/json'\nwrk.headers['authorization'] = 'Bearer {token}'\n")
}

/// Begin, step, commit, each of whichever transaction is next; the generator reads the ids out of the answers.
async fn transactions(folder: &Path, address: &str, head: &str) {
    let (document, state, rollback) = (STANDARD.encode(DOCUMENT), STANDARD.encode(STATE), STANDARD.encode(ROLLBACK));
    let script = format!(
        r#"local begun, done = {{}}, {{}}
request = function()
 local id = table.remove(done)
 if id then return wrk.format('POST', '/api/v1/tx/commit', nil, '{{"id":"' .. id .. '"}}') end
 id = table.remove(begun)
 if id then
  return wrk.format('POST', '/api/v1/tx/step', nil, '{{"id":"' .. id .. '","procedure":"CreateMailbox","state_base64":"{state}","rollback_base64":"{rollback}"}}')
 end
 return wrk.format('POST', '/api/v1/tx/begin', nil, '{{"document_base64":"{document}"}}')
end
response = function(status, headers, body)
 local id = string.match(body, '"id":"([^"]+)"')
 if string.find(body, '"sensitive":', 1, true) then begun[#begun + 1] = id end
 if string.find(body, '"step":', 1, true) then done[#done + 1] = id end
end
"#
    );
    let transactions = drive(folder, address, &format!("{head}{script}")).await / 3.0;
    let what = "transactions (begin, step, commit) over HTTP and TLS, encrypted and audited";
    figure(what, transactions, "4,000/s", transactions / 4000.0, 1.0);
}

/// Values of 64 bytes, one a request and a hundred a request, against a handler that reads the same body and answers as many bytes.
async fn keys(folder: &Path, address: &str, plain: &str, head: &str) {
    let value = STANDARD.encode([7; 64]);
    let one = format!(r#"{{"name":"bench","value_base64":"{value}"}}"#);
    let items = vec![format!(r#"{{"value_base64":"{value}"}}"#); BATCH].join(",");
    let many = format!(r#"{{"name":"bench","items":[{items}]}}"#);
    let post = |path: &str, body: &str| requests(&format!("'POST', '{path}', nil, '{body}'"), 1, "0");
    let base = drive(folder, plain, &format!("{head}{}", post("/one", &one))).await;
    let sealed = drive(folder, address, &format!("{head}{}", post("/api/v1/key/encrypt", &one))).await;
    let baseline = format!("POST handler {base:.0}/s");
    figure("values of 64 B encrypted over HTTP and TLS, audited", sealed, &baseline, sealed / base, 0.50);
    let batches = drive(folder, address, &format!("{head}{}", post("/api/v1/key/encrypt", &many))).await;
    let values = batches * BATCH as f64;
    figure("values of 64 B encrypted in batches of 100", values, "500,000/s", values / 500_000.0, 1.0);
}

/// The generator's script: its requests are made before it starts, so that they cost every run the same.
fn requests(request: &str, count: u64, value: &str) -> String {
    format!(
        "local made = {{}}\nlocal n = 0\ninit = function()\n for n = 1, {count} do\n  local v = {value}\n  made[n] = wrk.format({request})\n end\nend\nrequest = function()\n n = n % {count} + 1\n return made[n]\nend\n"
    )
}

fn figure(what: &str, measured: f64, baseline: &str, ratio: f64, least: f64) {
    let met = if ratio >= least { "yes" } else { "no" };
    println!("figure: {what} | {measured:.0}/s ({:.0} %) | {baseline} | {:.0} % | {met}", ratio * 100.0, least * 100.0);
}

/// One run of the generator; fails when an answer was no success.
async fn drive(folder: &Path, address: &str, script: &str) -> f64 {
    let path = folder.join("wrk.lua");
    std::fs::write(&path, script).unwrap();
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c64", "-d", SECONDS]).arg("-s").arg(&path).arg(address);
    let output = tokio::task::spawn_blocking(move || wrk.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Non-2xx"), "{text}");
    let rate =
        text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")).unwrap_or_else(|| panic!("{text}"));
    rate.trim().parse().unwrap()
}

/// What is in the way of every handler and nothing more.
async fn empty_handler() -> String {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], private);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = "x".repeat(ENCRYPTED);
    let one = move |body: Bytes| async move { if body.is_empty() { String::new() } else { answer.clone() } };
    let router = Router::new().route("/", get(|| async {})).route("/one", post(one));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _closed = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn fill(keeper: &Keeper) {
    let clients: Vec<_> = (0..64)
        .map(|client| {
            let keeper = keeper.clone();
            tokio::spawn(async move {
                for number in (client..SECRETS).step_by(64) {
                    let name = Name::parse(&format!("bench/{number:09}")).unwrap();
                    keeper
                        .execute(caller(), Put::new(Selector::Name(name), SecretBytes::from_slice(&[7; 32])))
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

fn caller() -> Caller {
    let identity = Identity::Peer { uid: 0 };
    Caller {
        principal: Principal { identity, role: Some(Role::Admin), channel: Channel::Local },
        remote: "unix".into(),
        request_id: Id([7; 16]),
        retry: None,
    }
}

fn keeper(folder: &Path) -> Keeper {
    let machine_id = folder.join("machine-id");
    std::fs::write(&machine_id, "0123456789abcdef0123456789abcdef\n").unwrap();
    let settings = strongroom_keeper::Settings {
        data: folder.join("data"),
        anchor_directory: folder.join("anchor"),
        audit_directory: None,
        protector: ProtectorSettings {
            account_dir: Some(folder.join("account")),
            machine_dir: Some(folder.join("machine")),
            machine_id_file: Some(machine_id),
            ..ProtectorSettings::default()
        },
        machine_protector: true,
        node: "bench".into(),
        root_id: None,
        deleted_retention_ms: i64::MAX / 4,
        look_every: strongroom_keeper::LOOK_EVERY,
        workers: 2,
        journal: Arc::new(Silent),
    };
    Keeper::open(settings).unwrap().0
}
