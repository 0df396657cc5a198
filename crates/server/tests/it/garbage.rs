//! Garbage where it is easily forgotten: positions for names, text in every field, headers, monitoring, over TLS as well.

use serde_json::{Value, json};
use strongroom_api::OPERATIONS;
use strongroom_api::token::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::hostile::{check_useful, still_alive};
use crate::raw::{exchange, post, request, socket, tls};
use crate::site::Site;

/// Bytes that look random, from a fixed seed (Numerical Recipes' 64-bit generator).
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let step =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), step).skip(1).map(|state| state.to_be_bytes()[0])
}

#[tokio::test]
async fn fields_without_their_names() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for operation in OPERATIONS {
        let example = (operation.request_example)();
        let values: Vec<Value> = example.as_object().unwrap().values().cloned().collect();
        for body in [json!(values), json!([]), json!([example])] {
            let reply = exchange(&mut stream, &post(&operation.path(), &[], body.to_string().as_bytes())).await;
            check_useful(&reply, &format!("{} {body}", operation.word));
            assert_eq!(reply.code(), "malformed", "{} {body}", operation.word);
        }
    }
    still_alive(site).await;
}

#[tokio::test]
async fn a_word_that_is_the_key_of_an_object() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let bodies = [
        ("/api/v1/token/issue", r#"{"role":{"admin":null},"expires_in_seconds":60}"#),
        ("/api/v1/protector/add", r#"{"kind":{"machine":null}}"#),
        ("/api/v1/quarantine/release", r#"{"record":"x","how":{"recheck":null}}"#),
    ];
    for (path, body) in bodies {
        let reply = exchange(&mut stream, &post(path, &[], body.as_bytes())).await;
        check_useful(&reply, path);
        assert_eq!(reply.code(), "malformed", "{path}");
    }
    still_alive(site).await;
}

/// Text may be a good argument (of a search, say); the server fails over none.
#[tokio::test]
async fn every_field_with_text_that_is_none() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let long = format!("\"{}\"", "x".repeat(100_000));
    let texts =
        [r#""\u0000""#, r#""\ud800""#, r#""\udc00\ud800""#, "\"\u{202e}\u{feff}\"", r#""%s%n${x}{{7*7}}';--""#, &long];
    for operation in OPERATIONS.iter().filter(|operation| operation.word != "lock") {
        let example = (operation.request_example)();
        for field in example.as_object().unwrap().keys() {
            for text in texts {
                let mut changed = example.clone();
                changed[field] = Value::from("PLACE");
                let body = changed.to_string().replace("\"PLACE\"", text);
                let reply = exchange(&mut stream, &post(&operation.path(), &[], body.as_bytes())).await;
                let context = format!("{} {field} {}", operation.word, text.get(..24).unwrap_or(text));
                if reply.status != 200 {
                    check_useful(&reply, &context);
                }
                if text.contains(r"\ud800") {
                    assert_eq!(reply.code(), "malformed", "{context}");
                }
            }
        }
    }
    still_alive(site).await;
}

#[tokio::test]
async fn noise_to_every_operation_over_tls() {
    let site = Site::new().await;
    let authorization = format!("Bearer {}", site.token(Role::Admin).await);
    let mut stream = tls(&site).await;
    let kinds = ["application/octet-stream", "application/xml", "multipart/form-data; boundary=x", "text/plain", ""];
    for (seed, operation) in (1..).zip(OPERATIONS) {
        for (kind, length) in kinds.iter().zip([1, 16, 255, 4096, 100_000]) {
            let body: Vec<u8> = noise(seed).take(length).collect();
            let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
            let reply = exchange(&mut stream, &post(&operation.path(), &headers, &body)).await;
            check_useful(&reply, &format!("{} {length} bytes as {kind:?}", operation.word));
            assert_eq!(reply.code(), "malformed");
        }
    }
    still_alive(site).await;
}

#[tokio::test]
async fn tokens_that_are_none() {
    let site = Site::new().await;
    let long = format!("Bearer srt_{}", "x".repeat(10_000));
    for shown in ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer srt_", "Bearer a b", &long] {
        let mut stream = tls(&site).await;
        let reply = exchange(&mut stream, &post("/api/v1/status", &[("authorization", shown)], b"{}")).await;
        check_useful(&reply, shown);
        assert!(matches!(reply.status, 401 | 429), "{shown}");
        assert_eq!(reply.status == 401, reply.headers.contains_key("www-authenticate"));
        assert_eq!(reply.status == 429, reply.headers.contains_key("retry-after"));
    }
    still_alive(site).await;
}

#[tokio::test]
async fn idempotency_keys_that_are_none() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let long = "x".repeat(129);
    for operation in OPERATIONS.iter().filter(|operation| operation.changes) {
        for key in ["", "a b", "ä", &long] {
            let reply = exchange(&mut stream, &post(&operation.path(), &[("idempotency-key", key)], b"{}")).await;
            check_useful(&reply, &format!("{} {key:?}", operation.word));
            assert_eq!(reply.code(), "invalid", "{} {key:?}", operation.word);
        }
        let two = [("idempotency-key", "a"), ("idempotency-key", "a")];
        assert_eq!(exchange(&mut stream, &post(&operation.path(), &two, b"{}")).await.code(), "invalid");
    }
    still_alive(site).await;
}

