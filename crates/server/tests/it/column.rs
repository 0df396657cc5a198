//! Column encryption keys over the wire: made, opened and wrapped again by the library of clients; the trail names the master key,
//! and no column encryption key is anywhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use strongroom_api::Code;
use strongroom_api::key::{CreateRequest, Key, Purpose, RotateRequest, StateRequest, Step};
use strongroom_api::token::Role;
use strongroom_client::{Client, ColumnKeyAlgorithm, ColumnKeys, NewColumnKey};
use strongroom_crypto::column_cell::key_check;

use crate::key::{ask, create};
use crate::key_canary::{assert_absent, assert_absent_below, spellings};
use crate::raw::socket;
use crate::site::Site;

async fn symmetric(client: &Client, name: &str) -> Key {
    let request = CreateRequest {
        name: name.to_owned(),
        purpose: Purpose::Columns,
        algorithm: Some("aes-256".to_owned()),
        rotation_period_seconds: None,
        usage_limit: None,
    };
    client.call(&request).await.unwrap()
}

async fn rotate(client: &Client, name: &str) {
    let name = name.to_owned();
    let rotated = client.call(&RotateRequest { name, no_reencrypt: false, expected_version: None, rate: None }).await;
    assert_eq!(rotated.unwrap().job, None, "nothing that is stored is sealed under it");
}

/// Whether it opens, or why not.
async fn opens(keys: &ColumnKeys, made: &NewColumnKey) -> Result<(), Code> {
    let opened =
        keys.unwrap(&made.path, made.algorithm, &made.envelope).await.map_err(|error| error.code().unwrap())?;
    assert!(opened.same_as(&made.key));
    Ok(())
}

#[tokio::test]
async fn on_the_socket_and_over_tls() {
    let site = Site::new().await;
    let remote = site.remote(&site.token(Role::Admin).await).await.unwrap();
    for (client, name) in [(site.local().await, "local"), (remote, "team/Remote")] {
        let rsa = create(&client, &format!("{name}/rsa"), Purpose::Columns).await;
        assert_eq!((rsa.purpose.as_str(), rsa.algorithm.as_deref()), ("columns", Some("rsa-3072-oaep")));
        assert!(rsa.versions[0].public_key_base64.is_some());
        let aes = symmetric(&client, &format!("{name}/aes")).await;
        assert_eq!((aes.algorithm.as_deref(), &aes.versions[0].public_key_base64), (Some("aes-256"), &None));
        life_of_a_column_key(ColumnKeys::new(client), &rsa, &aes).await;
    }
    site.stop().await;
}

async fn life_of_a_column_key(keys: ColumnKeys, rsa: &Key, aes: &Key) {
    for (master, algorithm) in [(rsa, ColumnKeyAlgorithm::RsaOaep), (aes, ColumnKeyAlgorithm::Sealed)] {
        for given in [&master.name, &master.id] {
            let made = keys.make(given).await.unwrap();
            assert_eq!((made.path.as_str(), made.algorithm), (format!("{}#1", master.name).as_str(), algorithm));
            assert_eq!(made.check, key_check(&made.key));
            assert_eq!(opens(&keys, &made).await, Ok(()));
            let mut changed = made;
            changed.envelope[60] ^= 1;
            assert_eq!(opens(&keys, &changed).await, Err(Code::DoesNotOpen));
        }
    }
    let made = keys.make(&rsa.name).await.unwrap();
    let there = keys.rewrap(&made.path, made.algorithm, &made.envelope, &aes.name).await.unwrap();
    assert_eq!(
        (there.path.as_str(), there.algorithm),
        (format!("{}#1", aes.name).as_str(), ColumnKeyAlgorithm::Sealed)
    );
    let opened = keys.unwrap(&there.path, there.algorithm, &there.envelope).await.unwrap();
    assert!(opened.same_as(&made.key));
    let wrong = keys.unwrap(&there.path, ColumnKeyAlgorithm::RsaOaep, &made.envelope).await.unwrap_err();
    assert_eq!(wrong.code(), Some(Code::Invalid), "the master key wraps by something else");
    let id_as_path = keys.unwrap(&format!("{}#1", rsa.id), made.algorithm, &made.envelope).await.unwrap_err();
    assert_eq!(id_as_path.code(), Some(Code::Invalid), "a path has a name");
    assert_eq!(keys.sign_metadata(&made.path, false).await.unwrap().len(), 384);
    assert_eq!(keys.sign_metadata(&there.path, false).await.unwrap_err().code(), Some(Code::Invalid));
}

