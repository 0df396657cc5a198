//! Many values in one request: the order of the request is kept, one bad item does not fail the others, there is one line, and there
//! are limits.

use serde_json::{Value, json};
use strongroom_api::key::Purpose;

use crate::key::{ask, create, encrypt, tenant};
use crate::raw::socket;
use crate::site::Site;

/// The code of each item, or its value.
fn outcomes(items: &Value, field: &str) -> Vec<String> {
    let outcome = |item: &Value| match item["error"]["code"].as_str() {
        Some(code) => {
            assert!(item[field].is_null() && !item["error"]["message"].as_str().unwrap().is_empty(), "{item}");
            code.to_owned()
        }
        None => item[field].as_str().unwrap_or_else(|| panic!("{item}")).to_owned(),
    };
    items.as_array().unwrap().iter().map(outcome).collect()
}

/// A value with a bit inverted, in a place of the text that belongs to `byte`.
fn flipped(sealed: &str, byte: usize) -> String {
    let mut bytes = strongroom_envelope::value::from_text(sealed).unwrap();
    bytes[byte] ^= 1;
    strongroom_envelope::value::to_text(&bytes)
}

#[tokio::test]
async fn bad_items_do_not_fail_the_others() {
    let site = Site::new().await;
    let client = site.local().await;
    create(&client, "k", Purpose::Values).await;
    create(&client, "other", Purpose::Values).await;
    let mut stream = socket(&site.folders.data()).await;
    let (one, two) =
        (encrypt(&client, "k", b"one", tenant("1")).await, encrypt(&client, "k", b"two", tenant("2")).await);
    let foreign = encrypt(&client, "other", b"x", tenant("1")).await;
    let no_text = "x".repeat(257);
    let items = [
        (one.clone(), json!({"tenant": "1"}), "b25l"),
        (one.clone(), json!({"tenant": "2"}), "does_not_open"),
        (one.clone(), json!({}), "does_not_open"),
        ("nonsense".to_owned(), json!({"tenant": "1"}), "does_not_open"),
        (one[..one.len() - 4].to_owned(), json!({"tenant": "1"}), "does_not_open"),
        (foreign, json!({"tenant": "1"}), "does_not_open"),
        (flipped(&one, 0), json!({"tenant": "1"}), "does_not_open"),
        (flipped(&one, 20), json!({"tenant": "1"}), "does_not_open"),
        (flipped(&one, 60), json!({"tenant": "1"}), "does_not_open"),
        (two, json!({"tenant": "2"}), "dHdv"),
        (one.clone(), json!({"tenant": no_text}), "invalid"),
        (one, json!({"tenant": "1"}), "b25l"),
    ];
    let asked: Vec<Value> =
        items.iter().map(|(sealed, context, _)| json!({"ciphertext": sealed, "context": context})).collect();
    let expected: Vec<&str> = items.iter().map(|(_, _, outcome)| *outcome).collect();
    let body = json!({"name": "k", "items": asked});
    let opened = ask(&mut stream, "key.decrypt", &body).await;
    assert_eq!(opened.status, 200, "{}", opened.json());
    assert_eq!(outcomes(&opened.json()["items"], "value_base64"), expected);
    let line = site.trail(opened.request_id()).await;
    assert_eq!((line.len(), &line[0]["count"], &line[0]["outcome"]), (1, &json!(12), &json!("ok")));

    let rewrapped = ask(&mut stream, "key.rewrap", &body).await.json();
    let outcomes = outcomes(&rewrapped["items"], "ciphertext");
    for (outcome, expected) in outcomes.iter().zip(expected) {
        assert!(
            outcome == expected || (outcome.starts_with("sr1.") && expected.ends_with(['l', 'v'])),
            "{outcome} {expected}"
        );
    }
    site.stop().await;
}

