//! A moment's text: what is read is written again as it was.

use strongroom_envelope::{Id, Timestamp};

/// Reads `data` as a moment and as an identifier.
pub fn target(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    if let Ok(moment) = Timestamp::parse(text) {
        assert_eq!(moment.rfc3339(), text);
    }
    if let Ok(id) = Id::parse(text) {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
}
