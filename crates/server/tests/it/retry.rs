//! A change that is repeated is done once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use strongroom_api::secret::PutRequest;
use strongroom_api::token::{IssueRequest, Role};
use strongroom_api::{Code, WireSecret};
use strongroom_client::{Client, IdempotencyKey, Target};
use strongroom_secret::SecretBytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::raw::{exchange, post, socket};
use crate::site::Site;

fn put(value: &[u8]) -> PutRequest {
    let value_base64 = WireSecret::new(SecretBytes::from_slice(value));
    PutRequest { name: "a".to_owned(), value_base64, expected_version: None, keep: None }
}

#[tokio::test]
async fn the_same_key_and_request_get_the_same_reply() {
    let site = Site::new().await;
    let client = site.local().await;
    let key = IdempotencyKey::random();
    let first = client.call_once(&put(b"one"), &key).await.unwrap();
    let again = client.call_once(&put(b"one"), &key).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(client.secret_get("a").await.unwrap().version, 1);
    let other = client.call_once(&put(b"two"), &key).await.unwrap_err();
    assert_eq!((other.code(), other.exit_code()), (Some(Code::IdempotencyKeyReused), 5));
    assert_eq!(client.call_once(&put(b"two"), &IdempotencyKey::random()).await.unwrap().version, 2);
    site.stop().await;
}

#[tokio::test]
async fn a_reply_that_held_a_secret_is_not_given_twice() {
    let site = Site::new().await;
    let client = site.local().await;
    let (key, issue) =
        (IdempotencyKey::random(), IssueRequest { role: Role::Read, expires_in_seconds: 3600, description: None });
    client.call_once(&issue, &key).await.unwrap();
    let again = client.call_once(&issue, &key).await.unwrap_err();
    assert_eq!((again.code(), again.exit_code()), (Some(Code::ReplyNotKept), 5));
    site.stop().await;
}

#[tokio::test]
async fn keys_that_are_none() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let body = br#"{"name":"a","value_base64":"eA=="}"#;
    let long = "x".repeat(129);
    for headers in [
        vec![("idempotency-key", "")],
        vec![("idempotency-key", "a b")],
        vec![("idempotency-key", long.as_str())],
        vec![("idempotency-key", "a"), ("idempotency-key", "b")],
    ] {
        let reply = exchange(&mut stream, &post("/api/v1/secret/put", &headers, body)).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid"), "{headers:?}");
    }
    site.stop().await;
}

/// The reply is lost on the way: the client asks again on a new connection, and the change is there once.
#[tokio::test]
async fn a_lost_reply_is_asked_for_again() {
    let site = Site::new().await;
    let proxy_data = site.folders.path("proxy");
    std::fs::create_dir(&proxy_data).unwrap();
    let listener = UnixListener::bind(proxy_data.join("server.sock")).unwrap();
    let connections = Arc::new(AtomicU32::new(0));
    let proxy = tokio::spawn(lose_first_reply(listener, site.folders.data(), Arc::clone(&connections)));
    let client = Client::connect(Target::Socket(proxy_data)).await.unwrap();
    let reply = client.call(&put(b"one")).await.unwrap();
    assert_eq!((reply.version, reply.created), (1, true));
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    assert_eq!(site.local().await.secret_get("a").await.unwrap().version, 1);
    proxy.abort();
    site.stop().await;
}

/// Hands everything on, but closes the first connection when the server has begun to send a body back.
async fn lose_first_reply(listener: UnixListener, data: PathBuf, connections: Arc<AtomicU32>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let server = connect(&data).await;
        if connections.fetch_add(1, Ordering::Relaxed) > 0 {
            let (mut client, mut server) = (client, server);
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            continue;
        }
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let there = async { tokio::io::copy(&mut from_client, &mut to_server).await };
        let back = async {
            loop {
                let (kind, frame) = read_frame(&mut from_server).await;
                if kind == DATA {
                    return;
                }
                to_client.write_all(&frame).await.unwrap();
            }
        };
        tokio::select! { _ = there => {}, () = back => {} }
    }
}

async fn connect(data: &Path) -> UnixStream {
    UnixStream::connect(data.join("server.sock")).await.unwrap()
}

/// RFC 9113, section 6.1.
const DATA: u8 = 0;

/// One frame of HTTP/2 (RFC 9113, section 4.1): length 24 bits, type 8, flags 8, stream 32.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let mut frame = vec![0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    let length = usize::from(frame[0]) << 16 | usize::from(frame[1]) << 8 | usize::from(frame[2]);
    frame.resize(9 + length, 0);
    stream.read_exact(&mut frame[9..]).await.unwrap();
    (frame[3], frame)
}
