//! Keys over the wire: every operation, by name and by id, on the socket and over TLS; states, retries, and who may open what is
//! compromised.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_api::key::{
    Context, CreateRequest, DatakeyRequest, DecryptRequest, DestroyRequest, EncryptRequest, Key, ListRequest,
    MacRequest, Purpose, RandomRequest, RewrapRequest, RotateRequest, ShowRequest, StateRequest, Step,
    UndestroyRequest,
};
use strongroom_api::token::Role;
use strongroom_api::{Code, WireSecret};
use strongroom_client::{Client, IdempotencyKey};
use strongroom_envelope::value;
use strongroom_secret::SecretBytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::raw::{Reply, exchange, post, socket};
use crate::site::Site;

/// A context of one pair.
pub fn tenant(text: &str) -> Context {
    BTreeMap::from([("tenant".to_owned(), text.to_owned())])
}

fn wire(value: &[u8]) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(value))
}

pub async fn create(client: &Client, name: &str, purpose: Purpose) -> Key {
    let request = CreateRequest {
        name: name.to_owned(),
        purpose,
        algorithm: None,
        rotation_period_seconds: None,
        usage_limit: None,
    };
    client.call(&request).await.unwrap()
}

pub async fn encrypt(client: &Client, name: &str, plaintext: &[u8], context: Context) -> String {
    let request = EncryptRequest { name: name.to_owned(), value_base64: Some(wire(plaintext)), context, items: None };
    client.call(&request).await.unwrap().ciphertext.unwrap()
}

fn decryption(name: &str, ciphertext: &str, context: Context) -> DecryptRequest {
    let ciphertext = Some(ciphertext.to_owned());
    DecryptRequest { name: name.to_owned(), ciphertext, context, items: None, compromised: false }
}

/// Version and plaintext, or the error's code.
pub async fn decrypt(client: &Client, request: DecryptRequest) -> Result<(u32, Vec<u8>), Code> {
    let reply = client.call(&request).await.map_err(|error| error.code().unwrap())?;
    Ok((reply.version.unwrap(), reply.value_base64.unwrap().into_secret().expose().to_vec()))
}

fn rotation(name: &str) -> RotateRequest {
    RotateRequest { name: name.to_owned(), no_reencrypt: false, expected_version: None, rate: None }
}

async fn step(client: &Client, name: &str, version: u32, step: Step) -> Result<Key, Code> {
    let request = StateRequest { name: name.to_owned(), version, step };
    client.call(&request).await.map_err(|error| error.code().unwrap())
}

async fn destroy(client: &Client, name: &str, version: u32, wait_seconds: Option<u64>) -> Result<Key, Code> {
    let request = DestroyRequest { name: name.to_owned(), version, wait_seconds };
    client.call(&request).await.map_err(|error| error.code().unwrap())
}

fn states(key: &Key) -> Vec<&str> {
    key.versions.iter().map(|version| version.state.as_str()).collect()
}

/// One operation as JSON.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, word: &str, body: &Value) -> Reply {
    let path = format!("/api/v1/{}", word.replace('.', "/"));
    exchange(stream, &post(&path, &[], body.to_string().as_bytes())).await
}

#[tokio::test]
async fn on_the_socket() {
    let site = Site::new().await;
    life_of_a_key(&site.local().await).await;
    life_of_a_mac_key(&site.local().await).await;
    site.stop().await;
}

#[tokio::test]
async fn over_tls() {
    let site = Site::new().await;
    let client = site.remote(&site.token(Role::Admin).await).await.unwrap();
    life_of_a_key(&client).await;
    life_of_a_mac_key(&client).await;
    site.stop().await;
}

