//! The envelope of a column encryption key: what is taken apart adds up to what was given.

use strongroom_column::KeyEnvelope;
use strongroom_crypto::column_envelope::Parts;

pub fn target(data: &[u8]) {
    let Ok(parts) = Parts::parse(data) else {
        assert!(KeyEnvelope::parse(data).is_err());
        return;
    };
    assert_eq!([parts.signed, parts.signature].concat(), data);
    assert_eq!(parts.ciphertext.len(), parts.signature.len());
    assert_eq!(5 + parts.path.len() + parts.ciphertext.len(), parts.signed.len());
    let shown = KeyEnvelope::parse(data).map(|envelope| envelope.key_path());
    assert!(shown.is_ok_and(|path| path == parts.path_text()));
}
