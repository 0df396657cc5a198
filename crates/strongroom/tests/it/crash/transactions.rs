//! Engines that record transactions while the server is killed: what was answered is there, and nothing is there by half.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_api::WireSecret;
use strongroom_api::transaction::{
    BeginRequest, CommitRequest, GetRequest, ListRequest, RollbackRequest, StepRequest, UndoneRequest,
};
use strongroom_client::{Client, ClientError, IdempotencyKey};
use strongroom_secret::SecretBytes;
use tokio::sync::Semaphore;

/// Steps of a transaction before it ends.
const STEPS: u32 = 4;

/// What an engine was answered about one transaction.
#[derive(Debug)]
struct Known {
    id: String,
    /// Steps that were acknowledged; there may be one more.
    steps: u32,
    /// Steps whose undoing was; there may be one more.
    undone: u32,
    /// It is committed in the end, or rolled back.
    commits: bool,
    /// What it was begun to be ended with was acknowledged.
    ended: bool,
}

/// All transactions of one engine, the one it works on last.
#[derive(Debug, Default)]
pub struct Transactions {
    known: Vec<Known>,
    pub answers: u64,
}

/// What is recorded of a step: of every third it is long.
fn data(id: &str, step: u32, what: &str) -> Vec<u8> {
    let mut data = format!("{id} {step} {what}").into_bytes();
    data.resize(data.len().max(if step % 3 == 2 { 5000 } else { 0 }), b'.');
    data
}

fn wire(bytes: &[u8]) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(bytes))
}

/// Records until the server is gone.
pub async fn write(
    client: Client,
    mut mine: Transactions,
    stop: Arc<AtomicBool>,
    counted: Arc<Semaphore>,
) -> Transactions {
    while !stop.load(Ordering::Relaxed) {
        if let Err(error) = next(&client, &mut mine).await {
            assert!(error.refused().is_none(), "{error}: {:?}", mine.known.last());
            return mine;
        }
        mine.answers += 1;
        counted.add_permits(1);
    }
    mine
}

/// One operation more.
async fn next(client: &Client, mine: &mut Transactions) -> Result<(), ClientError> {
    let number = mine.known.len();
    let key = IdempotencyKey::random();
    let open = mine.known.last_mut().filter(|known| !known.ended || (!known.commits && known.undone < known.steps));
    let Some(known) = open else {
        let begun = client.call_once(&BeginRequest { document_base64: wire(b"<request/>") }, &key).await?;
        mine.known.push(Known { id: begun.id, steps: 0, undone: 0, commits: number.is_multiple_of(2), ended: false });
        return Ok(());
    };
    let id = known.id.clone();
    if known.steps < STEPS && !known.ended {
        let step = known.steps + 1;
        let (state, rollback) = (wire(&data(&id, step, "state")), wire(&data(&id, step, "undo")));
        let (state_base64, rollback_base64) = (Some(state), Some(rollback));
        let request = StepRequest { id, procedure: format!("P{step}"), state_base64, rollback_base64 };
        assert_eq!(client.call_once(&request, &key).await?.step, step);
        known.steps = step;
    } else if known.commits {
        client.call_once(&CommitRequest { id }, &key).await?;
        known.ended = true;
    } else if !known.ended {
        assert_eq!(client.call_once(&RollbackRequest { id }, &key).await?.undo.len(), known.steps as usize);
        known.ended = true;
    } else {
        client.call_once(&UndoneRequest { id, step: known.steps - known.undone }, &key).await?;
        known.undone += 1;
    }
    Ok(())
}

/// What was answered is there; of the operation without an answer all or nothing, and from now on it is known. The newest are
/// looked at each time, all of them now and then.
pub async fn everything_is_there(client: &Client, mine: &mut Transactions, cycle: u32) {
    let many = if cycle % 50 == 49 { mine.known.len() } else { 20 };
    for known in mine.known.iter_mut().rev().take(many) {
        let got = client.call(&GetRequest { id: known.id.clone(), after: 0 }).await;
        let got = got.unwrap_or_else(|error| panic!("cycle {cycle}: {known:?}: {error}"));
        let (state, steps) = (got.transaction.state, u32::try_from(got.steps.len()).unwrap());
        let undone = got.steps.iter().filter(|step| step.undone_at.is_some()).count() as u32;
        let found = format!("cycle {cycle}: {known:?}: {state}, {steps} steps, {undone} undone");
        assert!(steps == known.steps || (!known.ended && steps == known.steps + 1), "{found}");
        assert!(undone == known.undone || (known.ended && undone == known.undone + 1), "{found}");
        let wanted = match (known.commits, undone) {
            (true, _) => "committed",
            (false, undone) if undone == steps => "rolled_back",
            (false, _) => "rolling_back",
        };
        assert!(state == wanted || (!known.ended && state == "active"), "{found}");
        for (step, number) in got.steps.into_iter().zip(1..) {
            let bytes = |part: Option<WireSecret>| part.unwrap().into_secret().expose().to_vec();
            assert!(step.step == number && bytes(step.state_base64) == data(&known.id, number, "state"), "{found}");
            assert!(bytes(step.rollback_base64) == data(&known.id, number, "undo"), "{found}");
        }
        (known.steps, known.undone, known.ended) = (steps, undone, state != "active");
    }
}

/// Nothing is there that nobody asked for: at most one for each engine of which it never heard.
pub async fn nothing_else(client: &Client, engines: &[Transactions], cycle: u32) {
    let (mut all, mut after) = (0, None);
    loop {
        let list = ListRequest { unfinished: false, state: None, after, limit: Some(1000) };
        let page = client.call(&list).await.unwrap();
        assert_eq!(page.unreadable, 0, "cycle {cycle}");
        all += page.transactions.len();
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let known: usize = engines.iter().map(|engine| engine.known.len()).sum();
    let unheard = engines.len() * (cycle as usize + 1);
    assert!((known..=known + unheard).contains(&all), "cycle {cycle}: {all} transactions, {known} known");
}
