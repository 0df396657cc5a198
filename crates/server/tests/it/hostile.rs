//! Garbage of every kind to every route: refused with something useful, and the server goes on.

use serde_json::{Value, json};
use strongroom_api::{Code, OPERATIONS};
use strongroom_secret::SecretBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::raw::{Reply, exchange, post, request, socket, tls};
use crate::site::Site;

/// A reply that helps: one of our errors, complete, with a status that is its own.
pub fn check_useful(reply: &Reply, context: &str) {
    assert!((400..500).contains(&reply.status), "{context}: {} {}", reply.status, reply.body.escape_ascii());
    let error = &reply.json()["error"];
    let code = Code::from_word(error["code"].as_str().unwrap()).unwrap();
    assert_eq!(code.status(), reply.status, "{context}");
    for field in ["message", "fix", "request_id"] {
        assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{context}: {error}");
    }
    assert_eq!(error["request_id"], reply.request_id(), "{context}");
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["cache-control"], "no-store");
}

pub async fn still_alive(site: Site) {
    let client = site.local().await;
    client.secret_put("alive", SecretBytes::from_slice(b"x")).await.unwrap();
    assert_eq!(client.secret_get("alive").await.unwrap().value.expose(), b"x");
    site.stop().await;
}

#[tokio::test]
async fn bodies_that_are_no_request() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let deep = |open: &str| open.repeat(200_000).into_bytes();
    let bodies: Vec<Vec<u8>> = vec![
        b"{".to_vec(),
        b"null".to_vec(),
        b"true".to_vec(),
        b"\"text\"".to_vec(),
        b"[]x".to_vec(),
        b"{}{}".to_vec(),
        b"1e999".to_vec(),
        b"{\"name\":\"\xff\xfe\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"{\"surplus\":1}".to_vec(),
        b"{\"name\":\"a\",\"name\":\"b\",\"surplus\":1}".to_vec(),
        b"{\"__proto__\":{}}".to_vec(),
        b"name=ftp%2Facme".to_vec(),
        b"<?xml version=\"1.0\"?><x/>".to_vec(),
        deep("["),
        deep("{\"a\":"),
        deep("{\"name\":["),
    ];
    for operation in OPERATIONS {
        for body in &bodies {
            let reply = exchange(&mut stream, &post(&operation.path(), &[], body)).await;
            let shown = body.get(..40).unwrap_or(body).escape_ascii();
            check_useful(&reply, &format!("{} {shown}", operation.word));
            assert_eq!(reply.code(), "malformed", "{} {shown}", operation.word);
        }
    }
    still_alive(site).await;
}

#[tokio::test]
async fn every_field_with_a_wrong_type() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for operation in OPERATIONS {
        let example = (operation.request_example)();
        for field in example.as_object().unwrap().keys() {
            for wrong in [json!({}), json!({ "a": 1 }), json!([[]]), json!(1.5), json!(-1)] {
                let mut changed = example.clone();
                changed[field] = wrong;
                let reply = exchange(&mut stream, &post(&operation.path(), &[], changed.to_string().as_bytes())).await;
                check_useful(&reply, &format!("{} {changed}", operation.word));
            }
        }
    }
    still_alive(site).await;
}

#[tokio::test]
async fn a_refusal_is_in_the_trail() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let cases = [
        ("/api/v1/secret/get", "{", "secret.get", "malformed"),
        ("/api/v1/secret/get", r#"{"name":"a//b"}"#, "secret.get", "invalid"),
        ("/api/v1/secret/none", "{}", "unknown", "unknown_operation"),
    ];
    for (path, body, operation, outcome) in cases {
        let reply = exchange(&mut stream, &post(path, &[], body.as_bytes())).await;
        let [line] = site.trail(reply.request_id()).await.try_into().unwrap();
        assert_eq!((&line["operation"], &line["outcome"]), (&operation.into(), &outcome.into()), "{line}");
    }
    site.stop().await;
}

#[tokio::test]
async fn names_that_are_none() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let long = "x".repeat(129);
    let many = ["a"; 17].join("/");
    let names = [
        "",
        "/",
        ".",
        "..",
        "../x",
        "a/../b",
        "a//b",
        "/a",
        "a/",
        "a b",
        "a%2fb",
        "a\\b",
        "a\u{0}b",
        "a\nb",
        "ä",
        "a\u{202e}b",
        "-a",
        ".a",
        &long,
        &many,
    ];
    for operation in OPERATIONS.iter().filter(|operation| operation.word.starts_with("secret.")) {
        let example = (operation.request_example)();
        for field in ["name", "new_name"].into_iter().filter(|field| example.get(field).is_some()) {
            for name in names {
                let mut changed = example.clone();
                changed[field] = Value::from(name);
                let reply = exchange(&mut stream, &post(&operation.path(), &[], changed.to_string().as_bytes())).await;
                check_useful(&reply, &format!("{} {name:?}", operation.word));
                assert_eq!(reply.code(), "invalid", "{} {name:?}", operation.word);
            }
        }
    }
    still_alive(site).await;
}