async fn life_of_a_key(client: &Client) {
    let made = create(client, "shop/orders", Purpose::Values).await;
    assert_eq!((made.name.as_str(), made.purpose.as_str(), made.protector.as_str()), ("shop/orders", "values", "root"));
    assert_eq!((made.active_version, states(&made), made.algorithm.clone()), (Some(1), vec!["active"], None));
    let taken = CreateRequest {
        name: made.name.clone(),
        purpose: Purpose::Values,
        algorithm: None,
        rotation_period_seconds: None,
        usage_limit: None,
    };
    assert_eq!(client.call(&taken).await.unwrap_err().code(), Some(Code::NameTaken));

    // By name and by id, in both directions.
    let every_byte: Vec<u8> = (0..=255).collect();
    for (seals, opens) in [("shop/orders", made.id.as_str()), (made.id.as_str(), "shop/orders")] {
        let sealed = encrypt(client, seals, &every_byte, tenant("7")).await;
        let header = value::parse(&value::from_text(&sealed).unwrap()).unwrap();
        assert_eq!((header.key_id.to_string(), header.key_version), (made.id.clone(), 1));
        assert_eq!(decrypt(client, decryption(opens, &sealed, tenant("7"))).await, Ok((1, every_byte.clone())));
        for wrong in [tenant("8"), Context::new(), BTreeMap::from([("Tenant".to_owned(), "7".to_owned())])] {
            assert_eq!(decrypt(client, decryption(opens, &sealed, wrong)).await, Err(Code::DoesNotOpen));
        }
    }
    assert_ne!(
        encrypt(client, "shop/orders", b"x", Context::new()).await,
        encrypt(client, "shop/orders", b"x", Context::new()).await
    );
    let old = encrypt(client, "shop/orders", b"old", tenant("7")).await;

    // A rotation: the old version opens, the new one seals; re-wrapping takes a value along.
    let expected = RotateRequest { expected_version: Some(2), ..rotation(&made.id) };
    assert_eq!(client.call(&expected).await.unwrap_err().code(), Some(Code::VersionConflict));
    let rotated = client.call(&rotation(&made.id)).await.unwrap();
    assert_eq!(
        (rotated.key.active_version, states(&rotated.key), rotated.job),
        (Some(2), vec!["deactivated", "active"], None)
    );
    assert_eq!(decrypt(client, decryption("shop/orders", &old, tenant("7"))).await, Ok((1, b"old".to_vec())));
    let rewrap =
        |context| RewrapRequest { name: "shop/orders".into(), ciphertext: Some(old.clone()), context, items: None };
    let rewrapped = client.call(&rewrap(tenant("7"))).await.unwrap();
    let anew = rewrapped.ciphertext.unwrap();
    assert_eq!(rewrapped.version, 2);
    assert_eq!(decrypt(client, decryption("shop/orders", &anew, tenant("7"))).await, Ok((2, b"old".to_vec())));
    assert_eq!(client.call(&rewrap(tenant("8"))).await.unwrap_err().code(), Some(Code::DoesNotOpen));

    data_keys(client, "shop/orders").await;
    states_of_a_version(client, &old, &anew).await;
    listed(client, &made).await;
    another_keys_value(client, &anew).await;
}

async fn data_keys(client: &Client, name: &str) {
    let request = |sealed_only| DatakeyRequest { name: name.into(), context: tenant("9"), sealed_only };
    let both = client.call(&request(false)).await.unwrap();
    let plain = both.value_base64.unwrap().into_secret();
    assert_eq!(plain.len(), 32);
    let opened = decrypt(client, decryption(name, &both.ciphertext, tenant("9"))).await;
    assert_eq!(opened, Ok((2, plain.expose().to_vec())));
    let only = client.call(&request(true)).await.unwrap();
    assert!(only.value_base64.is_none());
    let other = decrypt(client, decryption(name, &only.ciphertext, tenant("9"))).await.unwrap().1;
    assert!(other.len() == 32 && other != plain.expose());
    let drawn = client.call(&RandomRequest { bytes: 32 }).await.unwrap().value_base64.into_secret();
    assert!(drawn.len() == 32 && drawn.expose() != other);
}

/// Version 1 of `shop/orders` through its states; `anew` is under version 2.
async fn states_of_a_version(client: &Client, old: &str, anew: &str) {
    let name = "shop/orders";
    let opens_old = || decrypt(client, decryption(name, old, tenant("7")));
    assert_eq!(states(&step(client, name, 1, Step::Suspend).await.unwrap()), ["suspended", "active"]);
    assert_eq!(opens_old().await, Err(Code::KeyNotUsable));
    assert_eq!(step(client, name, 1, Step::Activate).await, Err(Code::NoTransition));
    assert_eq!(states(&step(client, name, 1, Step::Resume).await.unwrap()), ["deactivated", "active"]);
    assert_eq!(destroy(client, name, 2, None).await, Err(Code::NoTransition), "it is active");
    assert_eq!(destroy(client, name, 3, None).await, Err(Code::NotFound));
    let waits = destroy(client, name, 1, Some(3600)).await.unwrap();
    assert!(waits.versions[0].state == "deactivated" && waits.versions[0].destroy_at > Some(waits.updated_at));
    assert_eq!(opens_old().await, Err(Code::KeyAwaitsDestruction));
    let kept = client.call(&UndestroyRequest { name: name.into(), version: 1 }).await.unwrap();
    assert_eq!(kept.versions[0].destroy_at, None);
    assert_eq!(opens_old().await, Ok((1, b"old".to_vec())));
    let gone = destroy(client, name, 1, Some(0)).await.unwrap();
    assert_eq!(states(&gone), ["destroyed", "active"]);
    assert_eq!(opens_old().await, Err(Code::KeyNotUsable));
    let undestroyed = client.call(&UndestroyRequest { name: name.into(), version: 1 }).await;
    assert_eq!(undestroyed.unwrap_err().code(), Some(Code::NoTransition));

    // Without an active version nothing is sealed; what others sealed still opens.
    step(client, name, 2, Step::Deactivate).await.unwrap();
    let request =
        EncryptRequest { name: name.into(), value_base64: Some(wire(b"x")), context: Context::new(), items: None };
    assert_eq!(client.call(&request).await.unwrap_err().code(), Some(Code::NoActiveVersion));
    assert_eq!(decrypt(client, decryption(name, anew, tenant("7"))).await, Ok((2, b"old".to_vec())));
    assert_eq!(client.call(&rotation(name)).await.unwrap().key.active_version, Some(3));
}