#[tokio::test]
async fn monitoring_takes_get_only() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for path in ["/health/live", "/health/ready", "/metrics"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FETCH"] {
            let reply = exchange(&mut stream, &request(method, path, &[], b"{}")).await;
            check_useful(&reply, &format!("{method} {path}"));
            assert_eq!((reply.code().as_str(), reply.headers["allow"].as_str()), ("method_not_allowed", "GET, HEAD"));
        }
        assert_eq!(exchange(&mut stream, &request("GET", path, &[], b"")).await.status, 200);
    }
    still_alive(site).await;
}

/// What HTTP itself refuses is refused before there is a request to answer: with a status of the 400s or not at all.
#[tokio::test]
async fn heads_that_no_request_has() {
    let site = Site::new().await;
    let status = b"POST /api/v1/status HTTP/1.1\r\nhost: x\r\n";
    let many: Vec<u8> = (0..70).flat_map(|number| format!("x-{number}: 1\r\n").into_bytes()).collect();
    let cases: Vec<Vec<u8>> = vec![
        [status.as_slice(), &many, b"\r\n"].concat(),
        [status.as_slice(), b"x: a\0b\r\n\r\n"].concat(),
        [status.as_slice(), b"x: a\x1fb\r\n\r\n"].concat(),
        [status.as_slice(), b"x\xff: a\r\n\r\n"].concat(),
        [status.as_slice(), b"transfer-encoding: gzip\r\n\r\n"].concat(),
        [status.as_slice(), b"content-length: 99999999999999999999999\r\n\r\n"].concat(),
        [status.as_slice(), b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n"].concat(),
        [status.as_slice(), b"transfer-encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n"].concat(),
        [b"POST /".as_slice(), &[b'a'; 70_000], b" HTTP/1.1\r\nhost: x\r\n\r\n"].concat(),
        [b"POST /api/v1/status\0 HTTP/1.1\r\nhost: x\r\n\r\n".as_slice()].concat(),
        noise(7).take(20_000).collect(),
    ];
    for case in &cases {
        let shown = case.get(..100).unwrap_or(case).escape_ascii().to_string();
        for received in [sent(socket(&site.folders.data()).await, case).await, sent(tls(&site).await, case).await] {
            let is_refused = received.is_empty() || received.starts_with(b"HTTP/1.1 4");
            assert!(is_refused, "{shown}: {}", received.escape_ascii());
        }
    }
    still_alive(site).await;
}

/// Sends the bytes and no more; what comes back until the server closes.
async fn sent<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> Vec<u8> {
    // The server may refuse and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    received
}

/// A refusal that leaves a body on the connection would take it, or the next request, along.
#[tokio::test]
async fn a_refused_request_leaves_the_connection_usable_or_says_that_it_ends() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for (method, path) in
        [("DELETE", "/api/v1/protector/replace"), ("POST", "/api/v1/nothing"), ("PUT", "/health/live")]
    {
        // The body comes only after the head has been answered for, if the server does not wait for it.
        stream
            .write_all(format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n").as_bytes())
            .await
            .unwrap();
        tokio::task::yield_now().await;
        let refused = exchange(&mut stream, b"{\"a\":\"b\"}").await;
        assert!(matches!(refused.status, 404 | 405), "{method} {path}");
        assert!(!refused.headers.contains_key("connection"));
    }
    assert_eq!(exchange(&mut stream, &request("GET", "/health/live", &[], b"")).await.status, 200);

    // One that announces more than is taken, or waits to be asked for it, is told that the connection ends.
    for header in ["content-length: 1000000", "content-length: 9\r\nexpect: 100-continue"] {
        let mut stream = socket(&site.folders.data()).await;
        let head = format!("POST /api/v1/nothing HTTP/1.1\r\nhost: x\r\n{header}\r\n\r\n");
        let refused = exchange(&mut stream, head.as_bytes()).await;
        assert_eq!((refused.status, refused.headers["connection"].as_str()), (404, "close"), "{header}");
    }
    site.stop().await;
}
