//! The digest of the running program.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;

use strongroom_crypto::hash::Sha256;

/// SHA-256 of the program's file, computed once; `None` when it cannot be read.
pub fn sha256() -> Option<[u8; 32]> {
    static DIGEST: OnceLock<Option<[u8; 32]>> = OnceLock::new();
    *DIGEST.get_or_init(|| {
        let mut program = File::open("/proc/self/exe").ok()?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = program.read(&mut buffer).ok()?;
            if read == 0 {
                return Some(hash.finish());
            }
            hash.update(&buffer[..read]);
        }
    })
}