#[tokio::test]
async fn methods_and_paths() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for operation in OPERATIONS {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FETCH"] {
            let reply = exchange(&mut stream, &request(method, &operation.path(), &[], b"{}")).await;
            check_useful(&reply, &format!("{method} {}", operation.word));
            assert_eq!((reply.status, reply.headers["allow"].as_str()), (405, "POST"));
        }
    }
    for path in [
        "/api/v1/secret/get/",
        "/api/v1/secret/get/x",
        "/api/v1/secret.get",
        "/api/v1/secret%2fget",
        "/api/v1/Secret/Get",
        "/API/v1/secret/get",
        "//api/v1/secret/get",
        "/api/v1/x/../secret/get",
        "/api/v1/",
        "/api/v2/secret/get",
        "/api",
        "/",
        "/x?path=/api/v1/secret/get",
        "/%00",
        "/health",
    ] {
        let reply = exchange(&mut stream, &post(path, &[], br#"{"name":"a"}"#)).await;
        check_useful(&reply, path);
        assert_eq!(reply.code(), "unknown_operation", "{path}");
    }
    still_alive(site).await;
}

#[tokio::test]
async fn encodings_and_queries() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let reply = exchange(&mut stream, &post("/api/v1/status", &[("content-encoding", "gzip")], b"\x1f\x8b")).await;
    check_useful(&reply, "gzip");
    assert_eq!(reply.status, 415);
    // A query has no meaning: names stand in bodies.
    let reply = exchange(&mut stream, &post("/api/v1/secret/get?name=alive", &[], b"{}")).await;
    assert_eq!(reply.code(), "malformed");
    still_alive(site).await;
}

#[tokio::test]
async fn what_is_no_http() {
    let site = Site::new().await;
    let cases: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nhost : x\r\n\r\n".to_vec(),
        b"POST /api/v1/status HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /api/v1/status HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        b"POST /api/v1/status HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(),
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0xff; 64]].concat(),
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        (0..=255).cycle().take(5000).collect(),
    ];
    for case in cases {
        for received in [over_socket(&site, &case).await, over_tls(&site, &case).await] {
            let is_success = received.starts_with(b"HTTP/1.1 2");
            assert!(!is_success, "{}: {}", case.escape_ascii(), received.escape_ascii());
        }
    }
    still_alive(site).await;
}

/// RFC 9112, section 6.3: with both a length and chunks, the chunks count and the connection is closed after the reply, so
/// that what follows is not taken for a request.
#[tokio::test]
async fn a_request_behind_a_request_is_not_one() {
    let site = Site::new().await;
    let ambiguous =
        b"POST /api/v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n";
    let hidden = b"0\r\n\r\nPOST /api/v1/lock HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let received = over_socket(&site, &[ambiguous.as_slice(), hidden].concat()).await;
    let received = String::from_utf8(received).unwrap();
    assert_eq!(received.matches("HTTP/1.1 ").count(), 1, "{received}");
    assert!(received.contains("connection: close"), "{received}");
    assert!(site.keeper.status().locked.is_none());
    still_alive(site).await;
}

async fn over_socket(site: &Site, bytes: &[u8]) -> Vec<u8> {
    let mut stream: UnixStream = socket(&site.folders.data()).await;
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    received
}

async fn over_tls(site: &Site, bytes: &[u8]) -> Vec<u8> {
    let mut stream = tls(site).await;
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    received
}

/// Requests with a few bytes changed, from a fixed seed: never a failure of the server.
#[tokio::test]
async fn requests_with_flipped_bytes() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let mut seed: u64 = 0x5ec2_e7b0_0000_0001;
    let mut next = |below: usize| {
        // Numerical Recipes' 64-bit generator.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let harmless = |word: &str| {
        !matches!(word, "lock" | "unlock" | "store.scrub" | "store.verify") && !word.starts_with("protector")
    };
    let operations: Vec<_> = OPERATIONS.iter().filter(|operation| harmless(operation.word)).collect();
    for _ in 0..1000 {
        let operation = operations[next(operations.len())];
        let mut body = (operation.request_example)().to_string().into_bytes();
        for _ in 0..=next(3) {
            let place = next(body.len());
            body[place] = u8::try_from(next(256)).unwrap();
        }
        let reply = exchange(&mut stream, &post(&operation.path(), &[], &body)).await;
        assert!(reply.status < 500, "{} {}: {}", operation.word, body.escape_ascii(), reply.json());
    }
    still_alive(site).await;
}
