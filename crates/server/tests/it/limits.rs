//! What the server puts up with: slow, large, and many.

use std::time::Duration;

use strongroom_server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::raw::{exchange, post, read_reply, request, socket, tls};
use crate::site::Site;
use crate::stop::{slow, until_working};

const SOON: Duration = Duration::from_millis(200);
/// Longer than anything here takes on a busy machine.
const LATE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_allowed_are_told_to_come_again() {
    let site = Site::with(Limits { requests: 1, ..Limits::default() }).await;
    let client = site.local().await;
    let working = tokio::spawn(async move { client.call(&slow()).await });
    until_working(&site, 1).await;
    let mut stream = socket(&site.folders.data()).await;
    let busy = exchange(&mut stream, &post("/api/v1/status", &[], b"{}")).await;
    assert_eq!((busy.status, busy.code().as_str()), (503, "busy"));
    assert_eq!(busy.headers["retry-after"], "1");
    assert_eq!(exchange(&mut stream, &request("GET", "/health/live", &[], b"")).await.status, 200);
    working.await.unwrap().unwrap();
    assert_eq!(exchange(&mut stream, &post("/api/v1/status", &[], b"{}")).await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come() {
    let site = Site::with(Limits { body_timeout: SOON, ..Limits::default() }).await;
    let mut stream = socket(&site.folders.data()).await;
    let reply = exchange(&mut stream, b"POST /api/v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").await;
    assert_eq!((reply.status, reply.code().as_str()), (408, "body_timeout"));
    site.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_come() {
    let site = Site::with(Limits { header_timeout: SOON, ..Limits::default() }).await;
    for head in [b"".as_slice(), b"POST /api/v1/st", b"POST /api/v1/status HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = tls(&site).await;
        stream.write_all(head).await.unwrap();
        let mut received = Vec::new();
        let closed = timeout(LATE, stream.read_to_end(&mut received)).await;
        assert!(closed.is_ok() && received.is_empty(), "{}", head.escape_ascii());
    }
    // On a connection that has been used, too; but an idle one is left alone.
    let mut stream = tls(&site).await;
    assert_eq!(exchange(&mut stream, &request("GET", "/health/live", &[], b"")).await.status, 200);
    let mut received = Vec::new();
    assert!(timeout(SOON * 5, stream.read_to_end(&mut received)).await.is_err());
    stream.write_all(b"GET /hea").await.unwrap();
    assert!(timeout(LATE, stream.read_to_end(&mut received)).await.is_ok() && received.is_empty());
    // The socket has no fewer limits: half a head there would keep administrators out.
    let mut stream = socket(&site.folders.data()).await;
    stream.write_all(b"POST /api/v1/st").await.unwrap();
    assert!(timeout(LATE, stream.read_to_end(&mut received)).await.is_ok() && received.is_empty());
    site.stop().await;
}

/// Its frames come at any time and are no heads.
#[tokio::test]
async fn http2_on_the_socket_may_wait_between_requests() {
    let site = Site::with(Limits { header_timeout: SOON, ..Limits::default() }).await;
    let mut stream = socket(&site.folders.data()).await;
    // The preface and empty SETTINGS (RFC 9113 §3.4, §6.5); the server answers with its own and acknowledges ours.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frames = Vec::new();
    assert!(timeout(SOON * 5, stream.read_to_end(&mut frames)).await.is_err(), "{}", frames.escape_ascii());
    assert_eq!(frames.get(3), Some(&4));
    site.stop().await;
}

#[tokio::test]
async fn a_connection_that_does_nothing() {
    let limits = Limits { idle_timeout: SOON, header_timeout: SOON, ..Limits::default() };
    let site = Site::with(limits).await;
    let mut stream = socket(&site.folders.data()).await;
    assert_eq!(exchange(&mut stream, &request("GET", "/health/live", &[], b"")).await.status, 200);
    let mut received = Vec::new();
    assert!(timeout(LATE, stream.read_to_end(&mut received)).await.is_ok());
    site.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let site = Site::with(Limits { tcp_connections: 1, ..Limits::default() }).await;
    let first = tls(&site).await;
    assert!(timeout(SOON, tls(&site)).await.is_err());
    drop(first);
    let mut second = timeout(LATE, tls(&site)).await.unwrap();
    assert_eq!(exchange(&mut second, &request("GET", "/health/live", &[], b"")).await.status, 200);
    // The socket has its own count: an administrator always gets in.
    let mut local = socket(&site.folders.data()).await;
    assert_eq!(exchange(&mut local, &request("GET", "/health/live", &[], b"")).await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn large_heads_and_bodies() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let large = "x".repeat(40_000);
    let reply = exchange(&mut stream, &request("GET", "/health/live", &[("x-large", &large)], b"")).await;
    assert_eq!(reply.status, 431);

    // Announced: refused before a byte of it is read.
    let mut stream = socket(&site.folders.data()).await;
    let head = b"POST /api/v1/secret/put HTTP/1.1\r\nhost: x\r\ncontent-length: 2097153\r\n\r\n";
    let reply = exchange(&mut stream, head).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));

    // Not announced: refused when there is too much.
    let mut stream = socket(&site.folders.data()).await;
    stream
        .write_all(b"POST /api/v1/secret/put HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..33 {
        // The server may stop reading before the end.
        let _ = stream.write_all(&chunk).await;
    }
    let reply = read_reply(&mut stream).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    site.stop().await;
}
