//! B2: the server is killed at a write, while a transaction is begun, stepped, committed, rolled back. The next start finds what was
//! before or what was asked for, never half of it; and asking again under the same key does it once.
//!
//! A check kills at a few calls, other ones for each operation; with STRONGROOM_TORTURE at every call until none is left.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use strongroom_api::WireSecret;
use strongroom_api::status::StatusRequest;
use strongroom_api::transaction::{
    BeginRequest, CommitRequest, GetRequest, ListRequest, RollbackRequest, StateRequest, StepRequest, UndoneRequest,
};
use strongroom_client::{Client, ClientError, IdempotencyKey, Transaction};
use strongroom_secret::SecretBytes;

use crate::deployment::Deployment;
use crate::heal::calls;

/// Calls that write or make durable.
const CALLS: [&str; 3] = ["pwrite64", "fdatasync", "write"];
/// In torture: no more of one call than this.
const MOST: u32 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Begin,
    Step,
    LargeStep,
    State,
    Commit,
    Rollback,
    Undone,
    LastUndone,
}

const OPERATIONS: [Operation; 8] = [
    Operation::Begin,
    Operation::Step,
    Operation::LargeStep,
    Operation::State,
    Operation::Commit,
    Operation::Rollback,
    Operation::Undone,
    Operation::LastUndone,
];

fn wire(text: &str, length: usize) -> WireSecret {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(length.max(text.len()), b'.');
    WireSecret::new(SecretBytes::from_vec(bytes))
}

/// A transaction as it can be read: its state, and of each step the state, the rollback data and whether it is undone.
type Found = (String, Vec<(Option<Vec<u8>>, Option<Vec<u8>>, bool)>);

async fn found(client: &Client, id: &str) -> Found {
    let got = client.call(&GetRequest { id: id.to_owned(), after: 0 }).await.unwrap();
    let bytes = |part: Option<WireSecret>| part.map(|part| part.into_secret().expose().to_vec());
    let steps = got.steps.into_iter();
    let steps = steps.map(|step| (bytes(step.state_base64), bytes(step.rollback_base64), step.undone_at.is_some()));
    (got.transaction.state, steps.collect())
}

async fn count(client: &Client) -> usize {
    let list = ListRequest { unfinished: false, state: None, after: None, limit: Some(1000) };
    client.call(&list).await.unwrap().transactions.len()
}

impl Operation {
    /// A transaction with two steps, one of them with large parts, in the state in which this comes.
    async fn prepare(self, client: &Arc<Client>) -> String {
        let (transaction, _) = Transaction::begin(client, SecretBytes::from_slice(b"<request/>")).await.unwrap();
        let id = transaction.id().to_owned();
        transaction
            .step("A", Some(SecretBytes::from_slice(b"s1")), Some(SecretBytes::from_vec(vec![b'r'; 5000])))
            .await
            .unwrap();
        transaction.step("B", None, Some(SecretBytes::from_slice(b"r2"))).await.unwrap();
        if matches!(self, Self::Undone | Self::LastUndone) {
            transaction.rollback().await.unwrap();
        }
        if self == Self::LastUndone {
            transaction.undone(2).await.unwrap();
        }
        id
    }

    async fn ask(self, client: &Client, id: &str, key: &IdempotencyKey) -> Result<(), ClientError> {
        let id = id.to_owned();
        let step = |length| StepRequest {
            id: id.clone(),
            procedure: "C".to_owned(),
            state_base64: Some(wire("s3", length)),
            rollback_base64: Some(wire("r3", length)),
        };
        match self {
            Self::Begin => {
                client.call_once(&BeginRequest { document_base64: wire("<request/>", 0) }, key).await.map(drop)
            }
            Self::Step => client.call_once(&step(0), key).await.map(drop),
            Self::LargeStep => client.call_once(&step(9000), key).await.map(drop),
            Self::State => {
                let state = StateRequest { id, step: 2, state_base64: wire("s2", 6000) };
                client.call_once(&state, key).await.map(drop)
            }
            Self::Commit => client.call_once(&CommitRequest { id }, key).await.map(drop),
            Self::Rollback => client.call_once(&RollbackRequest { id }, key).await.map(drop),
            Self::Undone => client.call_once(&UndoneRequest { id, step: 2 }, key).await.map(drop),
            Self::LastUndone => client.call_once(&UndoneRequest { id, step: 1 }, key).await.map(drop),
        }
    }

