//! Seals and opens cells, and opens envelopes of keys, with the crate `mssql-auth`: a line on standard input, a line of hexadecimal
//! digits or `refused` for each.
//!
//! ```text
//! KEY 1|2 seal|open DATA         a cell, deterministic or randomized
//! MASTER - envelope DATA         a key in an envelope; MASTER is PKCS#8
//! PATH - signed CIPHERTEXT       what the signature of an envelope is of; PATH is UTF-8
//! ```

use std::io::{BufRead, Write};

use mssql_auth::{AeadEncryptor, EncryptionType, RsaKeyUnwrapper, cek_envelope};

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        match answer(&line?) {
            Some(bytes) => writeln!(output, "{}", hex(&bytes))?,
            None => writeln!(output, "refused")?,
        }
    }
    Ok(())
}

fn answer(line: &str) -> Option<Vec<u8>> {
    let words: Vec<&str> = line.split(' ').collect();
    let [key, mode, what, data] = words.as_slice() else { return None };
    let (key, data) = (unhex(key)?, unhex(data)?);
    match *what {
        "seal" => {
            let mode = if *mode == "1" { EncryptionType::Deterministic } else { EncryptionType::Randomized };
            AeadEncryptor::new(&key).ok()?.encrypt(&data, mode).ok()
        }
        "open" => AeadEncryptor::new(&key).ok()?.decrypt(&data).ok(),
        "envelope" => RsaKeyUnwrapper::from_der(&key).ok()?.decrypt_cek(&data).ok(),
        "signed" => Some(cek_envelope::build_signed_portion(&String::from_utf8(key).ok()?, &data)),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect()
}
