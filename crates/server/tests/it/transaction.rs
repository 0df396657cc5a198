//! Transactions over the wire: every operation on the socket and over TLS, asked for twice, too large, and with hostile documents.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::token::Role;
use strongroom_api::transaction::{
    BeginRequest, CommitRequest, GetRequest, ListRequest, RollbackRequest, ShowRequest, StateRequest, StepRequest,
    UndoneRequest,
};
use strongroom_api::{Code, WireSecret};
use strongroom_client::{Client, IdempotencyKey, Transaction};
use strongroom_secret::SecretBytes;

use crate::raw::{exchange, post, socket};
use crate::site::Site;

const DOCUMENT: &[u8] = b"<request><procedure name=\"CreateUser\"><execute sensitive=\"1\"/></procedure></request>";

fn bytes(value: &[u8]) -> SecretBytes {
    SecretBytes::from_slice(value)
}

fn wire(value: &[u8]) -> WireSecret {
    WireSecret::new(bytes(value))
}

fn step(id: &str, state: Option<&[u8]>, rollback: Option<&[u8]>) -> StepRequest {
    StepRequest {
        id: id.to_owned(),
        procedure: "CreateMailbox".to_owned(),
        state_base64: state.map(wire),
        rollback_base64: rollback.map(wire),
    }
}

#[tokio::test]
async fn on_the_socket() {
    let site = Site::new().await;
    a_life(&Arc::new(site.local().await)).await;
    site.stop().await;
}

#[tokio::test]
async fn over_tls() {
    let site = Site::new().await;
    let token = site.token(Role::Data).await;
    a_life(&Arc::new(site.remote(&token).await.unwrap())).await;
    site.stop().await;
}

