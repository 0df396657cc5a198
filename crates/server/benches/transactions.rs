//! Transactions over HTTP and TLS: begin, step and commit of 64 clients of the client library, which share the two processors with
//! the server. Set `STRONGROOM_BENCH_DIR` to measure on a certain volume.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_client::{Client, Pin, Target, Transaction, Trust};
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::token::Issue;
use strongroom_envelope::Id;
use strongroom_keeper::facade::Caller;
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, ProtectorSettings};
use strongroom_secret::{AccessToken, SecretBytes};
use strongroom_server::{Server, Settings};

const CLIENTS: usize = 64;
const EACH: Duration = Duration::from_secs(5);
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
    let issue = Issue { role: Role::Admin, expires_in_milliseconds: 3_600_000, description: None };
    let token = keeper.execute(caller(), issue).await.unwrap().token;
    let mut settings = Settings::new(folder.join("data"));
    settings.listen = Some("127.0.0.1:0".parse().unwrap());
    let server = Server::start(keeper, settings).await.unwrap();
    let address = server.addresses().tcp.unwrap().to_string();
    let pin = server.addresses().spki_pin.clone().unwrap();
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let target = Target::Tcp {
            address: address.clone(),
            trust: Some(Trust::Pin(Pin::parse(&pin).unwrap())),
            token: AccessToken::from_text(token.expose().to_owned()),
        };
        clients.push(Arc::new(Client::connect(target).await.unwrap()));
    }
    let began = Instant::now();
    let clients: Vec<_> = clients
        .into_iter()
        .map(|client| {
            tokio::spawn(async move {
                let mut count = 0_u64;
                while began.elapsed() < EACH {
                    one(&client).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for client in clients {
        count += client.await.unwrap();
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    let met = if rate >= 4000.0 { "yes" } else { "no" };
    println!(
        "figure: transactions (begin, step, commit) over HTTP and TLS, 64 clients | {rate:.0}/s ({:.0} %) | 4,000/s | 100 % | {met}",
        rate / 40.0
    );
    server.stop().await;
}

async fn one(client: &Arc<Client>) {
    let bytes = |text: &str| SecretBytes::from_slice(text.as_bytes());
    let (transaction, _) = Transaction::begin(client, bytes(DOCUMENT)).await.unwrap();
    transaction.step("CreateMailbox", Some(bytes(STATE)), Some(bytes(ROLLBACK))).await.unwrap();
    transaction.commit().await.unwrap();
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