async fn listed(client: &Client, made: &Key) {
    let shown = client.call(&ShowRequest { name: made.id.clone() }).await.unwrap();
    assert_eq!(states(&shown), ["destroyed", "deactivated", "active"]);
    assert_eq!(client.call(&ShowRequest { name: "shop/orders".into() }).await.unwrap(), shown);
    create(client, "shop/another", Purpose::Values).await;
    let page =
        |after: Option<&str>| ListRequest { prefix: "shop/".into(), after: after.map(str::to_owned), limit: Some(1) };
    let first = client.call(&page(None)).await.unwrap();
    assert_eq!((first.keys[0].name.as_str(), first.next.as_deref()), ("shop/another", Some("shop/another")));
    let second = client.call(&page(first.next.as_deref())).await.unwrap();
    assert_eq!((second.keys, second.next), (vec![shown], None));
    let missing = client.call(&ShowRequest { name: "shop/nothing".into() }).await.unwrap_err();
    assert_eq!((missing.code(), missing.exit_code()), (Some(Code::NotFound), 3));
}

/// A value belongs to its key; for another one it does not open, and no more is said.
async fn another_keys_value(client: &Client, sealed: &str) {
    assert_eq!(decrypt(client, decryption("shop/another", sealed, tenant("7"))).await, Err(Code::DoesNotOpen));
    assert_eq!(decrypt(client, decryption("secrets", sealed, tenant("7"))).await, Err(Code::DoesNotOpen));
    let secrets =
        EncryptRequest { name: "secrets".into(), value_base64: Some(wire(b"x")), context: Context::new(), items: None };
    assert_eq!(client.call(&secrets).await.unwrap_err().code(), Some(Code::WrongPurpose));
}

async fn life_of_a_mac_key(client: &Client) {
    let made = create(client, "webhooks", Purpose::Mac).await;
    assert_eq!(made.algorithm.as_deref(), Some("hmac-sha-256"));
    let request = |messages: &[&[u8]]| MacRequest {
        name: "webhooks".into(),
        messages_base64: messages.iter().map(|message| wire(message)).collect(),
    };
    let first = client.call(&request(&[b"one", b"two", b"one"])).await.unwrap();
    let macs: Vec<Vec<u8>> = first.macs_base64.iter().flatten().map(|mac| STANDARD.decode(mac).unwrap()).collect();
    assert_eq!((first.version, macs.len(), &macs[0]), (1, 3, &macs[2]));
    assert!(macs.iter().all(|mac| mac.len() == 32) && macs[0] != macs[1]);
    client.call(&rotation("webhooks")).await.unwrap();
    let second = client.call(&request(&[b"one"])).await.unwrap();
    assert!(second.version == 2 && second.macs_base64[0] != first.macs_base64[0]);
    let sealing =
        EncryptRequest { name: made.id, value_base64: Some(wire(b"x")), context: Context::new(), items: None };
    assert_eq!(client.call(&sealing).await.unwrap_err().code(), Some(Code::WrongPurpose));
}

