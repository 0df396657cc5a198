//! What a database administrator could do: change one byte of one record in the store's file.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::failure::Failure;

/// The kind of a secret's head record, docs/spec/record.md.
const SECRET: u8 = 0x11;
/// A byte in the ciphertext: behind the record's head and nonce.
const INTO_CIPHERTEXT: u64 = 16 + 24 + 3;

/// Flips one bit in the head record of the secret with this id; twice is as before.
pub fn flip_one_byte(store: &Path, id: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::local("changing the store's file", error, "see the message");
    let mut content = Vec::new();
    File::open(store).and_then(|mut file| file.read_to_end(&mut content)).map_err(failed)?;
    let id: Vec<u8> = crate::settings::hexadecimal::<16>(&id.replace('-', "")).map(Vec::from).unwrap_or_default();
    // In the row the sealed record follows its key; it begins with format 1 and its kind.
    let place = [&[SECRET][..], &id, &[1, SECRET]].concat();
    let Some(found) = content.windows(place.len()).position(|window| window == place) else {
        return Err(Failure::local("changing the store's file", "the record was not found", "see the message"));
    };
    let at = found as u64 + 17 + INTO_CIPHERTEXT;
    let mut byte = [0];
    let file = OpenOptions::new().read(true).write(true).open(store).map_err(failed)?;
    file.read_exact_at(&mut byte, at).map_err(failed)?;
    byte[0] ^= 1;
    file.write_all_at(&byte, at).and_then(|()| file.sync_all()).map_err(failed)
}
