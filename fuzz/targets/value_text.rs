//! The text form of a sealed value: a text that is read is the one text of its bytes.

use strongroom_envelope::value;

/// Reads `data` as a text.
pub fn target(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    if let Ok(sealed) = value::from_text(text) {
        assert_eq!(value::to_text(&sealed), text);
    }
}
