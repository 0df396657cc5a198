//! A slot of the anchor: what is read is written again as it was.

use strongroom_envelope::anchor;

/// Reads `data` as a slot and as a file.
pub fn target(data: &[u8]) {
    if let Ok(slot) = anchor::parse(data) {
        assert_eq!(anchor::encode(&slot)[..], *data);
    }
    let _ = anchor::parse_file(data);
}
