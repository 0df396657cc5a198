//! An archive that is killed: before its file has a name, after, and while transactions are removed. Each transaction is then in the
//! store, or in a file, or in both; and the next archive ends what was begun.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use strongroom_api::transaction::ListRequest;
use strongroom_client::Transaction;
use strongroom_secret::SecretBytes;

use crate::deployment::Deployment;
use crate::heal::calls;

/// Calls of one thread, each by its number. What is written to the store and the trail is synced by `fdatasync`; the archive and its
/// folder by `fsync`.
const POINTS: [(&str, u32); 11] = [
    ("renameat2", 1),
    ("fsync", 1),
    ("fsync", 2),
    ("fadvise64", 1),
    ("fdatasync", 1),
    ("fdatasync", 2),
    ("fdatasync", 3),
    ("fdatasync", 5),
    ("fdatasync", 8),
    ("fdatasync", 12),
    ("pwrite64", 40),
];

fn some(length: usize) -> Option<SecretBytes> {
    Some(SecretBytes::from_slice(&vec![b'x'; length]))
}

/// Three small transactions and one whose parts take several commits to remove; their ids.
async fn fill(deployment: &Deployment) -> BTreeSet<String> {
    let client = Arc::new(deployment.client().await);
    let mut ids = BTreeSet::new();
    for steps in [1, 60, 0, 2] {
        let document = SecretBytes::from_slice(b"<request/>");
        let (transaction, _) = Transaction::begin(&client, document).await.unwrap();
        for _ in 0..steps {
            let length = if steps == 60 { 5_000 } else { 10 };
            transaction.step("Create", some(length), some(length)).await.unwrap();
        }
        ids.insert(transaction.id().to_owned());
        transaction.commit().await.unwrap();
    }
    ids
}

/// Attaches strace, which kills the server at the call.
fn kill_at(deployment: &Deployment, (call, number): (&str, u32)) -> Child {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=KILL:when={number}"), "-p"]);
    strace.arg(deployment.process().to_string());
    let mut strace = strace.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(strace.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("attached"), "{line}");
    strace
}

fn shell(deployment: &Deployment, command: &str) -> (bool, Vec<u8>) {
    let run = deployment.command("/bin/sh").args(["-c", command]).stdin(Stdio::null()).output().unwrap();
    (run.status.success(), run.stdout)
}

async fn stored(deployment: &Deployment) -> BTreeSet<String> {
    let list = ListRequest { unfinished: false, state: None, after: None, limit: Some(1000) };
    let reply = deployment.client().await.call(&list).await.unwrap();
    assert_eq!(reply.unreadable, 0);
    reply.transactions.into_iter().map(|found| found.id).collect()
}

/// The transactions in finished files, each of which opens, and how many files have no name yet.
fn archived(deployment: &Deployment) -> (BTreeSet<String>, usize) {
    let (mut ids, mut unfinished) = (BTreeSet::new(), 0);
    let Ok(folder) = fs::read_dir(deployment.path("data/archive")) else { return (ids, 0) };
    for entry in folder {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with("transactions-") {
            unfinished += 1;
            continue;
        }
        let open =
            format!("strongroom --data $DATA key decrypt transactions-archive --in $DATA/archive/{name} --out -");
        let (opens, plaintext) = shell(deployment, &open);
        assert!(opens, "{name}");
        for line in String::from_utf8(plaintext).unwrap().lines() {
            let page: Value = serde_json::from_str(line).unwrap();
            ids.insert(page["transaction"]["id"].as_str().unwrap().to_owned());
        }
    }
    (ids, unfinished)
}

#[test]
fn wherever_it_is_killed_nothing_is_lost_and_the_next_one_ends_it() {
    if !calls::can_kill_at_calls("archive::wherever_it_is_killed_nothing_is_lost_and_the_next_one_ends_it") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut deployment = Deployment::small();
    let mut all = BTreeSet::new();
    let (mut killed, mut both, mut left, mut partly) = (0, 0, 0, 0);
    deployment.start();
    for point in POINTS {
        all.extend(runtime.block_on(fill(&deployment)));
        let mut strace = kill_at(&deployment, point);
        let (whole, _) = shell(&deployment, "strongroom --data $DATA tx archive --older-than 0s");
        killed += usize::from(!whole);
        deployment.kill();
        strace.wait().unwrap();
        deployment.start();
        let (files, unfinished) = archived(&deployment);
        let store = runtime.block_on(stored(&deployment));
        assert_eq!(&store | &files, all, "{point:?}: in the store or in a file");
        both += usize::from(store.intersection(&files).next().is_some());
        partly += usize::from(!store.is_empty() && store.len() < 4);
        left += unfinished;
        let (done, said) = shell(&deployment, "strongroom --data $DATA tx archive --older-than 0s --json");
        assert!(done, "{point:?}: {}", String::from_utf8_lossy(&said));
        assert_eq!(archived(&deployment), (all.clone(), 0), "{point:?}");
        assert_eq!(runtime.block_on(stored(&deployment)), BTreeSet::new(), "{point:?}");
    }
    println!("killed {killed}, with {both} in both places, {left} without a name, {partly} removed in part");
    assert!(killed >= 6 && both >= 1 && left >= 1, "{killed} {both} {left}");
    let (_, status) = shell(&deployment, "strongroom --data $DATA status --json");
    let status: Value = serde_json::from_slice(&status).unwrap();
    assert_eq!(status["quarantined"], 0, "{status}");
    drop(runtime);
    assert_eq!(deployment.stop(), Some(0));
}
