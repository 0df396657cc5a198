//! The second implementation and this one read each other: 10,000 random values and records, both ways.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use strongroom_crypto::{SealingKey, random};
use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, record};
use strongroom_secret::SecretBytes;

use crate::vector::{hex, unhex, workspace};

const EXCHANGED: usize = 10_000;

fn python() -> Command {
    let system = "/usr/bin/python3";
    let mut command = Command::new(if Path::new(system).exists() { system } else { "python3" });
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn script(name: &str) -> std::path::PathBuf {
    workspace().join("tests/peer").join(name)
}

/// The peer's answers to all requests, in order, out of one process.
fn ask(requests: Vec<Value>) -> Vec<Value> {
    ask_script("peer.py", requests)
}

/// The answers of a script that speaks the peer's protocol.
pub fn ask_script(name: &str, requests: Vec<Value>) -> Vec<Value> {
    let mut peer: Child = python()
        .arg(script(name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need python3 with the package python3-cryptography");
    let mut stdin = BufWriter::new(peer.stdin.take().unwrap());
    let writer = thread::spawn(move || {
        for request in requests {
            writeln!(stdin, "{request}").unwrap();
        }
    });
    let stdout = BufReader::new(peer.stdout.take().unwrap());
    let answers = stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    writer.join().unwrap();
    assert!(peer.wait().unwrap().success(), "is python3-cryptography installed?");
    answers
}

/// One random value, for both sides to seal and open.
struct Sample {
    key: [u8; 32],
    purpose: Purpose,
    key_id: Id,
    key_version: u32,
    plaintext: Vec<u8>,
    in_record: Option<(RecordKey, u16, u32)>,
    pairs: Vec<(String, String)>,
}

impl Sample {
    fn random() -> Self {
        let bytes: [u8; 8] = drawn();
        let plaintext_length = usize::from(bytes[0]) * usize::from(bytes[1] & 3);
        let mut plaintext = vec![0; plaintext_length];
        random::fill(&mut plaintext);
        let kinds = [RecordKind::Key, RecordKind::SecretVersion, RecordKind::Setting];
        let key = RecordKey::new(kinds[usize::from(bytes[2]) % 3], Id(drawn()));
        let field = u16::from_be_bytes(drawn());
        let version = u32::from_be_bytes(drawn());
        let pairs = (0..bytes[3] % 17).map(|n| {
            let text: [u8; 3] = drawn();
            (format!("{:02x}\u{fc}{n}", text[0]), hex(&text))
        });
        Self {
            key: drawn(),
            purpose: Purpose::ALL[usize::from(bytes[4]) % Purpose::ALL.len()],
            key_id: Id(drawn()),
            key_version: u32::from_be_bytes(drawn()).max(1),
            plaintext,
            in_record: bytes[5].is_multiple_of(2).then_some((key, field, version)),
            pairs: pairs.collect(),
        }
    }

    fn with_place<R>(&self, then: impl FnOnce(&Place<'_>) -> R) -> R {
        match self.in_record {
            Some((key, field, version)) => then(&Place::Record { key, field, version }),
            None => then(&Place::Context(&Context::new(self.pairs.clone()).unwrap())),
        }
    }

    fn request(&self, command: &str, more: &Value) -> Value {
        let place = match self.in_record {
            Some((key, field, version)) => {
                json!({"record_key": hex(&key.to_bytes()), "field": field, "version": version})
            }
            None => json!({"context": self.pairs}),
        };
        let mut request = json!({
            "command": command,
            "key": hex(&self.key),
            "purpose": self.purpose.byte(),
            "place": place,
        });
        let whole = request.as_object_mut().unwrap();
        whole.extend(more.as_object().unwrap().clone());
        request
    }
}

fn drawn<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    random::fill(&mut bytes);
    bytes
}

#[test]
fn the_peer_opens_our_values() {
    let samples: Vec<Sample> = (0..EXCHANGED).map(|_| Sample::random()).collect();
    let requests = samples
        .iter()
        .map(|sample| {
            let mut sealed = Vec::new();
            sample.with_place(|place| {
                value::seal(
                    &SealingKey::new(&sample.key),
                    sample.purpose,
                    sample.key_id,
                    sample.key_version,
                    place,
                    &sample.plaintext,
                    &mut sealed,
                );
            });
            sample.request("open-value", &json!({"text": value::to_text(&sealed)}))
        })
        .collect();
    let answers = ask(requests);
    assert_eq!(answers.len(), EXCHANGED);
    for (sample, answer) in samples.iter().zip(answers) {
        let expected = json!({
            "ok": true,
            "plaintext": hex(&sample.plaintext),
            "purpose": sample.purpose.byte(),
            "key_id": hex(&sample.key_id.0),
            "key_version": sample.key_version,
        });
        assert_eq!(answer, expected);
    }
}

#[test]
fn we_open_the_peers_values() {
    let samples: Vec<Sample> = (0..EXCHANGED).map(|_| Sample::random()).collect();
    let requests = samples
        .iter()
        .map(|sample| {
            let more = json!({
                "key_id": hex(&sample.key_id.0),
                "key_version": sample.key_version,
                "plaintext": hex(&sample.plaintext),
            });
            sample.request("seal-value", &more)
        })
        .collect();
    let answers = ask(requests);
    assert_eq!(answers.len(), EXCHANGED);
    for (sample, answer) in samples.iter().zip(answers) {
        let text = answer["text"].as_str().unwrap();
        let sealed = value::from_text(text).unwrap();
        assert_eq!(value::to_text(&sealed), text);
        assert_eq!(hex(&sealed), answer["sealed"].as_str().unwrap());
        let sealing = SealingKey::new(&sample.key);
        let mut out = SecretBytes::new();
        let header =
            sample.with_place(|place| value::open(&sealing, sample.purpose, place, &sealed, &mut out)).unwrap();
        assert_eq!(out.expose(), sample.plaintext);
        assert_eq!((header.key_id, header.key_version), (sample.key_id, sample.key_version));
    }
}

#[test]
fn records_go_both_ways() {
    let sealing = SealingKey::new(&[0x77; 32]);
    let places: Vec<(RecordKey, Generation, Vec<u8>)> = (0..1000u64)
        .map(|n| {
            let key = RecordKey::new(RecordKind::Secret, Id(drawn()));
            (key, Generation::new(n + 1, n as u16), vec![n as u8; n as usize % 300])
        })
        .collect();
    let common = |command: &str, key: &RecordKey| json!({"command": command, "key": hex(&[0x77; 32]), "record_key": hex(&key.to_bytes())});
    let mut requests = Vec::new();
    for (key, generation, body) in &places {
        let mut sealed = Vec::new();
        record::seal(&sealing, 9, *key, *generation, body, &mut sealed);
        let mut open = common("open-record", key);
        open["sealed"] = hex(&sealed).into();
        let mut seal = common("seal-record", key);
        seal["store_key_id"] = 9.into();
        seal["generation"] = generation.0.into();
        seal["body"] = hex(body).into();
        requests.extend([open, seal]);
    }
    let answers = ask(requests);
    assert_eq!(answers.len(), 2 * places.len());
    for ((key, generation, body), answer) in places.iter().zip(answers.chunks(2)) {
        assert_eq!(answer[0]["body"], json!(hex(body)));
        assert_eq!(answer[0]["generation"], json!(generation.0));
        let sealed = unhex(answer[1]["sealed"].as_str().unwrap());
        let mut out = SecretBytes::new();
        let header = record::open(&sealing, *key, &sealed, &mut out).unwrap();
        assert_eq!(out.expose(), body);
        assert_eq!(header.generation, *generation);
        assert_eq!(json!(hex(&header.tag)), answer[1]["tag"]);
    }
}

#[test]
fn the_peer_agrees_with_every_vector_and_would_write_the_same() {
    let output = python()
        .args([script("format_vectors.py").as_os_str(), "verify".as_ref()])
        .output()
        .expect("the tests need python3 with the package python3-cryptography");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}
