//! A value that lands in a wrong place is not repeated: not in replies, not in the trail, not in the metrics.

use strongroom_api::OPERATIONS;
use strongroom_api::audit::SearchRequest;
use strongroom_secret::SecretBytes;

use crate::raw::{exchange, post, request, socket, tls};
use crate::site::Site;

const CANARY: &str = "CanaryValue4711";
/// The same in base64 and in hex.
const SPELLINGS: [&str; 3] = [CANARY, "Q2FuYXJ5VmFsdWU0NzEx", "43616e61727956616c756534373131"];

fn check_absent(text: &[u8], context: &str) {
    let text = String::from_utf8_lossy(text);
    for spelling in SPELLINGS {
        assert!(!text.contains(spelling), "{context}: {text}");
    }
}

#[tokio::test]
async fn in_every_wrong_place() {
    let site = Site::new().await;
    site.local().await.secret_put("a", SecretBytes::from_slice(CANARY.as_bytes())).await.unwrap();
    let mut stream = socket(&site.folders.data()).await;
    for operation in OPERATIONS.iter().filter(|operation| operation.word != "lock") {
        for body in misplaced(&(operation.request_example)()) {
            let reply = exchange(&mut stream, &post(&operation.path(), &[], body.as_bytes())).await;
            // Names and descriptions are shown; only what is no such thing must not be.
            if reply.status >= 400 && reply.code() != "not_found" && reply.code() != "protector_not_found" {
                check_absent(&reply.body, &format!("{} {body}", operation.word));
            }
        }
    }
    let authorization = format!("Bearer {CANARY}");
    for headers in [
        vec![("authorization", authorization.as_str())],
        vec![("authorization", CANARY)],
        vec![("idempotency-key", "CanaryValue4711 CanaryValue4711")],
        vec![("content-encoding", CANARY)],
        vec![("x-canary", CANARY)],
    ] {
        let reply = exchange(&mut stream, &post("/api/v1/secret/put", &headers, b"{}")).await;
        check_absent(&reply.body, &format!("{headers:?}"));
    }
    for path in ["/api/v1/CanaryValue4711", "/CanaryValue4711", "/api/v1/secret/put?value=CanaryValue4711"] {
        check_absent(&exchange(&mut stream, &post(path, &[], b"{}")).await.body, path);
    }
    let reply = exchange(&mut tls(&site).await, &post("/api/v1/status", &[("authorization", CANARY)], b"{}")).await;
    check_absent(&reply.body, "over TLS");

    let metrics = exchange(&mut stream, &request("GET", "/metrics", &[], b"")).await;
    check_absent(&metrics.body, "metrics");
    let trail = site.local().await.call(&SearchRequest { limit: Some(1000), ..Default::default() }).await.unwrap();
    for line in &trail.lines {
        // What was asked for by a well-formed name is named in the trail; a value never is a name.
        if !line.contains("not_found") && !line.contains("\"target\":\"CanaryValue4711\"") {
            check_absent(line.as_bytes(), "trail");
        }
    }
    site.stop().await;
}

/// The example with the canary as a field, as a wrong type in each field, and as what is no name.
fn misplaced(example: &serde_json::Value) -> Vec<String> {
    let mut bodies = vec![
        CANARY.to_owned(),
        format!("\"{CANARY}\""),
        format!("[\"{CANARY}\"]"),
        format!("{{\"{CANARY}\":1}}"),
        format!("{{\"{CANARY}, expected {CANARY}\":1}}"),
    ];
    for field in example.as_object().unwrap().keys() {
        for wrong in [
            serde_json::json!([CANARY]),
            serde_json::json!({ CANARY: CANARY }),
            serde_json::json!(format!("{CANARY}, expected {CANARY}")),
            serde_json::json!(format!("/{CANARY}/")),
        ] {
            let mut changed = example.clone();
            changed[field] = wrong;
            bodies.push(changed.to_string());
        }
    }
    bodies
}