/// The MAC of a message is right for this message, this version and this key, and whole; one bad item does not fail the others.
#[tokio::test]
async fn macs_are_checked_one_by_one() {
    let site = Site::new().await;
    let client = site.local().await;
    create(&client, "webhooks", Purpose::Mac).await;
    create(&client, "others", Purpose::Mac).await;
    let mut stream = socket(&site.folders.data()).await;
    let made = ask(&mut stream, "key.mac", &json!({"name": "webhooks", "messages_base64": ["b25l"]})).await.json();
    let mac = made["macs_base64"][0].as_str().unwrap();
    let others = ask(&mut stream, "key.mac", &json!({"name": "others", "messages_base64": ["b25l"]})).await.json();
    client.call(&rotation("webhooks")).await.unwrap();
    let bytes = STANDARD.decode(mac).unwrap();
    let flipped = STANDARD.encode([&[bytes[0] ^ 1], &bytes[1..]].concat());
    let items = [
        ("b25l", 1, mac, json!({"valid": true})),
        ("dHdv", 1, mac, json!({"valid": false})),
        ("b25l", 2, mac, json!({"valid": false})),
        ("b25l", 1, &flipped, json!({"valid": false})),
        ("b25l", 1, &STANDARD.encode(&bytes[..16]), json!({"valid": false})),
        ("b25l", 1, "", json!({"valid": false})),
        ("b25l", 1, others["macs_base64"][0].as_str().unwrap(), json!({"valid": false})),
        ("b25l", 1, mac, json!({"valid": true})),
    ];
    let asked: Vec<Value> = items
        .iter()
        .map(|(message, version, mac, _)| json!({"message_base64": message, "version": version, "mac_base64": mac}))
        .chain([json!({"message_base64": "b25l", "version": 9, "mac_base64": mac})])
        .collect();
    let found = ask(&mut stream, "key.verify", &json!({"name": "webhooks", "items": asked})).await.json();
    let found = found["items"].as_array().unwrap();
    for (found, (_, _, _, expected)) in found.iter().zip(&items) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), items.len() + 1);
    assert!(found[8]["error"]["code"].is_string() && found[8]["valid"].is_null());
    site.stop().await;
}

/// What a compromised version sealed opens only for those who may, and only when they say so.
#[tokio::test]
async fn compromised_versions() {
    let site = Site::new().await;
    let admin = site.local().await;
    create(&admin, "k", Purpose::Values).await;
    let sealed = encrypt(&admin, "k", b"x", Context::new()).await;
    admin.call(&rotation("k")).await.unwrap();
    let fine = encrypt(&admin, "k", b"y", Context::new()).await;
    step(&admin, "k", 1, Step::Compromise).await.unwrap();
    let data = site.remote(&site.token(Role::Data).await).await.unwrap();
    let insisting = |sealed: &str| DecryptRequest { compromised: true, ..decryption("k", sealed, Context::new()) };
    assert_eq!(decrypt(&data, decryption("k", &fine, Context::new())).await, Ok((2, b"y".to_vec())));
    assert_eq!(decrypt(&data, decryption("k", &sealed, Context::new())).await, Err(Code::KeyNotUsable));
    assert_eq!(decrypt(&data, insisting(&sealed)).await, Err(Code::Denied));
    assert_eq!(decrypt(&data, insisting(&fine)).await, Err(Code::Denied));
    assert_eq!(decrypt(&admin, decryption("k", &sealed, Context::new())).await, Err(Code::KeyNotUsable));
    assert_eq!(decrypt(&admin, insisting(&sealed)).await, Ok((1, b"x".to_vec())));
    // It is not sealed again in passing either: who re-wraps must say what is to be done with it.
    let rewrap = RewrapRequest { name: "k".into(), ciphertext: Some(sealed), context: Context::new(), items: None };
    assert_eq!(data.call(&rewrap).await.unwrap_err().code(), Some(Code::KeyNotUsable));
    site.stop().await;
}

/// A retry with the same idempotency key makes no second key and no second version, whatever it is answered.
#[tokio::test]
async fn retries_make_nothing_twice() {
    let site = Site::new().await;
    let client = site.local().await;
    let wanted = CreateRequest {
        name: "k".into(),
        purpose: Purpose::Values,
        algorithm: None,
        rotation_period_seconds: None,
        usage_limit: None,
    };
    let (creating, rotating) = (IdempotencyKey::random(), IdempotencyKey::random());
    let made = client.call_once(&wanted, &creating).await.unwrap();
    match client.call_once(&wanted, &creating).await {
        Ok(again) => assert_eq!(again, made),
        Err(error) => assert_eq!((error.code(), error.exit_code()), (Some(Code::ReplyNotKept), 5)),
    }
    let other = CreateRequest { name: "other".into(), ..wanted.clone() };
    assert_eq!(client.call_once(&other, &creating).await.unwrap_err().code(), Some(Code::IdempotencyKeyReused));
    let rotated = client.call_once(&rotation("k"), &rotating).await.unwrap();
    assert_eq!(rotated.key.active_version, Some(2));
    for _ in 0..3 {
        match client.call_once(&rotation("k"), &rotating).await {
            Ok(again) => assert_eq!(again.key.active_version, Some(2)),
            Err(error) => assert_eq!(error.code(), Some(Code::ReplyNotKept)),
        }
    }
    assert_eq!(client.call(&ShowRequest { name: "k".into() }).await.unwrap().versions.len(), 2);
    site.stop().await;
}

