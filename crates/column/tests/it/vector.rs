//! Vector files: `vectors/<format>/*.json`, written by `tests/peer/format_vectors.py` from the specification alone.

use std::path::PathBuf;

use serde_json::Value;

/// One vector.
pub struct Vector(Value);

/// The workspace's root.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs `outcome` on every vector of a format and compares it with the vector's header.
pub fn check_all(format: &str, least: usize, outcome: impl Fn(&Vector) -> String) {
    let folder = workspace().join("vectors").join(format);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= least, "{format}: {} vectors", paths.len());
    for path in paths {
        let vector = Vector(serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap());
        assert_eq!(vector.text("format"), format);
        assert_eq!(outcome(&vector), vector.text("expect"), "{}", path.display());
    }
}

/// One vector by its name, `format/name`.
pub fn named(name: &str) -> Vector {
    let path = workspace().join("vectors").join(name).with_extension("json");
    Vector(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

impl Vector {
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name}"))
    }

    /// Bytes in a vector are texts that begin with `hex:`.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(self.text(name).strip_prefix("hex:").unwrap())
    }

    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("{name}"))
    }
}

pub fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