#[tokio::test]
async fn a_value_that_cannot_be_sealed_does_not_fail_the_others() {
    let site = Site::new().await;
    create(&site.local().await, "k", Purpose::Values).await;
    let mut stream = socket(&site.folders.data()).await;
    let many: serde_json::Map<String, Value> = (0..17).map(|number| (number.to_string(), json!("x"))).collect();
    let items = [
        json!({"value_base64": "b25l", "context": {"tenant": "1"}}),
        json!({"value_base64": "b25l", "context": {"": "1"}}),
        json!({"value_base64": "b25l", "context": many}),
        json!({"value_base64": "A".repeat((1 << 20) / 3 * 4 + 8)}),
        json!({"value_base64": "", "context": {"tenant": "1"}}),
    ];
    let sealed = ask(&mut stream, "key.encrypt", &json!({"name": "k", "items": items})).await;
    assert_eq!(sealed.status, 200, "{}", sealed.json());
    let sealed = outcomes(&sealed.json()["items"], "ciphertext");
    assert_eq!(sealed[1..4], ["invalid", "invalid", "too_large"]);
    let asked = json!([
        {"ciphertext": sealed[0], "context": {"tenant": "1"}},
        {"ciphertext": sealed[4], "context": {"tenant": "1"}},
    ]);
    let opened = ask(&mut stream, "key.decrypt", &json!({"name": "k", "items": asked})).await.json();
    assert_eq!(outcomes(&opened["items"], "value_base64"), ["b25l", ""]);
    site.stop().await;
}

/// A thousand items keep their order; more, and none, are refused as a whole.
#[tokio::test]
async fn a_thousand_items_and_no_more() {
    let site = Site::new().await;
    let client = site.local().await;
    create(&client, "k", Purpose::Values).await;
    create(&client, "m", Purpose::Mac).await;
    let mut stream = socket(&site.folders.data()).await;
    let text = |number: usize| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(number.to_string())
    };
    let values = |count: usize| (0..count).map(|number| json!({"value_base64": text(number)})).collect::<Vec<_>>();
    let sealed = ask(&mut stream, "key.encrypt", &json!({"name": "k", "items": values(1000)})).await;
    assert_eq!(site.trail(sealed.request_id()).await[0]["count"], 1000);
    let sealed = outcomes(&sealed.json()["items"], "ciphertext");
    let ciphertexts = |count: usize| (0..count).map(|at| json!({"ciphertext": sealed[at % 1000]})).collect::<Vec<_>>();
    let opened = ask(&mut stream, "key.decrypt", &json!({"name": "k", "items": ciphertexts(1000)})).await.json();
    assert_eq!(outcomes(&opened["items"], "value_base64"), (0..1000).map(text).collect::<Vec<_>>());
    let messages = |count: usize| (0..count).map(text).collect::<Vec<_>>();
    let macs = ask(&mut stream, "key.mac", &json!({"name": "m", "messages_base64": messages(1000)})).await.json();
    assert_eq!(macs["macs_base64"].as_array().unwrap().len(), 1000);

    for count in [0, 1001] {
        let refused = [
            ("key.encrypt", json!({"name": "k", "items": values(count)})),
            ("key.decrypt", json!({"name": "k", "items": ciphertexts(count)})),
            ("key.rewrap", json!({"name": "k", "items": ciphertexts(count)})),
            ("key.mac", json!({"name": "m", "messages_base64": messages(count)})),
            (
                "key.verify",
                json!({"name": "m", "items": (0..count).map(|_| json!(
                {"message_base64": "", "version": 1, "mac_base64": ""})).collect::<Vec<_>>()}),
            ),
        ];
        for (word, body) in refused {
            let reply = ask(&mut stream, word, &body).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "invalid"), "{word} {count}: {}", reply.json());
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn a_mebibyte_and_no_more() {
    let site = Site::new().await;
    create(&site.local().await, "k", Purpose::Values).await;
    let mut stream = socket(&site.folders.data()).await;
    let value = |length: usize| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(vec![7; length])
    };
    let sealed = ask(&mut stream, "key.encrypt", &json!({"name": "k", "value_base64": value(1 << 20)})).await.json();
    let opened =
        ask(&mut stream, "key.decrypt", &json!({"name": "k", "ciphertext": sealed["ciphertext"]})).await.json();
    assert_eq!(opened["value_base64"], value(1 << 20));
    let reply = ask(&mut stream, "key.encrypt", &json!({"name": "k", "value_base64": value((1 << 20) + 1)})).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    let mut stream = socket(&site.folders.data()).await;
    let reply = ask(&mut stream, "key.encrypt", &json!({"name": "k", "value_base64": value(1 << 21)})).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    site.stop().await;
}
