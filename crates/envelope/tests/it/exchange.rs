//! The second implementation and this one read each other's two-tier values and streams.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use strongroom_crypto::hash::sha256;
use strongroom_crypto::{SealingKey, random};
use strongroom_envelope::stream::{FRAME, HEADER, Opener, StreamHeader};
use strongroom_envelope::two_tier;
use strongroom_envelope::value::{Context, Place, Purpose};
use strongroom_envelope::{Id, RecordKey, RecordKind, SealedDataKey};
use strongroom_secret::{DataKey, SecretBytes};

use crate::peer::ask_script;
use crate::stream::{open, plaintext, seal};
use crate::vector::hex;

fn drawn<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    random::fill(&mut bytes);
    bytes
}

/// One random two-tier value, for both sides to seal and open.
struct Sample {
    key: [u8; 32],
    key_id: Id,
    key_version: u32,
    data_key: [u8; 32],
    purpose: Purpose,
    payload: Vec<u8>,
    transaction: RecordKey,
    step: (RecordKey, u16, u32),
}

impl Sample {
    fn random() -> Self {
        let [kind, length, many] = drawn();
        let mut payload = vec![0; usize::from(length) * usize::from(many & 7)];
        random::fill(&mut payload);
        Self {
            key: drawn(),
            key_id: Id(drawn()),
            key_version: u32::from_be_bytes(drawn()).max(1),
            data_key: drawn(),
            purpose: two_tier::PURPOSES[usize::from(kind) % 3],
            payload,
            transaction: RecordKey::new(RecordKind::Transaction, Id(drawn())),
            step: (
                RecordKey::new(RecordKind::TransactionStep, Id(drawn())),
                u16::from_be_bytes(drawn()),
                u32::from_be_bytes(drawn()),
            ),
        }
    }

    fn places(&self) -> [Place<'static>; 2] {
        let (key, field, version) = self.step;
        [Place::Record { key: self.transaction, field: 2, version: 1 }, Place::Record { key, field, version }]
    }

    fn sealed(&self) -> Vec<u8> {
        let [key_place, place] = self.places();
        let data_key = DataKey::from_slice(&self.data_key).unwrap();
        let master = SealingKey::new(&self.key);
        let wrapped = SealedDataKey::seal(&master, self.purpose, self.key_id, self.key_version, &key_place, &data_key);
        let mut sealed = Vec::new();
        two_tier::seal(&SealingKey::new(&self.data_key), &wrapped, &place, &self.payload, &mut sealed);
        sealed
    }

    fn request(&self, command: &str) -> Value {
        let place = |key: &RecordKey, field: u16, version: u32| json!({"record_key": hex(&key.to_bytes()), "field": field, "version": version});
        json!({
            "command": command, "key": hex(&self.key), "key_id": hex(&self.key_id.0),
            "key_version": self.key_version, "data_key": hex(&self.data_key), "purpose": self.purpose.byte(),
            "key_place": place(&self.transaction, 2, 1), "place": place(&self.step.0, self.step.1, self.step.2),
            "payload": hex(&self.payload),
        })
    }
}

#[test]
fn two_tier_values_go_both_ways() {
    let samples: Vec<Sample> = (0..2000).map(|_| Sample::random()).collect();
    let requests = samples.iter().flat_map(|sample| {
        let mut open = sample.request("open-two-tier");
        open["text"] = two_tier::to_text(&sample.sealed()).into();
        [open, sample.request("seal-two-tier")]
    });
    let answers = ask_script("exchange.py", requests.collect());
    assert_eq!(answers.len(), 4000);
    for (sample, answers) in samples.iter().zip(answers.chunks(2)) {
        assert_eq!(answers[0]["payload"], hex(&sample.payload), "{}", answers[0]);
        assert_eq!(answers[0]["data_key"], hex(&sample.data_key));
        let sealed = two_tier::from_text(answers[1]["text"].as_str().unwrap()).unwrap();
        let [key_place, place] = sample.places();
        let header = two_tier::parse(&sealed).unwrap();
        let data_key = header.data_key.open(&SealingKey::new(&sample.key), &key_place).unwrap();
        assert_eq!(data_key.expose(), &sample.data_key);
        let mut out = SecretBytes::new();
        two_tier::open(&SealingKey::new(data_key.expose()), sample.purpose, &place, &sealed, &mut out).unwrap();
        assert_eq!(out.expose(), sample.payload);
    }
}

/// A directory of its own for the files of one test.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory
}

const LENGTHS: [usize; 9] = [0, 1, 300, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 1, 5 * FRAME + 12_345];

#[test]
fn streams_go_both_ways() {
    let directory = directory("streams");
    let (key, data_key) = (drawn::<32>(), DataKey::fill_with(|bytes| random::fill(bytes)));
    let pairs = json!([["tenant", "7"], ["file", "backup.tar"]]);
    let context = Context::new([("tenant", "7"), ("file", "backup.tar")]).unwrap();
    let master = SealingKey::new(&key);
    let sealed = SealedDataKey::seal(&master, Purpose::Values, Id([9; 16]), 4, &Place::Context(&context), &data_key);
    let mut requests = Vec::new();
    for length in LENGTHS {
        let (ours, theirs) = (directory.join(format!("ours-{length}")), directory.join(format!("theirs-{length}")));
        fs::write(&ours, seal(&data_key, &sealed, &plaintext(length))).unwrap();
        requests.push(json!({"command": "open-stream", "key": hex(&key), "context": pairs, "file": ours}));
        requests.push(json!({
            "command": "seal-stream", "key": hex(&key), "key_id": hex(&[9; 16]), "key_version": 4,
            "data_key": hex(data_key.expose()), "context": pairs, "length": length, "file": theirs,
        }));
    }
    let answers = ask_script("exchange.py", requests);
    for (length, answers) in LENGTHS.into_iter().zip(answers.chunks(2)) {
        let digest = hex(&sha256(&[&plaintext(length)]));
        for answer in answers {
            assert_eq!(answer["digest"], digest, "{length}: {answer}");
        }
        assert_eq!(answers[0]["length"], length);
        let stream = fs::read(answers[1]["file"].as_str().unwrap()).unwrap();
        let header = StreamHeader::parse(&stream[..HEADER]).unwrap();
        let opened = header.data_key().open(&master, &Place::Context(&context)).unwrap();
        assert!(opened.same_as(&data_key));
        assert_eq!(open(Opener::new(&opened, &header), &stream[HEADER..]).unwrap(), plaintext(length));
    }
    fs::remove_dir_all(&directory).unwrap();
}
