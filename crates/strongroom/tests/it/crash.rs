//! kill -9 at random under eight writers of secrets and two engines with transactions: nothing that was answered is lost, nothing is
//! half applied, every start is clean.

mod transactions;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_api::WireSecret;
use strongroom_api::secret::{GetRequest, PutRequest, ShowRequest};
use strongroom_api::status::StatusRequest;
use strongroom_client::Client;
use strongroom_secret::SecretBytes;
use tokio::sync::Semaphore;

use self::transactions::Transactions;
use crate::deployment::Deployment;

const WRITERS: usize = 8;
const ENGINES: usize = 2;

/// What one writer was answered: name → the newest acknowledged version, and versions that may or may not be there.
#[derive(Default)]
struct Acknowledged {
    newest: HashMap<String, u32>,
}

fn cycles() -> u32 {
    std::env::var("STRONGROOM_TORTURE").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

#[test]
fn what_was_answered_survives_kill_nine() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut deployment = Deployment::small();
    let mut acknowledged: Vec<Acknowledged> = (0..WRITERS).map(|_| Acknowledged::default()).collect();
    let mut engines: Vec<Transactions> = (0..ENGINES).map(|_| Transactions::default()).collect();
    deployment.start();
    for cycle in 0..cycles() {
        (acknowledged, engines) = runtime.block_on(write_until_killed(&mut deployment, acknowledged, engines, cycle));
        let started = deployment.start();
        assert_eq!(started["state"], "unlocked", "cycle {cycle}: {started}");
        runtime.block_on(everything_is_there(&deployment, &acknowledged, &mut engines, cycle));
    }
    let recorded: u64 = engines.iter().map(|engine| engine.answers).sum();
    assert!(recorded > u64::from(cycles()), "only {recorded} changes of transactions were acknowledged");
    let written: u64 =
        acknowledged.iter().flat_map(|writer| writer.newest.values()).map(|version| u64::from(*version)).sum();
    assert!(written > u64::from(cycles()), "only {written} changes were acknowledged");
    assert_eq!(deployment.stop(), Some(0));
}

async fn write_until_killed(
    deployment: &mut Deployment,
    acknowledged: Vec<Acknowledged>,
    engines: Vec<Transactions>,
    cycle: u32,
) -> (Vec<Acknowledged>, Vec<Transactions>) {
    let stop = Arc::new(AtomicBool::new(false));
    let counted = Arc::new(Semaphore::new(0));
    let mut writers = Vec::new();
    for (number, mine) in acknowledged.into_iter().enumerate() {
        let client = deployment.client().await;
        let (stop, counted) = (Arc::clone(&stop), Arc::clone(&counted));
        writers.push(tokio::spawn(write(client, number, mine, stop, counted)));
    }
    let mut recorders = Vec::new();
    for mine in engines {
        let client = deployment.client().await;
        let (stop, counted) = (Arc::clone(&stop), Arc::clone(&counted));
        recorders.push(tokio::spawn(transactions::write(client, mine, stop, counted)));
    }
    // The kill comes at some answer; which one wanders over the batches.
    let answers = 3 + cycle * 37 % 200;
    let reached = counted.acquire_many(answers).await;
    drop(reached);
    deployment.kill();
    stop.store(true, Ordering::Relaxed);
    let (mut mine, mut engines) = (Vec::new(), Vec::new());
    for writer in writers {
        mine.push(writer.await.unwrap());
    }
    for recorder in recorders {
        engines.push(recorder.await.unwrap());
    }
    (mine, engines)
}

/// Creates and updates until the server is gone. Version `n` of a secret has the value `name n`.
async fn write(
    client: Client,
    number: usize,
    mut mine: Acknowledged,
    stop: Arc<AtomicBool>,
    counted: Arc<Semaphore>,
) -> Acknowledged {
    let mut count = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("w{number}/s{}", count % 5);
        let known = mine.newest.get(&name).copied().unwrap_or(0);
        let request = PutRequest {
            value_base64: WireSecret::new(SecretBytes::from_slice(format!("{name} {}", known + 1).as_bytes())),
            name: name.clone(),
            expected_version: Some(known),
            keep: None,
        };
        match client.call_once(&request, &strongroom_client::IdempotencyKey::random()).await {
            Ok(reply) => {
                assert_eq!(reply.version, known + 1);
                mine.newest.insert(name, reply.version);
                counted.add_permits(1);
            }
            // Either the server is gone, or the answer to the one before was lost with it: catch up by reading.
            Err(error) if error.refused().is_some_and(|refused| refused.word == "version_conflict") => {
                let shown = client.call(&ShowRequest { name: name.clone() }).await;
                if let Ok(shown) = shown {
                    assert_eq!(shown.version, known + 1, "{name}: more than the one change without an answer");
                    mine.newest.insert(name, shown.version);
                }
            }
            Err(error) => {
                assert!(error.refused().is_none(), "writer {number}: {error}");
                return mine;
            }
        }
        count += 1;
    }
    mine
}

async fn everything_is_there(
    deployment: &Deployment,
    acknowledged: &[Acknowledged],
    engines: &mut [Transactions],
    cycle: u32,
) {
    let client = deployment.client().await;
    for engine in engines.iter_mut() {
        transactions::everything_is_there(&client, engine, cycle).await;
    }
    transactions::nothing_else(&client, engines, cycle).await;
    let status = client.call(&StatusRequest {}).await.unwrap();
    assert_eq!(status.quarantined, 0, "cycle {cycle}");
    for writer in acknowledged {
        for (name, version) in &writer.newest {
            let got = client.call(&GetRequest { name: name.clone(), version: None }).await;
            let got = got.unwrap_or_else(|error| panic!("cycle {cycle}: {name} version {version}: {error}"));
            assert!(
                got.version == *version || got.version == version + 1,
                "cycle {cycle}: {name} {version} {}",
                got.version
            );
            let value = got.value_base64.into_secret();
            assert_eq!(value.expose(), format!("{name} {}", got.version).as_bytes(), "cycle {cycle}");
        }
    }
}
