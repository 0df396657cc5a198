//! Proves that the Python peer and this crate read each other: 10,000 random values each way, the
//! vector files, and refusals.

use serde_json::json;
use strongroom_crypto::{SealingKey, derive, labels, mac, random};
use strongroom_secret::SecretBytes;

use crate::peer_process::{Peer, command, repository};
use crate::{hex, vectors};

#[test]
fn ten_thousand_values_open_on_the_other_side() {
    let values: Vec<Sample> = (0..10_000).map(Sample::draw).collect();
    let mut requests = Vec::new();
    for value in &values {
        let mut ours = Vec::new();
        SealingKey::new(&value.key).seal_append(&[&value.aad], &value.plaintext, &mut ours);
        requests.push(value.request("open", "sealed", &ours));
        requests.push(value.request("seal", "plaintext", &value.plaintext));
    }
    let answers = Peer::start().ask_all(&requests);
    assert_eq!(answers.len(), 20_000);
    for (value, answers) in values.iter().zip(answers.chunks(2)) {
        let [opened, made] = answers else { panic!("two answers for each value") };
        assert_eq!(opened["id"], value.number);
        assert_eq!(opened["plaintext"], hex::encode(&value.plaintext), "{value:?}: {opened}");
        let theirs = hex::decode(made["sealed"].as_str().unwrap());
        let mut out = SecretBytes::new();
        let ours = SealingKey::new(&value.key).open_append(&[&value.aad], &theirs, &mut out);
        assert_eq!(ours, Ok(()), "{value:?}: {made}");
        assert_eq!(out.expose(), value.plaintext, "{value:?}: {made}");
    }
}

/// A random value, mostly short, up to a few hundred bytes.
#[derive(Debug)]
struct Sample {
    number: u32,
    key: [u8; 32],
    aad: Vec<u8>,
    plaintext: Vec<u8>,
}

impl Sample {
    fn draw(number: u32) -> Sample {
        let mut key = [0; 32];
        random::fill(&mut key);
        Sample { number, key, aad: random_bytes(), plaintext: random_bytes() }
    }

    fn request(&self, command: &str, field: &str, bytes: &[u8]) -> serde_json::Value {
        json!({
            "id": self.number,
            "command": command,
            "key": hex::encode(&self.key),
            "aad": hex::encode(&self.aad),
            field: hex::encode(bytes),
        })
    }
}

fn random_bytes() -> Vec<u8> {
    let mut length = [0; 2];
    random::fill(&mut length);
    let mut bytes = vec![0; usize::from(length[0]) * usize::from(length[1] & 3)];
    random::fill(&mut bytes);
    bytes
}

#[test]
fn the_peer_refuses_what_we_refuse() {
    let mut peer = Peer::start();
    let mut sealed = Vec::new();
    SealingKey::new(&[1; 32]).seal_append(&[b"place"], b"secret", &mut sealed);
    let open = |aad: &[u8], sealed: &[u8]| {
        json!({"command": "open", "key": hex::encode(&[1; 32]), "aad": hex::encode(aad),
               "sealed": hex::encode(sealed)})
    };
    assert_eq!(peer.ask(&open(b"place", &sealed))["ok"], true);
    assert_eq!(peer.ask(&open(b"plac", &sealed))["refused"], true);
    for position in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[position] ^= 1;
        assert_eq!(peer.ask(&open(b"place", &changed))["refused"], true, "byte {position}");
    }
    assert_eq!(peer.ask(&json!({"command": "open"}))["refused"], false);
    assert_eq!(peer.ask(&json!("no object"))["refused"], false);
    assert_eq!(peer.ask(&open(b"place", &sealed))["ok"], true, "it goes on after a wrong request");
}

#[test]
fn the_peer_derives_and_authenticates_alike() {
    let mut peer = Peer::start();
    for (label, _) in labels::ALL {
        let (salt, secret, context) = (random_bytes(), random_bytes(), random_bytes());
        let ours: [u8; 70] = derive::bytes(&salt, &[&secret], label, &context);
        let theirs = peer.ask(&json!({
            "command": "hkdf", "salt": hex::encode(&salt), "secret": hex::encode(&secret),
            "label": label, "context": hex::encode(&context), "length": ours.len(),
        }));
        assert_eq!(theirs["output"], hex::encode(&ours), "{label}");

        let theirs = peer.ask(&json!({
            "command": "mac", "key": hex::encode(&secret), "message": hex::encode(&context),
        }));
        assert_eq!(theirs["mac"], hex::encode(&mac::hmac_sha256(&secret, &[&context])), "{label}");
    }
}

#[test]
fn the_peer_agrees_with_the_vector_files() {
    let files = vectors::NAMES.map(|name| repository().join(format!("vectors/cipher/{name}.json")));
    let checked = command().arg("vectors").args(files).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
