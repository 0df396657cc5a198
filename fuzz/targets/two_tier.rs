//! A two-tier value: its header, and opening it under keys that never sealed it.

use strongroom_crypto::SealingKey;
use strongroom_envelope::two_tier;
use strongroom_envelope::value::{Context, Place};
use strongroom_secret::SecretBytes;

/// Reads `data` as a two-tier value.
pub fn target(data: &[u8]) {
    let Ok(header) = two_tier::parse(data) else {
        return;
    };
    assert_eq!(data[1], header.purpose.byte());
    assert_eq!(data[4..132], header.data_key.as_bytes()[..]);
    assert_eq!(two_tier::from_text(&two_tier::to_text(data)).as_deref(), Ok(data));
    let (context, key, mut out) = (Context::empty(), SealingKey::new(&[0xf0; 32]), SecretBytes::new());
    let place = Place::Context(&context);
    assert!(header.data_key.open(&key, &place).is_err());
    let opened = two_tier::open(&key, header.purpose, &place, data, &mut out);
    assert!(opened.is_err() && out.is_empty());
}
