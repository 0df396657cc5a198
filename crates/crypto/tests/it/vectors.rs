//! Proves the cipher against the files in `vectors/cipher/`, which the Python peer made and reads.

use std::path::Path;

use serde::Deserialize;
use strongroom_crypto::known_answers::seal_with_nonce;
use strongroom_crypto::{NONCE, OpenError, SealingKey};
use strongroom_secret::SecretBytes;

use crate::hex;

/// The files, named by the outcome they expect.
pub const NAMES: [&str; 2] = ["opens", "refused"];

#[derive(Deserialize)]
struct Vectors {
    outcome: String,
    algorithm: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    key: String,
    aad: String,
    plaintext: Option<String>,
    sealed: String,
}

fn load(outcome: &str) -> Vectors {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/cipher");
    let text = std::fs::read_to_string(directory.join(format!("{outcome}.json"))).unwrap();
    let vectors: Vectors = serde_json::from_str(&text).unwrap();
    assert_eq!(vectors.outcome, outcome);
    assert_eq!(vectors.algorithm, "KC-XAES-256-GCM");
    vectors
}

fn open(case: &Case) -> Result<Vec<u8>, OpenError> {
    let mut out = SecretBytes::new();
    SealingKey::new(&hex::array(&case.key))
        .open_append(&[&hex::decode(&case.aad)], &hex::decode(&case.sealed), &mut out)
        .map(|()| out.expose().to_vec())
}

#[test]
fn what_opens() {
    let vectors = load(NAMES[0]);
    assert_eq!(vectors.cases.len(), 32);
    for case in &vectors.cases {
        let plaintext = hex::decode(case.plaintext.as_ref().unwrap());
        assert_eq!(open(case).as_ref(), Ok(&plaintext), "{}", case.name);
        let sealed = hex::decode(&case.sealed);
        let nonce: &[u8; NONCE] = sealed.first_chunk().unwrap();
        let again = seal_with_nonce(&hex::array(&case.key), nonce, &hex::decode(&case.aad), &plaintext);
        assert_eq!(again, sealed, "{}", case.name);
    }
}

#[test]
fn what_is_refused() {
    let vectors = load(NAMES[1]);
    assert_eq!(vectors.cases.len(), 31);
    for case in &vectors.cases {
        assert_eq!(open(case), Err(OpenError), "{}", case.name);
    }
}
