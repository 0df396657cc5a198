//! Vector files: `vectors/<format>/*.json`, written by `tests/peer/format_vectors.py` from the specification alone.

use std::path::PathBuf;

use serde_json::Value;
use strongroom_crypto::SealingKey;
use strongroom_envelope::{Id, RecordKey};
use strongroom_secret::RootKey;

/// One vector, or one object inside of it.
pub struct Vector(pub Value);

/// The workspace's root.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs `outcome` on every vector of a format and compares it with the vector's header.
pub fn check_all(format: &str, least: usize, outcome: impl Fn(&Vector) -> String) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(workspace().join("vectors").join(format))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= least, "{format}: {} vectors", paths.len());
    for path in paths {
        let vector = Vector::read(&path);
        assert_eq!(vector.text("format"), format);
        assert_eq!(outcome(&vector), vector.text("expect"), "{}", path.display());
    }
}

/// One vector by its name, `format/name`.
pub fn named(name: &str) -> Vector {
    let path = workspace().join("vectors").join(name);
    Vector::read(&path.with_extension("json"))
}

impl Vector {
    fn read(path: &std::path::Path) -> Self {
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name}"))
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        bytes(&self.0[name])
    }

    pub fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }

    pub fn id(&self, name: &str) -> Id {
        Id(self.array(name))
    }

    pub fn u64(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("{name}"))
    }

    pub fn u32(&self, name: &str) -> u32 {
        self.u64(name).try_into().unwrap()
    }

    pub fn i64(&self, name: &str) -> i64 {
        self.0[name].as_i64().unwrap_or_else(|| panic!("{name}"))
    }

    pub fn list(&self, name: &str) -> Vec<Self> {
        let list = self.0[name].as_array().unwrap_or_else(|| panic!("{name}"));
        list.iter().cloned().map(Self).collect()
    }

    pub fn object(&self, name: &str) -> Self {
        Self(self.0[name].clone())
    }

    pub fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.list(name).iter().map(|pair| (text(&pair.0[0]), text(&pair.0[1]))).collect()
    }

    pub fn record_key(&self, name: &str) -> RecordKey {
        RecordKey::from_bytes(&self.bytes(name)).unwrap()
    }

    pub fn sealing(&self) -> SealingKey {
        SealingKey::new(&self.array("key"))
    }

    pub fn root_key(&self) -> RootKey {
        RootKey::from_slice(&self.bytes("root_key")).unwrap()
    }
}

/// Bytes in a vector are texts that begin with `hex:`.
pub fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().strip_prefix("hex:").unwrap();
    unhex(digits)
}

pub fn unhex(digits: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(pair).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
