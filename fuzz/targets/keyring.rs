//! The keyring's plaintext: what is read is written again as it was, and its ids are those of its keys.

use strongroom_envelope::keyring::{Keyring, store_key_id};

/// Reads `data` as the plaintext of a keyring.
pub fn target(data: &[u8]) {
    if let Ok(keyring) = Keyring::decode(data) {
        assert_eq!(keyring.encoded().expose(), data);
        assert!(keyring.store_keys().iter().all(|entry| entry.id == store_key_id(&entry.key)));
        let _ = (keyring.active_store_key(), keyring.active_wrap_key());
    }
}
