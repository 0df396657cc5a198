//! The Python scripts of `tests/peer`, run as another implementation of the specification.

use std::process::Command;

/// What a script prints; `None` where Python or its package `cryptography` is missing, which is said.
pub fn run(test: &str, script: &str, arguments: &[&str]) -> Option<String> {
    let probe = "import cryptography.hazmat.primitives.kdf.hkdf";
    let is_there = Command::new("python3").args(["-c", probe]).output().is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("not run: {test}: Python with the package cryptography is missing");
        return None;
    }
    let path = format!("{}/tests/peer/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3").arg(path).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let text = text.trim();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
