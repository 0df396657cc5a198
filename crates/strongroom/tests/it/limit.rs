//! kill -9 at random while eight clients use a key that has a limit: all their answers together, over all lives of the server, are
//! never more than the limit, and little is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use strongroom_api::key::{Context, CreateRequest, EncryptItem, EncryptRequest, LimitRequest, Purpose, ShowRequest};
use strongroom_api::{Code, WireSecret};
use strongroom_client::Client;
use strongroom_secret::SecretBytes;
use tokio::sync::Semaphore;

use crate::deployment::Deployment;

const CLIENTS: u64 = 8;
const LIMIT: u64 = 3000;
/// A 64th of the limit.
const BLOCK: u64 = 46;
const KILLS: u32 = 12;

/// How many values of so many were sealed; `None` when the server has gone.
async fn encrypt(client: &Client, count: u64) -> Option<u64> {
    let item = || EncryptItem { value_base64: WireSecret::new(SecretBytes::from_slice(b"v")), context: Context::new() };
    let items = Some((0..count).map(|_| item()).collect());
    let request = EncryptRequest { name: "k".into(), value_base64: None, context: Context::new(), items };
    let reply = match client.call(&request).await {
        Ok(reply) => reply,
        Err(error) => {
            assert!(error.refused().is_none(), "{error}");
            return None;
        }
    };
    let items = reply.items.unwrap();
    let sealed = items.iter().filter(|item| item.ciphertext.is_some()).count();
    let refused = items.iter().filter_map(|item| item.error.as_ref());
    assert!(refused.into_iter().all(|error| error.code == Code::UsageLimitReached));
    Some(sealed as u64)
}

/// Uses the key until the server is gone or nothing is left; counts what was answered.
async fn use_up(client: Client, size: u64, ended: Arc<AtomicBool>, answered: Arc<AtomicU64>, told: Arc<Semaphore>) {
    while !ended.load(Ordering::SeqCst) {
        let Some(sealed) = encrypt(&client, size).await else { return };
        answered.fetch_add(sealed, Ordering::SeqCst);
        told.add_permits(1);
        if sealed < size {
            return;
        }
    }
}

#[test]
fn over_many_lives_there_are_never_too_many() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut deployment = Deployment::small();
    deployment.start();
    let (name, usage_limit) = ("k".to_owned(), Some(LIMIT));
    let create =
        CreateRequest { name, purpose: Purpose::Values, algorithm: None, rotation_period_seconds: None, usage_limit };
    runtime.block_on(async { deployment.client().await.call(&create).await.unwrap() });
    let answered = Arc::new(AtomicU64::new(0));
    for kill in 0..KILLS {
        let (ended, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Semaphore::new(0)));
        runtime.block_on(async {
            let mut clients = Vec::new();
            for number in 0..CLIENTS {
                let (ended, answered, told) = (Arc::clone(&ended), Arc::clone(&answered), Arc::clone(&told));
                clients.push(tokio::spawn(use_up(deployment.client().await, 1 + number % 3, ended, answered, told)));
            }
            // The kill comes at some answer, which wanders over the blocks.
            drop(told.acquire_many(1 + kill * 7 % 31).await);
            deployment.kill();
            ended.store(true, Ordering::SeqCst);
            for client in clients {
                client.await.unwrap();
            }
        });
        assert_eq!(deployment.start()["state"], "unlocked", "kill {kill}");
    }
    let before = answered.load(Ordering::SeqCst);
    let left = runtime.block_on(async { encrypt(&deployment.client().await, 1000).await.unwrap() });
    let rest = if left < 1000 { left } else { left + runtime.block_on(rest(&deployment)) };
    assert!(before > 0 && before + rest <= LIMIT, "{before} over {KILLS} kills, and {rest} then");
    let most = u64::from(KILLS) * (BLOCK + 2 * CLIENTS * 3);
    assert!(LIMIT - before - rest <= most, "{before} over {KILLS} kills, and {rest} then: more than {most} are lost");
    runtime.block_on(async {
        let client = deployment.client().await;
        assert_eq!(encrypt(&client, 1).await, Some(0));
        let shown = client.call(&ShowRequest { name: "k".into() }).await.unwrap();
        assert_eq!((shown.usage_limit, shown.versions[0].uses), (Some(LIMIT), Some(LIMIT)));
        client.call(&LimitRequest { name: "k".into(), limit: None }).await.unwrap();
        assert_eq!(encrypt(&client, 1).await, Some(1));
    });
    assert_eq!(deployment.stop(), Some(0));
}

/// Uses what is left.
async fn rest(deployment: &Deployment) -> u64 {
    let (client, mut rest) = (deployment.client().await, 0);
    loop {
        let sealed = encrypt(&client, 1000).await.unwrap();
        rest += sealed;
        if sealed < 1000 {
            return rest;
        }
    }
}