async fn a_life(client: &Arc<Client>) {
    let (transaction, begun) = Transaction::begin(client, bytes(DOCUMENT)).await.unwrap();
    assert_eq!((begun.state.as_str(), begun.sensitive, begun.encrypted), ("active", true, true));
    assert_eq!(transaction.step("CreateMailbox", Some(bytes(b"s1")), Some(bytes(b"r1"))).await.unwrap(), 1);
    // More than one request takes: what undoes it first, then the state.
    let (large, long) = (vec![1; 700_000], vec![2; 1 << 20]);
    assert_eq!(transaction.step("CreateSite", Some(bytes(&large)), Some(bytes(&long))).await.unwrap(), 2);
    assert_eq!(transaction.step("AddToGroup", None, None).await.unwrap(), 3);
    transaction.state(3, bytes(b"")).await.unwrap();
    // Dropped, it is unfinished and not lost.
    let id = transaction.id().to_owned();
    drop(transaction);
    let mut found = client.unfinished_transactions().await.unwrap().transactions;
    assert_eq!(found.iter().map(Transaction::id).collect::<Vec<_>>(), [id.as_str()]);
    let transaction = found.remove(0);
    let got = transaction.get(0).await.unwrap();
    assert_eq!(got.document_base64.unwrap().into_secret().expose(), DOCUMENT);
    assert_eq!((got.steps.len(), got.left, got.transaction.request_bytes), (3, 0, DOCUMENT.len() as u64));
    let states: Vec<_> = got.steps.into_iter().map(|step| step.state_base64.map(WireSecret::into_secret)).collect();
    assert_eq!(states[1].as_ref().unwrap().expose(), large);
    assert_eq!(states[2].as_ref().unwrap().expose(), b"", "empty is not absent");
    assert_eq!(transaction.get(2).await.unwrap().document_base64.map(drop), None);

    let undo = transaction.rollback().await.unwrap();
    assert_eq!(undo.iter().map(|undo| undo.step).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!((undo[0].procedure.as_str(), undo[0].rollback.is_none()), ("AddToGroup", true));
    assert_eq!(undo[1].rollback.as_ref().unwrap().expose(), long);
    assert_eq!(transaction.undone(3).await.unwrap(), 2);
    let early = transaction.undone(1).await.unwrap_err();
    assert_eq!((early.code(), early.exit_code()), (Some(Code::Invalid), 2));
    let closed = client.call(&CommitRequest { id: id.clone() }).await.unwrap_err();
    assert_eq!((closed.code(), closed.exit_code()), (Some(Code::TransactionState), 5));
    // A crash of the engine later: what is left, and only that.
    let again = Transaction::resume(client, id.clone());
    assert_eq!(again.rollback().await.unwrap().iter().map(|undo| undo.step).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((again.undone(2).await.unwrap(), again.undone(1).await.unwrap()), (1, 0));
    assert!(again.rollback().await.unwrap().is_empty());
    let shown = client.call(&ShowRequest { id: id.clone() }).await.unwrap();
    assert_eq!((shown.transaction.state.as_str(), shown.transaction.not_undone), ("rolled_back", 0));
    assert!(shown.steps.iter().all(|step| step.undone_at.is_some()));

    let (other, _) = Transaction::begin(client, bytes(DOCUMENT)).await.unwrap();
    let other_id = other.id().to_owned();
    assert_eq!(other.commit().await.unwrap().steps, 0);
    let list = |unfinished, state: Option<&str>| ListRequest {
        unfinished,
        state: state.map(str::to_owned),
        after: None,
        limit: None,
    };
    assert!(client.call(&list(true, None)).await.unwrap().transactions.is_empty());
    assert_eq!(client.call(&list(false, None)).await.unwrap().transactions.len(), 2);
    let committed = client.call(&list(false, Some("committed"))).await.unwrap();
    assert_eq!(committed.transactions.iter().map(|found| &found.id).collect::<Vec<_>>(), [&other_id]);
    assert_eq!(client.call(&list(false, Some("Committed"))).await.unwrap_err().code(), Some(Code::Invalid));
    let missing = client.call(&GetRequest { id: "018bcfe5-6800-7fbc-8b00-9867b0accd32".into(), after: 0 }).await;
    assert_eq!(missing.unwrap_err().exit_code(), 3);
}

#[tokio::test]
async fn asked_twice_with_one_key() {
    let site = Site::new().await;
    let client = site.local().await;
    let key = IdempotencyKey::random();
    let begin = |document: &[u8]| BeginRequest { document_base64: wire(document) };
    let first = client.call_once(&begin(DOCUMENT), &key).await.unwrap();
    assert_eq!(client.call_once(&begin(DOCUMENT), &key).await.unwrap(), first);
    let other = client.call_once(&begin(b"<request/>"), &key).await.unwrap_err();
    assert_eq!(other.code(), Some(Code::IdempotencyKeyReused));
    let id = first.id;
    for sequence in 1..=2 {
        let key = IdempotencyKey::random();
        let request = step(&id, Some(b"s"), Some(b"r"));
        let first = client.call_once(&request, &key).await.unwrap();
        assert_eq!(first.step, sequence);
        assert_eq!(client.call_once(&request, &key).await.unwrap(), first);
    }
    // A retry is answered as the first time, whatever happened in between.
    let (late, key) = (step(&id, None, Some(b"r3")), IdempotencyKey::random());
    let third = client.call_once(&late, &key).await.unwrap();
    let (rollback, rolled) = (RollbackRequest { id: id.clone() }, IdempotencyKey::random());
    assert_eq!(client.call_once(&rollback, &rolled).await.unwrap().undo.len(), 3);
    assert_eq!(client.call_once(&late, &key).await.unwrap(), third);
    let (undone, key) = (UndoneRequest { id: id.clone(), step: 3 }, IdempotencyKey::random());
    let reply = client.call_once(&undone, &key).await.unwrap();
    assert_eq!(client.call_once(&undone, &key).await.unwrap(), reply);
    // Data is never kept: what is to be undone is said anew, and nothing more than that.
    assert_eq!(client.call_once(&rollback, &rolled).await.unwrap().undo.len(), 2);
    let committed = client.call_once(&begin(DOCUMENT), &IdempotencyKey::random()).await.unwrap();
    let (commit, key) = (CommitRequest { id: committed.id.clone() }, IdempotencyKey::random());
    let reply = client.call_once(&commit, &key).await.unwrap();
    assert_eq!(client.call_once(&commit, &key).await.unwrap(), reply);
    let state = StateRequest { id: committed.id, step: 1, state_base64: wire(b"x") };
    assert_eq!(client.call(&state).await.unwrap_err().code(), Some(Code::TransactionState));
    site.stop().await;
}

#[tokio::test]
async fn who_may_do_what() {
    let site = Site::new().await;
    let client = site.local().await;
    let id = client.call(&BeginRequest { document_base64: wire(DOCUMENT) }).await.unwrap().id;
    let reader = site.remote(&site.token(Role::Read).await).await.unwrap();
    let code = |error: strongroom_client::ClientError| error.code();
    assert_eq!(
        reader.call(&BeginRequest { document_base64: wire(DOCUMENT) }).await.map_err(code),
        Err(Some(Code::Denied))
    );
    assert_eq!(reader.call(&step(&id, None, None)).await.map_err(code), Err(Some(Code::Denied)));
    assert_eq!(reader.call(&CommitRequest { id: id.clone() }).await.map_err(code), Err(Some(Code::Denied)));
    assert!(matches!(reader.call(&RollbackRequest { id: id.clone() }).await.map_err(code), Err(Some(Code::Denied))));
    assert!(matches!(
        reader.call(&GetRequest { id: id.clone(), after: 0 }).await.map_err(code),
        Err(Some(Code::Denied))
    ));
    let data = site.remote(&site.token(Role::Data).await).await.unwrap();
    assert_eq!(data.call(&step(&id, None, Some(b"r"))).await.unwrap().step, 1);
    let archive = strongroom_api::transaction::ArchiveRequest { older_than_seconds: 0 };
    assert!(matches!(data.call(&archive).await.map_err(code), Err(Some(Code::Denied))));
    site.stop().await;
}

#[tokio::test]
async fn a_megabyte_and_a_byte_more() {
    let site = Site::new().await;
    let client = site.local().await;
    let document = |length: usize| {
        let mut document = b"<request><data>".to_vec();
        document.resize(length - 17, b'x');
        document.extend_from_slice(b"</data></request>");
        BeginRequest { document_base64: wire(&document) }
    };
    let refused = client.call(&document((1 << 20) + 1)).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::TooLarge));
    assert_eq!(refused.refused().unwrap().status, 413);
    let id = client.call(&document(1 << 20)).await.unwrap().id;
    let (whole, more) = (vec![7; 1 << 20], vec![7; (1 << 20) + 1]);
    for (state, rollback) in [(Some(more.as_slice()), None), (None, Some(more.as_slice()))] {
        let refused = client.call(&step(&id, state, rollback)).await.unwrap_err();
        assert_eq!((refused.code(), refused.refused().unwrap().status), (Some(Code::TooLarge), 413));
    }
    assert_eq!(client.call(&step(&id, Some(&whole), None)).await.unwrap().step, 1);
    let both = client.call(&step(&id, Some(b"x"), Some(&whole))).await.unwrap_err();
    assert_eq!(both.code(), Some(Code::Invalid));
    let message = both.to_string();
    assert!(message.contains("tx.state"), "{message}: it says how to mend it");
    // The longest reply: four megabytes and one step more.
    for _ in 0..4 {
        let step = client.call(&step(&id, None, Some(&whole))).await.unwrap().step;
        client.call(&StateRequest { id: id.clone(), step, state_base64: wire(&whole) }).await.unwrap();
    }
    let (mut after, mut read) = (0, 0);
    loop {
        let page = client.call(&GetRequest { id: id.clone(), after }).await.unwrap();
        after = page.steps.last().unwrap().step;
        read += page.steps.len();
        if page.left == 0 {
            break;
        }
    }
    assert_eq!(read, 5);
    let undo = client.call(&RollbackRequest { id: id.clone() }).await.unwrap();
    assert_eq!((undo.undo.len(), undo.left), (4, 1));
    site.stop().await;
}

