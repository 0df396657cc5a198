//! Transactions in process: begin, step and commit of 64 clients; a start with 100,000 unfinished ones, listed and rolled back;
//! a new password for their master key. Set `STRONGROOM_BENCH_DIR` to measure on a certain volume.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::transaction::{Begin, Commit, Encrypt, List, Rollback, Step, Undone};
use strongroom_envelope::Id;
use strongroom_keeper::facade::{Caller, KeyProtector};
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, ProtectorSettings, Settings};
use strongroom_secret::{Passphrase, SecretBytes};

const CLIENTS: u64 = 64;
const EACH: Duration = Duration::from_secs(5);
const UNFINISHED: u64 = 100_000;
const PAGE: usize = 1000;
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
        Some(parent) => tempfile::tempdir_in(parent).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let keeper = Keeper::open(settings(folder.path())).unwrap().0;
    runtime.spawn(keeper.deliver());
    let done = run(&runtime, &keeper, u64::MAX, true);
    figure("transactions (begin, step, commit), 64 clients, in process", done, "/s", "10,000/s", done / 10_000.0);
    run(&runtime, &keeper, UNFINISHED, false);
    password(&runtime, &keeper);
    keeper.stop();
    drop(keeper);
    recovery(&runtime, folder.path());
}

/// So many transactions, or as many as go in a while: how many a second.
fn run(runtime: &tokio::runtime::Runtime, keeper: &Keeper, most: u64, commit: bool) -> f64 {
    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (keeper, next) = (keeper.clone(), Arc::clone(&next));
            runtime.spawn(async move {
                let mut count = 0_u64;
                while (most < u64::MAX || began.elapsed() < EACH) && next.fetch_add(1, Ordering::Relaxed) < most {
                    one(&keeper, commit).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let count: u64 = clients.into_iter().map(|client| runtime.block_on(client).unwrap()).sum();
    count as f64 / began.elapsed().as_secs_f64()
}

async fn one(keeper: &Keeper, commit: bool) {
    let bytes = |text: &str| SecretBytes::from_slice(text.as_bytes());
    let begun = keeper.execute(caller(), Begin::new(bytes(DOCUMENT), Encrypt::Always)).await.unwrap();
    let (id, procedure) = (begun.id, "CreateMailbox".to_owned());
    let step = Step { id, procedure, state: Some(bytes(STATE)), rollback: Some(bytes(ROLLBACK)) };
    keeper.execute(caller(), step).await.unwrap();
    if commit {
        keeper.execute(caller(), Commit { id }).await.unwrap();
    }
}

/// A start over 100,000 unfinished transactions until all of them are known; then their rollback.
fn recovery(runtime: &tokio::runtime::Runtime, folder: &Path) {
    let began = Instant::now();
    let keeper = Keeper::open(settings(folder)).unwrap().0;
    runtime.spawn(keeper.deliver());
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let list = List { unfinished: true, state: None, after, limit: PAGE };
        let page = runtime.block_on(keeper.execute(caller(), list)).unwrap();
        found.extend(page.transactions.iter().map(|transaction| transaction.id));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(found.len() as u64, UNFINISHED);
    figure("start and list of 100,000 unfinished transactions", seconds, " s", "5 s", 5.0 / seconds);
    let began = Instant::now();
    let found = Arc::new(parking_lot::Mutex::new(found));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (keeper, found) = (keeper.clone(), Arc::clone(&found));
            runtime.spawn(async move {
                loop {
                    let next = found.lock().pop();
                    let Some(id) = next else { return };
                    let handed = keeper.execute(caller(), Rollback { id }).await.unwrap();
                    assert_eq!(handed.undo[0].rollback.as_ref().unwrap().expose(), ROLLBACK.as_bytes());
                    keeper.execute(caller(), Undone { id, sequence: 1 }).await.unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
    println!("all of them rolled back: {:.1} s", began.elapsed().as_secs_f64());
    keeper.stop();
}

/// A new password for the master key, whatever is stored under it.
fn password(runtime: &tokio::runtime::Runtime, keeper: &Keeper) {
    let key = || Selector::Name(Name::parse("transactions").unwrap());
    let first =
        KeyProtector::Password { passphrase: Passphrase::from_slice(b"correct horse battery staple"), recovery: true };
    runtime.block_on(keeper.key_protect(caller(), key(), first)).unwrap();
    let began = Instant::now();
    let (old, new) = (b"correct horse battery staple", b"four other words entirely");
    let (old, new) = (Passphrase::from_slice(old), Passphrase::from_slice(new));
    runtime.block_on(keeper.key_change_password(caller(), key(), old, new)).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    figure("another password for the master key of all of them", seconds, " s", "2 s", 2.0 / seconds);
}

fn figure(what: &str, measured: f64, unit: &str, baseline: &str, ratio: f64) {
    let met = if ratio >= 1.0 { "yes" } else { "no" };
    println!("figure: {what} | {measured:.2}{unit} ({:.0} %) | {baseline} | 100 % | {met}", ratio * 100.0);
}

fn settings(folder: &Path) -> Settings {
    let machine_id = folder.join("machine-id");
    std::fs::write(&machine_id, "0123456789abcdef0123456789abcdef\n").unwrap();
    Settings {
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
        workers: 2,
        look_every: strongroom_keeper::LOOK_EVERY,
        journal: Arc::new(Silent),
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
