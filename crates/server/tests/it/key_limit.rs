//! Usage limits over HTTP: what does not fit is refused with one code, item by item and in order; the limit is set, shown and taken
//! away; monitors learn of it without names.

use serde_json::{Value, json};
use strongroom_api::Code;
use strongroom_api::token::Role;

use crate::key::ask;
use crate::raw::{exchange, request, socket, tls};
use crate::site::Site;

/// The codes of a batch's items; null for one that was done.
fn codes(reply: &Value) -> Vec<Value> {
    reply["items"].as_array().unwrap().iter().map(|item| item["error"]["code"].clone()).collect()
}

#[tokio::test]
async fn items_that_do_not_fit_fail_alone() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    let made = ask(&mut stream, "key.create", &json!({"name": "k", "purpose": "values", "usage_limit": 4})).await;
    assert_eq!((made.status, made.json()["usage_limit"].as_u64()), (200, Some(4)));
    let item = |text: &str| json!({"value_base64": text});
    let items = json!({"name": "k", "items": [item("YQ=="), item("Yg==")]});
    let first = ask(&mut stream, "key.encrypt", &items).await.json();
    assert_eq!(codes(&first), [Value::Null, Value::Null]);
    let items = json!({"name": "k", "items": [item("Yw=="), item("ZA=="), item("ZQ=="), item("Zg==")]});
    let second = ask(&mut stream, "key.encrypt", &items).await;
    assert_eq!(second.status, 200);
    let second = second.json();
    assert_eq!(codes(&second), [json!(null), json!(null), json!("usage_limit_reached"), json!("usage_limit_reached")]);
    let ciphertexts = json!([second["items"][0], second["items"][1], first["items"][0]]);
    let opened = ask(&mut stream, "key.decrypt", &json!({"name": "k", "items": ciphertexts})).await.json();
    let values: Vec<&Value> = opened["items"].as_array().unwrap().iter().map(|item| &item["value_base64"]).collect();
    assert_eq!(values, ["Yw==", "ZA==", "YQ=="], "opening is no use, and the order is kept");
    let refused = ask(&mut stream, "key.encrypt", &json!({"name": "k", "value_base64": "YQ=="})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "usage_limit_reached"));
    let error = &refused.json()["error"];
    assert_eq!(error["message"], "version 1 of the key `k` has been used as often as its usage limit of 4 allows");
    assert!(error["fix"].as_str().unwrap().contains("key rotate"), "{error}");
    let refused = ask(&mut stream, "key.datakey", &json!({"name": "k"})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "usage_limit_reached"));
    let lines = site.trail(refused.request_id()).await;
    assert_eq!(lines[0]["outcome"], "usage_limit_reached");
    ask(&mut stream, "key.rotate", &json!({"name": "k"})).await;
    let anew = ask(&mut stream, "key.rewrap", &json!({"name": "k", "items": ciphertexts})).await.json();
    assert_eq!((codes(&anew), anew["version"].as_u64()), (vec![Value::Null; 3], Some(2)));
    let shown = ask(&mut stream, "key.show", &json!({"name": "k"})).await.json();
    let uses: Vec<_> = shown["versions"].as_array().unwrap().iter().map(|version| version["uses"].as_u64()).collect();
    assert_eq!(uses, [Some(4), Some(3)]);
    site.stop().await;
}

#[tokio::test]
async fn macs_and_signatures_that_do_not_fit_are_null() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for (purpose, word, field) in [("mac", "key.mac", "macs_base64"), ("sign", "key.sign", "signatures_base64")] {
        ask(&mut stream, "key.create", &json!({"name": purpose, "purpose": purpose, "usage_limit": 2})).await;
        let body = json!({"name": purpose, "messages_base64": ["YQ==", "Yg==", "Yw=="]});
        let made = ask(&mut stream, word, &body).await.json();
        let there: Vec<bool> = made[field].as_array().unwrap().iter().map(Value::is_string).collect();
        assert_eq!((there, &made[field][2]), (vec![true, true, false], &Value::Null));
        assert_eq!(made["error"]["code"], "usage_limit_reached");
        let none = ask(&mut stream, word, &body).await;
        assert_eq!((none.status, none.code().as_str()), (409, "usage_limit_reached"), "of which nothing can be made");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_limit_is_never_taken_away_by_leaving_it_out() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    ask(&mut stream, "key.create", &json!({"name": "k", "purpose": "values"})).await;
    for (body, expected) in [
        (json!({"name": "k", "limit": 5}), Ok(Some(5))),
        (json!({"name": "k"}), Err("malformed")),
        (json!({"name": "k", "limit": "5"}), Err("malformed")),
        (json!({"name": "k", "limit": -1}), Err("malformed")),
        (json!({"name": "k", "limit": 0}), Err("invalid")),
        (json!({"name": "k", "limit": 1_000_000_000_000_001_u64}), Err("invalid")),
        (json!({"name": "secrets", "limit": 5}), Err("wrong_purpose")),
        (json!({"name": "nothing", "limit": 5}), Err("not_found")),
        (json!({"name": "k", "limit": 1_000_000_000_000_000_u64}), Ok(Some(1_000_000_000_000_000))),
        (json!({"name": "k", "limit": null}), Ok(None)),
    ] {
        let reply = ask(&mut stream, "key.limit", &body).await;
        match expected {
            Ok(limit) => assert_eq!((reply.status, reply.json()["usage_limit"].as_u64()), (200, limit), "{body}"),
            Err(code) => assert_eq!(reply.code(), code, "{body}"),
        }
    }
    // Who uses keys does not set their limits.
    let client = site.remote(&site.token(Role::Data).await).await.unwrap();
    let request = strongroom_api::key::LimitRequest { name: "k".into(), limit: None };
    assert_eq!(client.call(&request).await.unwrap_err().code(), Some(Code::Denied));
    site.stop().await;
}

#[tokio::test]
async fn monitors_learn_how_many_keys_are_near_their_limit() {
    let site = Site::new().await;
    let mut local = socket(&site.folders.data()).await;
    let mut stream = tls(&site).await;
    let metrics = async |stream: &mut _| {
        let reply = exchange(stream, &request("GET", "/metrics", &[], b"")).await;
        String::from_utf8(reply.body).unwrap()
    };
    for (name, limit) in [("quiet-one", 10), ("loud-one", 10)] {
        ask(&mut local, "key.create", &json!({"name": name, "purpose": "mac", "usage_limit": limit})).await;
    }
    let text = metrics(&mut stream).await;
    assert!(text.contains("\nstrongroom_keys_near_usage_limit 0\n") && !text.contains("usage_limit_near"), "{text}");
    ask(&mut local, "key.mac", &json!({"name": "loud-one", "messages_base64": vec!["YQ=="; 9]})).await;
    let text = metrics(&mut stream).await;
    assert!(text.contains("\nstrongroom_keys_near_usage_limit 1\n"), "{text}");
    assert!(text.contains("\nstrongroom_alarm{code=\"usage_limit_near\"} 1\n"), "{text}");
    assert!(!text.contains("loud-one"), "{text}");
    let doctor = ask(&mut local, "doctor", &json!({})).await.json().to_string();
    assert!(doctor.contains("loud-one (9 of 10)") && !doctor.contains("quiet-one"), "{doctor}");
    site.stop().await;
}