/// Documents that are made to hurt (B59), with a word that the answer must hold.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let wrap = |inside: &str| format!("<request>{inside}</request>").into_bytes();
    let doctype = |declared: &str, used: &str| {
        format!("<?xml version=\"1.0\"?><!DOCTYPE request [{declared}]><request>{used}</request>").into_bytes()
    };
    let mut laughs = "<!ENTITY a0 \"ha\">".to_owned();
    for number in 1..30 {
        let before = format!("&a{};", number - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY a{number} \"{before}\">"));
    }
    let namespaces: String = (0..20_000).map(|number| format!(" xmlns:n{number}=\"urn:{number}\"")).collect();
    let attributes: String = (0..60_000).map(|number| format!(" a{number}=\"\"")).collect();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("<request/>".bytes().flat_map(|byte| [byte, 0])).collect();
    vec![
        ("a file", doctype("<!ENTITY x SYSTEM \"file:///etc/passwd\">", "&x;")),
        ("an address", doctype("<!ENTITY x SYSTEM \"http://127.0.0.1:9/x\">", "&x;")),
        ("a parameter entity", doctype("<!ENTITY % p SYSTEM \"http://127.0.0.1:9/p\"> %p;", "")),
        ("a billion laughs", doctype(&laughs, "&a29;")),
        ("quadratic", doctype(&format!("<!ENTITY q \"{}\">", "q".repeat(100_000)), &"&q;".repeat(1000))),
        ("an empty DTD", b"<!DOCTYPE request><request/>".to_vec()),
        ("an entity that is not declared", wrap("&secret;")),
        ("deep", wrap(&"<a>".repeat(100_000))),
        ("deep and closed", wrap(&format!("{}{}", "<a>".repeat(65), "</a>".repeat(65)))),
        ("attributes", format!("<request{attributes}/>").into_bytes()),
        ("namespaces", format!("<request{namespaces}/>").into_bytes()),
        ("nodes", wrap(&"<a/>".repeat(200_000))),
        ("procedures", wrap(&"<procedure/>".repeat(20_000))),
        ("UTF-16", utf16),
        ("UTF-7", b"+ADw-request/+AD4-".to_vec()),
        ("another encoding", b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><request/>".to_vec()),
        ("twice the same attribute", wrap("<procedure sensitive=\"no\" sensitive=\"yes\"/>")),
        ("an instruction", wrap("<?php system('id'); ?>")),
        ("a style sheet", b"<?xml-stylesheet href=\"http://127.0.0.1:9/\"?><request/>".to_vec()),
        ("another root", b"<Request/>".to_vec()),
        ("nothing", Vec::new()),
        ("no XML", vec![0; 1 << 20]),
        ("not closed", wrap("<![CDATA[")),
        ("bytes that are no text", vec![0xc0; 1000]),
    ]
}