/// A rotation leaves what is wrapped as it is; wrapping again takes it along, also when the old version is compromised.
#[tokio::test]
async fn a_rotated_master_key() {
    let site = Site::new().await;
    let client = site.local().await;
    symmetric(&client, "cmk").await;
    let keys = ColumnKeys::new(site.local().await);
    let made = keys.make("cmk").await.unwrap();
    rotate(&client, "cmk").await;
    assert_eq!(opens(&keys, &made).await, Ok(()));
    assert_eq!(keys.make("cmk").await.unwrap().path, "cmk#2");
    client.call(&StateRequest { name: "cmk".into(), version: 1, step: Step::Compromise }).await.unwrap();
    assert_eq!(opens(&keys, &made).await, Err(Code::KeyNotUsable));
    let mut stream = socket(&site.folders.data()).await;
    let (algorithm, envelope) = ("STRONGROOM_SEALED", STANDARD.encode(&made.envelope));
    let rewrap = json!({"path": "cmk#1", "algorithm": algorithm, "envelope_base64": envelope, "to_master": "cmk",
        "compromised": true});
    let wrapped = ask(&mut stream, "column.rewrap", &rewrap).await.json();
    let envelope = STANDARD.decode(wrapped["envelope_base64"].as_str().unwrap()).unwrap();
    assert_eq!((&wrapped["path"], wrapped.get("key_base64")), (&json!("cmk#2"), None));
    assert!(keys.unwrap("cmk#2", ColumnKeyAlgorithm::Sealed, &envelope).await.unwrap().same_as(&made.key));
    site.stop().await;
}

/// The role of a proxy opens keys, and does nothing else with master keys; it signs no manifest and reads no secret.
#[tokio::test]
async fn who_may() {
    let site = Site::new().await;
    let client = site.local().await;
    symmetric(&client, "cmk").await;
    create(&client, "columns-manifest", Purpose::Sign).await;
    let admin = ColumnKeys::new(client);
    let made = admin.make("cmk").await.unwrap();
    let data = ColumnKeys::new(site.remote(&site.token(Role::Data).await).await.unwrap());
    let proxy = ColumnKeys::new(site.remote(&site.token(Role::Columns).await).await.unwrap());
    let read = ColumnKeys::new(site.remote(&site.token(Role::Read).await).await.unwrap());
    assert_eq!(opens(&data, &made).await, Ok(()));
    assert_eq!(opens(&proxy, &made).await, Ok(()));
    assert_eq!(opens(&read, &made).await, Err(Code::Denied));
    for keys in [&data, &read, &proxy] {
        assert_eq!(keys.make("cmk").await.map(drop).unwrap_err().code(), Some(Code::Denied));
        let rewrapped = keys.rewrap(&made.path, made.algorithm, &made.envelope, "cmk").await;
        assert_eq!(rewrapped.unwrap_err().code(), Some(Code::Denied));
        assert_eq!(keys.sign_metadata("cmk#1", false).await.unwrap_err().code(), Some(Code::Denied));
    }
    site.stop().await;
}

