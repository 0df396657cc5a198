//! Proves that the cipher's buffered nonces never repeat across forks.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use strongroom_crypto::{NONCE, SealingKey};

use crate::child::{self, End};

/// A child's first random bytes cost AWS-LC some 50 ms, hence few; `STRONGROOM_TORTURE` asks for
/// more. That every one of a thousand forks is noticed is shown in `forking`, without AWS-LC.
#[test]
fn forks_never_emit_the_same_nonce() {
    let forks = std::env::var("STRONGROOM_TORTURE").map_or(100, |count| count.parse().unwrap());
    let key = SealingKey::new(&[7; 32]);
    let mut seen = HashSet::new();
    // Fills the buffer of this thread, so that each child inherits a full one.
    assert!(seen.insert(nonce(&key)));
    for _ in 0..forks {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let end = child::run(|| {
            for _ in 0..3 {
                there.write_all(&nonce(&key)).unwrap();
            }
        });
        assert_eq!(end, End::Returned);
        for _ in 0..3 {
            let mut drawn = [0; NONCE];
            here.read_exact(&mut drawn).unwrap();
            assert!(seen.insert(drawn), "a nonce was drawn twice");
        }
    }
    assert!(seen.insert(nonce(&key)));
    assert_eq!(seen.len(), 3 * forks + 2);
}

fn nonce(key: &SealingKey) -> [u8; NONCE] {
    let mut sealed = Vec::new();
    key.seal_append(&[], b"", &mut sealed);
    sealed[..NONCE].try_into().unwrap()
}