#[tokio::test]
async fn hostile_documents_are_refused_at_once_and_for_what_they_are() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let mut slowest = Duration::ZERO;
    for (what, document) in hostile() {
        let body = format!("{{\"document_base64\":\"{}\"}}", STANDARD.encode(&document));
        let request = post("/api/v1/tx/begin", &[], body.as_bytes());
        let begun = Instant::now();
        let reply = exchange(&mut stream, &request).await;
        slowest = slowest.max(begun.elapsed());
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid"), "{what}");
        let text = String::from_utf8(reply.body).unwrap();
        assert!(text.len() < 1000 && !text.contains("passwd") && !text.contains("system("), "{what}: {text}");
        assert!(text.contains("document"), "{what}: {text}");
    }
    // Many times as long as B59 allows, on a busy machine and without optimisation.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let list = ListRequest { unfinished: false, state: None, after: None, limit: None };
    assert!(site.local().await.call(&list).await.unwrap().transactions.is_empty(), "nothing of them was kept");
    // What is not hostile is begun; an address in it is data.
    let include =
        b"<request xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"file:///etc/passwd\"/></request>";
    let begun = site.local().await.call(&BeginRequest { document_base64: wire(include) }).await.unwrap();
    let got = site.local().await.call(&GetRequest { id: begun.id, after: 0 }).await.unwrap();
    assert_eq!(got.document_base64.unwrap().into_secret().expose(), include);
    site.stop().await;
}

#[tokio::test]
async fn requests_that_are_none() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for (path, body) in [
        ("begin", "{}"),
        ("begin", r#"{"document_base64":"PHJlcXVlc3QvPg=="  ,"encrypt":"marked"}"#),
        ("begin", r#"{"document_base64":"PHJlcXVlc3QvPg"}"#),
        ("begin", r#"{"document_base64":null}"#),
        ("step", r#"{"id":"x","procedure":"a"}"#),
        ("step", r#"{"id":"018bcfe5-6800-7fbc-8b00-9867b0accd32","procedure":"a","state_base64":null}"#),
        ("undone", r#"{"id":"018bcfe5-6800-7fbc-8b00-9867b0accd32","step":-1}"#),
        ("undone", r#"{"id":"018bcfe5-6800-7fbc-8b00-9867b0accd32","step":4294967296}"#),
        ("commit", r#"{"id":"018bcfe5-6800-7fbc-8b00-9867b0accd32","id":"018bcfe5-6800-7fbc-8b00-9867b0accd32"}"#),
        ("list", r#"{"limit":0}"#),
        ("list", r#"{"after":"../x"}"#),
    ] {
        let reply = exchange(&mut stream, &post(&format!("/api/v1/tx/{path}"), &[], body.as_bytes())).await;
        let code = reply.code();
        assert_eq!(
            (reply.status, ["malformed", "invalid"].contains(&code.as_str())),
            (400, true),
            "{path} {body}: {code}"
        );
    }
    site.stop().await;
}