    /// What was there becomes this; and how many transactions there are more.
    fn done(self, before: &Found) -> (Found, usize) {
        let (mut state, mut steps) = before.clone();
        let bytes = |part: WireSecret| Some(part.into_secret().expose().to_vec());
        match self {
            Self::Begin => return (before.clone(), 1),
            Self::Step => steps.push((bytes(wire("s3", 0)), bytes(wire("r3", 0)), false)),
            Self::LargeStep => steps.push((bytes(wire("s3", 9000)), bytes(wire("r3", 9000)), false)),
            Self::State => steps[1].0 = bytes(wire("s2", 6000)),
            Self::Commit => state = "committed".to_owned(),
            Self::Rollback => state = "rolling_back".to_owned(),
            Self::Undone => steps[1].2 = true,
            Self::LastUndone => {
                steps[0].2 = true;
                state = "rolled_back".to_owned();
            }
        }
        ((state, steps), 0)
    }
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

/// What came of one kill.
struct Killed {
    /// The server did not answer.
    unanswered: bool,
    /// What was asked for is there all the same.
    there: bool,
}

fn killed(deployment: &mut Deployment, operation: Operation, point: (&str, u32)) -> Killed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = format!("{operation:?} at {point:?}");
    let key = IdempotencyKey::random();
    let (id, before, many, outcome) = runtime.block_on(async {
        let client = Arc::new(deployment.client().await);
        let id = operation.prepare(&client).await;
        let (before, many) = (found(&client, &id).await, count(&client).await);
        let mut strace = kill_at(deployment, point);
        let outcome = operation.ask(&client, &id, &key).await;
        deployment.kill();
        strace.wait().unwrap();
        (id, before, many, outcome)
    });
    if let Err(error) = &outcome {
        assert!(error.refused().is_none(), "{place}: {error}");
    }
    let started = deployment.start();
    assert_eq!(started["state"], "unlocked", "{place}: {started}");
    runtime.block_on(async {
        let client = deployment.client().await;
        assert_eq!(client.call(&StatusRequest {}).await.unwrap().quarantined, 0, "{place}");
        let (after, more) = operation.done(&before);
        let now = (found(&client, &id).await, count(&client).await);
        let (old, new) = ((before, many), (after, many + more));
        assert!(now == new || (now == old && outcome.is_err()), "{place}: {:?}", now.0.0);
        let there = now == new;
        operation.ask(&client, &id, &key).await.unwrap_or_else(|error| panic!("{place}: asked again: {error}"));
        let now = (found(&client, &id).await, count(&client).await);
        assert!(now == new, "{place}: asked again: {:?}", now.0.0);
        Killed { unanswered: outcome.is_err(), there }
    })
}

#[test]
fn wherever_it_is_killed_it_is_done_or_not() {
    if !calls::can_kill_at_calls("transaction::calls::wherever_it_is_killed_it_is_done_or_not") {
        return;
    }
    let torture = std::env::var_os("STRONGROOM_TORTURE").is_some();
    let mut deployment = Deployment::small();
    deployment.start();
    let (mut kills, mut unanswered, mut there) = (0, 0, 0);
    for (at, operation) in OPERATIONS.into_iter().enumerate() {
        let at = u32::try_from(at).unwrap();
        for call in CALLS {
            let numbers = match (torture, call) {
                (true, _) => 1..=MOST,
                (false, "pwrite64") => 1 + at % 4..=2 + at % 4,
                (false, _) => 1..=1,
            };
            for number in numbers {
                let outcome = killed(&mut deployment, operation, (call, number));
                kills += 1;
                unanswered += u32::from(outcome.unanswered);
                there += u32::from(outcome.unanswered && outcome.there);
                // No thread makes so many.
                if !outcome.unanswered {
                    break;
                }
            }
        }
    }
    println!("{kills} kills, {unanswered} without an answer, {there} of those done all the same");
    assert!(unanswered >= 8 && there >= 1 && there < unanswered, "{kills} {unanswered} {there}");
    assert_eq!(deployment.stop(), Some(0));
}