#[tokio::test]
async fn requests_that_make_no_sense() {
    let site = Site::new().await;
    let client = site.local().await;
    symmetric(&client, "cmk").await;
    create(&client, "k", Purpose::Values).await;
    let mut stream = socket(&site.folders.data()).await;
    let opening = |path: &str, algorithm: &str, envelope: &str| json!({"path": path, "algorithm": algorithm, "envelope_base64": envelope});
    let sealed = "STRONGROOM_SEALED";
    let cases = [
        ("column.key", json!({"master": "k"}), "wrong_purpose"),
        ("column.key", json!({"master": "secrets"}), "wrong_purpose"),
        ("column.key", json!({"master": "nothing"}), "not_found"),
        ("column.key", json!({"master": "cmk#1"}), "invalid"),
        ("column.key", json!({"master": "cmk", "algorithm": "RSA_OAEP"}), "invalid"),
        ("column.key", json!({"master": "cmk", "algorithm": null}), "malformed"),
        ("column.key", json!({"master": "cmk", "algorithm": "rsa_oaep"}), "malformed"),
        ("column.key", json!({"master": "cmk", "algorithm": {"RSA_OAEP": null}}), "malformed"),
        ("column.unwrap", opening("cmk#1", sealed, ""), "does_not_open"),
        ("column.unwrap", opening("cmk#1", sealed, "eA=="), "does_not_open"),
        ("column.unwrap", opening("cmk#1", sealed, "eA"), "malformed"),
        ("column.unwrap", opening("cmk#1", "RSA_OAEP", "eA=="), "invalid"),
        ("column.unwrap", opening("cmk#2", sealed, "eA=="), "does_not_open"),
        ("column.unwrap", opening("cmk", sealed, "eA=="), "invalid"),
        ("column.unwrap", opening("cmk#01", sealed, "eA=="), "invalid"),
        ("column.unwrap", opening("../cmk#1", sealed, "eA=="), "invalid"),
        ("column.unwrap", opening("k#1", sealed, "eA=="), "wrong_purpose"),
        ("column.unwrap", json!({"path": "cmk#1", "envelope_base64": "eA=="}), "malformed"),
        ("column.sign", json!({"path": "cmk#1", "enclave": "no"}), "malformed"),
        ("column.sign", json!({"path": "cmk#1"}), "invalid"),
        ("key.encrypt", json!({"name": "cmk", "value_base64": "eA=="}), "wrong_purpose"),
        ("key.sign", json!({"name": "cmk", "messages_base64": ["eA=="]}), "wrong_purpose"),
        ("key.datakey", json!({"name": "cmk"}), "wrong_purpose"),
        ("key.create", json!({"name": "x", "purpose": "columns", "algorithm": "ed25519"}), "wrong_purpose"),
        ("key.create", json!({"name": "x", "purpose": "sign", "algorithm": "rsa-3072-oaep"}), "wrong_purpose"),
        ("key.create", json!({"name": "x", "purpose": "values", "algorithm": "aes-256"}), "wrong_purpose"),
    ];
    for (word, body, code) in cases {
        let reply = ask(&mut stream, word, &body).await;
        crate::hostile::check_useful(&reply, &format!("{word} {body}"));
        assert_eq!(reply.code(), code, "{word} {body}: {}", reply.json());
    }
    crate::hostile::still_alive(site).await;
}

#[tokio::test]
async fn the_trail_names_the_master_key_and_no_key_is_anywhere() {
    let site = Site::new().await;
    let client = site.local().await;
    let master = create(&client, "cmk1", Purpose::Columns).await;
    let next = symmetric(&client, "cmk2").await;
    let mut stream = socket(&site.folders.data()).await;
    let made = ask(&mut stream, "column.key", &json!({"master": "cmk1"})).await;
    let key = STANDARD.decode(made.json()["key_base64"].as_str().unwrap()).unwrap();
    let envelope = made.json()["envelope_base64"].clone();
    let opening = json!({"path": "cmk1#1", "algorithm": "RSA_OAEP", "envelope_base64": envelope});
    let opened = ask(&mut stream, "column.unwrap", &opening).await;
    assert_eq!(opened.json()["key_base64"], made.json()["key_base64"]);
    let rewrapping =
        json!({"path": "cmk1#1", "algorithm": "RSA_OAEP", "envelope_base64": envelope, "to_master": "cmk2"});
    let rewrapped = ask(&mut stream, "column.rewrap", &rewrapping).await;
    let signed = ask(&mut stream, "column.sign", &json!({"path": "cmk1#1", "enclave": true})).await;
    let refused = json!({"path": "cmk2#1", "algorithm": "STRONGROOM_SEALED", "envelope_base64": envelope});
    let refused = ask(&mut stream, "column.unwrap", &refused).await;
    assert_eq!(refused.code(), "does_not_open");

    let canaries = spellings(&key);
    assert_absent(&rewrapped.body, &canaries, "the reply to a rewrap");
    let expected = [
        (&made, "column.key", "cmk1", &master.id, "ok"),
        (&opened, "column.unwrap", "cmk1", &master.id, "ok"),
        (&rewrapped, "column.rewrap", "cmk1", &next.id, "ok"),
        (&signed, "column.sign", "cmk1", &master.id, "ok"),
        (&refused, "column.unwrap", "cmk2", &next.id, "does_not_open"),
    ];
    for (reply, operation, target, id, outcome) in expected {
        let lines = site.trail(reply.request_id()).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        let named = [&line["operation"], &line["target"], &line["key"], &line["outcome"]];
        assert_eq!(named, [operation, target, id.as_str(), outcome]);
        assert_eq!(line["key_version"], 1);
        assert_absent(line.to_string().as_bytes(), &canaries, "the trail");
    }
    let folders = site.stop().await;
    assert!(assert_absent_below(&folders.data(), &canaries) >= 3);
}
