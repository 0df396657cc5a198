//! Proves that cells are exchanged with the crate `mssql-auth`, a client of SQL Server in Rust, and that it opens our envelopes.
//!
//! `cargo xtask check` builds the program that uses it, `tests/mssql`, with exactly the versions of its own lock file.

use std::path::PathBuf;
use std::process::Command;

use strongroom_column::envelope;
use strongroom_column::master::MasterKey;
use strongroom_secret::{ColumnKey, SecretBytes};

use crate::peer::{ask, exchange_cells, installed};
use crate::vector::{hex, unhex};

fn program(test: &str) -> Option<PathBuf> {
    let program = installed("mssql").join("debug/mssql-peer");
    if program.exists() {
        return Some(program);
    }
    println!("not run: {test}: {} is not there; `cargo xtask check` makes it", program.display());
    None
}

#[test]
fn ten_thousand_cells_each_way() {
    let Some(program) = program("ten_thousand_cells_each_way") else { return };
    assert!(exchange_cells(Command::new(program), 20_002));
}

#[test]
fn it_opens_our_envelopes() {
    let Some(program) = program("it_opens_our_envelopes") else { return };
    let openssl = |words: &str, folder: &std::path::Path| {
        Command::new("openssl")
            .args(words.split(' '))
            .current_dir(folder)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let folder = tempfile::tempdir().unwrap();
    for bits in [2048_usize, 3072] {
        let generate = format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -outform DER -out master.der");
        if !openssl(&generate, folder.path()) {
            return println!("not run: it_opens_our_envelopes: openssl is not there");
        }
        assert!(openssl("pkcs8 -topk8 -nocrypt -inform DER -in master.der -outform DER -out pkcs8.der", folder.path()));
        let pkcs8 = std::fs::read(folder.path().join("pkcs8.der")).unwrap();
        let master = MasterKey::from_pkcs8(&SecretBytes::from_slice(&pkcs8)).unwrap();
        let (path, key) = ("cmk\u{20ac}1#1", [bits.to_le_bytes()[0] ^ 0x5a; 32]);
        let made = envelope::seal(&master, path, &ColumnKey::from_slice(&key).unwrap()).unwrap();
        let modulus = bits / 8;
        let signed = &made[..made.len() - modulus];
        let mut changed = made.clone();
        changed[6] ^= 1;
        let lines = [
            format!("{} - envelope {}", hex(&pkcs8), hex(&made)),
            format!("{} - envelope {}", hex(&pkcs8), hex(&changed)),
            format!("{} - signed {}", hex(path.as_bytes()), hex(&signed[signed.len() - modulus..])),
        ];
        let answers = ask(Command::new(&program), &lines).unwrap();
        assert_eq!(unhex(&answers[0]), key);
        assert_eq!(answers[1], "refused");
        assert_eq!(unhex(&answers[2]), signed);
    }
}
