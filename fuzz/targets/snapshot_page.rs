//! The body of a snapshot page: what is read is written again as it was.

use strongroom_envelope::body;
use strongroom_envelope::snapshot::{Assembly, Page};

/// Reads `data` as the body of a snapshot page.
pub fn target(data: &[u8]) {
    if let Ok(page) = body::decode_strict::<Page>(data) {
        assert_eq!(body::encode(&page), data);
        if let Ok(assembly) = Assembly::begin(&page) {
            let _ = assembly.finish();
        }
    }
}