/// Two who rotate at once with the version they saw: one of them makes a version, the other is told.
#[tokio::test]
async fn two_rotations_at_once() {
    let site = Site::new().await;
    let client = site.local().await;
    create(&client, "k", Purpose::Values).await;
    for round in 1..=10 {
        let wanted = RotateRequest { expected_version: Some(round), ..rotation("k") };
        let (one, other) = (site.local().await, site.local().await);
        let (one, other) = tokio::join!(one.call(&wanted), other.call(&wanted));
        let won = [one.is_ok(), other.is_ok()];
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        let lost = if one.is_ok() { other } else { one };
        assert_eq!(lost.unwrap_err().code(), Some(Code::VersionConflict));
    }
    assert_eq!(client.call(&ShowRequest { name: "k".into() }).await.unwrap().versions.len(), 11);
    site.stop().await;
}

/// Requests that make no sense are told what is wrong with them, and make nothing.
#[tokio::test]
async fn requests_that_make_no_sense() {
    let site = Site::new().await;
    create(&site.local().await, "k", Purpose::Values).await;
    let mut stream = socket(&site.folders.data()).await;
    let cases = [
        ("key.create", json!({"name": "secrets", "purpose": "values"}), "name_taken"),
        ("key.create", json!({"name": "x", "purpose": "secrets"}), "malformed"),
        ("key.create", json!({"name": "x", "purpose": {"values": null}}), "malformed"),
        ("key.create", json!({"name": "x", "purpose": "values", "algorithm": "hmac-sha-256"}), "wrong_purpose"),
        ("key.create", json!({"name": "x", "purpose": "mac", "algorithm": "md5"}), "invalid"),
        ("key.create", json!({"name": "x", "purpose": "values", "rotation_period_seconds": 1}), "invalid"),
        ("key.create", json!({"name": "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f", "purpose": "values"}), "invalid"),
        ("key.create", json!({"name": "../x", "purpose": "values"}), "invalid"),
        ("key.rotate", json!({"name": "k", "expected_version": -1}), "malformed"),
        ("key.rotate", json!({"name": "k", "rate": 0}), "invalid"),
        ("key.state", json!({"name": "k", "version": 0, "step": "suspend"}), "not_found"),
        ("key.state", json!({"name": "k", "version": 1, "step": {"suspend": null}}), "malformed"),
        ("key.state", json!({"name": "secrets", "version": 1, "step": "deactivate"}), "invalid"),
        ("key.destroy", json!({"name": "k", "version": 1, "wait_seconds": 31_622_401}), "invalid"),
        ("key.random", json!({"bytes": 0}), "invalid"),
        ("key.random", json!({"bytes": 65_537}), "invalid"),
        ("key.encrypt", json!({"name": "k"}), "invalid"),
        ("key.encrypt", json!({"name": "k", "value_base64": "eA==", "items": []}), "invalid"),
        ("key.encrypt", json!({"name": "k", "value_base64": "eA=="  , "context": {"tenant": 7}}), "malformed"),
        ("key.encrypt", json!({"name": "k", "value_base64": "eA==", "nonce": "AAAA"}), "malformed"),
        ("key.decrypt", json!({"name": "k"}), "invalid"),
        ("key.decrypt", json!({"name": "k", "ciphertext": "hello"}), "does_not_open"),
        ("key.decrypt", json!({"name": "k", "ciphertext": ""}), "does_not_open"),
        ("key.mac", json!({"name": "k", "messages_base64": ["eA=="]}), "wrong_purpose"),
        ("key.encrypt", json!({"name": "nothing", "value_base64": "eA=="}), "not_found"),
    ];
    for (word, body, code) in cases {
        let reply = ask(&mut stream, word, &body).await;
        crate::hostile::check_useful(&reply, &format!("{word} {body}"));
        assert_eq!(reply.code(), code, "{word} {body}: {}", reply.json());
    }
    let listed = ask(&mut stream, "key.list", &json!({})).await.json();
    let names: Vec<&str> = listed["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"k") && !names.contains(&"x"), "{names:?}");
    crate::hostile::still_alive(site).await;
}
