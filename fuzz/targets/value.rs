//! A sealed value: its header, and opening it under a key that never sealed it.

use strongroom_crypto::SealingKey;
use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_secret::SecretBytes;

/// Reads `data` as a sealed value.
pub fn target(data: &[u8]) {
    let Ok(header) = value::parse(data) else {
        return;
    };
    assert!(header.key_version > 0);
    assert_eq!(data[4..20], header.key_id.0);
    assert_eq!(value::from_text(&value::to_text(data)).as_deref(), Ok(data));
    let (context, mut out) = (Context::empty(), SecretBytes::new());
    for purpose in [header.purpose, Purpose::Sign] {
        let key = SealingKey::new(&[0xf0; 32]);
        let opened = value::open(&key, purpose, &Place::Context(&context), data, &mut out);
        assert!(opened.is_err() && out.is_empty());
    }
}
