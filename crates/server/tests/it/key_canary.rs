//! What passes through keys stays nowhere: no value, message, data key or text of a context in the trail, in the files of the
//! instance, in errors, or in the metrics. The names of a context are in the trail: they are how it is found again.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_api::key::Purpose;

use crate::key::{ask, create};
use crate::raw::{exchange, request, socket};
use crate::site::Site;

const VALUE: &str = "CanaryValue0815";
const CONTEXT: &str = "CanaryContext0815";
const MESSAGE: &str = "CanaryMessage0815";

/// A text as it is, in base64 wherever it begins in the bytes, and in hex.
pub fn spellings(text: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut spellings = vec![text.to_vec(), hex.into_bytes()];
    for before in 0..3 {
        let encoded = STANDARD.encode([&[0; 2][..before.min(2)], text].concat());
        // Without what depends on the bytes before and after it.
        spellings.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    spellings
}

pub fn assert_absent(bytes: &[u8], canaries: &[Vec<u8>], place: &str) {
    for canary in canaries {
        let found = bytes.windows(canary.len()).any(|window| window == canary);
        assert!(!found, "{place} holds {}", canary.escape_ascii());
    }
}

pub fn assert_absent_below(folder: &Path, canaries: &[Vec<u8>]) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_absent_below(&path, canaries);
        } else if path.is_file() {
            assert_absent(&fs::read(&path).unwrap(), canaries, &path.display().to_string());
            files += 1;
        }
    }
    files
}

#[tokio::test]
async fn nothing_that_passed_through_is_anywhere() {
    let site = Site::new().await;
    let client = site.local().await;
    create(&client, "k", Purpose::Values).await;
    create(&client, "m", Purpose::Mac).await;
    let mut stream = socket(&site.folders.data()).await;
    let (value, message) = (STANDARD.encode(VALUE), STANDARD.encode(MESSAGE));
    let context = json!({"tenant": CONTEXT, "order": CONTEXT});
    let mut canaries: Vec<Vec<u8>> =
        [VALUE, CONTEXT, MESSAGE].iter().flat_map(|canary| spellings(canary.as_bytes())).collect();
    let mut requests = Vec::new();
    let mut said = Vec::new();
    let sealing = json!({"name": "k", "value_base64": value, "context": context});
    let sealed = ask(&mut stream, "key.encrypt", &sealing).await;
    let ciphertext = sealed.json()["ciphertext"].clone();
    requests.push(sealed.request_id().to_owned());
    said.push(sealed.body);
    let item = json!({"value_base64": value, "context": context});
    let opening = json!({"ciphertext": ciphertext, "context": context});
    let datakey = ask(&mut stream, "key.datakey", &json!({"name": "k", "context": context})).await.json();
    canaries.extend(spellings(&STANDARD.decode(datakey["value_base64"].as_str().unwrap()).unwrap()));
    let cases: Vec<(&str, Value)> = vec![
        ("key.encrypt", json!({"name": "k", "items": [item, item]})),
        ("key.rewrap", json!({"name": "k", "ciphertext": ciphertext, "context": context})),
        ("key.rewrap", json!({"name": "k", "items": [opening, opening]})),
        ("key.decrypt", json!({"name": "k", "ciphertext": ciphertext, "context": {"tenant": CONTEXT}})),
        ("key.decrypt", json!({"name": "m", "ciphertext": ciphertext, "context": context})),
        ("key.decrypt", json!({"name": "nothing", "ciphertext": ciphertext, "context": context})),
        ("key.decrypt", json!({"name": "k", "ciphertext": format!("sr1.{VALUE}"), "context": context})),
        ("key.encrypt", json!({"name": "k", "value_base64": value, "context": {"tenant": CONTEXT.repeat(20)}})),
        ("key.encrypt", json!({"name": "k", "value_base64": VALUE.repeat(3), "context": [CONTEXT]})),
        ("key.encrypt", json!({"name": "k", "value_base64": value, "context": {"tenant": [CONTEXT]}})),
        ("key.mac", json!({"name": "m", "messages_base64": [message, message]})),
        ("key.mac", json!({"name": "k", "messages_base64": [message]})),
        ("key.verify", json!({"name": "m", "items": [{"message_base64": message, "version": 1, "mac_base64": value}]})),
        (
            "key.verify",
            json!({"name": "m", "items": [{"message_base64": message, "version": MESSAGE, "mac_base64": value}]}),
        ),
    ];
    for (word, body) in cases {
        let reply = ask(&mut stream, word, &body).await;
        requests.push(reply.request_id().to_owned());
        said.push(reply.body);
    }
    let opened =
        ask(&mut stream, "key.decrypt", &json!({"name": "k", "ciphertext": ciphertext, "context": context})).await;
    assert_eq!(opened.json()["value_base64"], value);
    requests.push(opened.request_id().to_owned());
    said.push(exchange(&mut stream, &request("GET", "/metrics", &[], b"")).await.body);
    for said in &said {
        assert_absent(said, &canaries, "a reply");
    }

    let mut with_context = 0;
    for id in &requests {
        let lines = site.trail(id).await;
        assert_eq!(lines.len(), 1, "one line for each request: {lines:?}");
        assert_absent(lines[0].to_string().as_bytes(), &canaries, "the trail");
        with_context += usize::from(lines[0]["context"] == json!(["order", "tenant"]));
    }
    assert!(with_context >= 6, "the names of contexts are in the trail: {with_context}");
    let folders = site.stop().await;
    assert!(assert_absent_below(&folders.data(), &canaries) >= 3);
    assert!(assert_absent_below(&folders.path("anchor"), &canaries) >= 1);
}
