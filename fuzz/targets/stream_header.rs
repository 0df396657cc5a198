//! The header of a stream, and frames behind it that were never sealed.

use strongroom_envelope::stream::{FrameError, HEADER, Opener, StreamHeader};
use strongroom_secret::{DataKey, SecretBytes};

/// Reads `data` as a stream.
pub fn target(data: &[u8]) {
    let (header, frames) = data.split_at(data.len().min(HEADER));
    let Ok(header) = StreamHeader::parse(header) else {
        return;
    };
    assert_eq!(data[12..140], header.data_key().as_bytes()[..]);
    let (data_key, mut out) = (DataKey::fill_with(|key| key.fill(0xf0)), SecretBytes::new());
    let opened = Opener::new(&data_key, &header).open_last(frames, &mut out);
    let expected = if frames.is_empty() { FrameError::Cut } else { FrameError::Unauthentic };
    assert!(opened == Err(expected) && out.is_empty());
}
