//! The wrong PINs that this process has tried, as salted digests: none is tried twice, so that no token locks itself.

use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use std::os::unix::ffi::OsStrExt;

use strongroom_crypto::{hash, random};
use strongroom_secret::SecretBytes;

/// Digests of module, token and PIN; the oldest go first.
struct Wrong {
    salt: [u8; 32],
    digests: Vec<[u8; 32]>,
}

static WRONG: LazyLock<Mutex<Wrong>> = LazyLock::new(|| {
    let mut salt = [0; 32];
    random::fill(&mut salt);
    Mutex::new(Wrong { salt, digests: Vec::new() })
});

/// Whether the token has refused this PIN before.
pub(super) fn was_wrong(module: &Path, token: &str, pin: &SecretBytes) -> bool {
    let wrong = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
    let digest = digest(&wrong.salt, module, token, pin);
    wrong.digests.contains(&digest)
}

/// Remembers that the token refused this PIN.
pub(super) fn note_wrong(module: &Path, token: &str, pin: &SecretBytes) {
    let mut wrong = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
    let digest = digest(&wrong.salt, module, token, pin);
    if wrong.digests.len() == MOST {
        wrong.digests.remove(0);
    }
    wrong.digests.push(digest);
}

fn digest(salt: &[u8; 32], module: &Path, token: &str, pin: &SecretBytes) -> [u8; 32] {
    let parts = [module.as_os_str().as_bytes(), token.as_bytes(), pin.expose()].map(|part| hash::sha256(&[part]));
    hash::sha256(&[salt, &parts[0], &parts[1], &parts[2]])
}

const MOST: usize = 256;
