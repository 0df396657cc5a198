//! The manifest: what is read is written again as the same bytes.

use strongroom_column::Manifest;

pub fn target(data: &[u8]) {
    if let Ok(manifest) = Manifest::parse_unverified(data) {
        let again = manifest.to_canonical();
        assert!(again.is_ok_and(|document| document == data));
    }
}
