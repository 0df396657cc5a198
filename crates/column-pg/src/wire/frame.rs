//! Where a message ends: one byte of type, four bytes of length, the body.

use super::Malformed;

/// The longest message that is read, in bytes, its length field included: what PostgreSQL itself refuses to exceed.
pub const LARGEST_MESSAGE: u32 = 0x3fff_ffff;

/// Bytes before the body.
pub const HEADER_LENGTH: usize = 5;

/// The beginning of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the message.
    pub tag: u8,
    /// Bytes of the whole message, with tag and length.
    pub length: usize,
}

/// Reads the beginning of a message; `None` when `bytes` does not hold all of it yet.
///
/// # Errors
/// [`Malformed::Length`] when the length is less than its own four bytes or more than [`LARGEST_MESSAGE`].
pub fn header(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some((&[tag, a, b, c, d], _)) = bytes.split_first_chunk::<HEADER_LENGTH>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    if !(4..=LARGEST_MESSAGE).contains(&length) {
        return Err(Malformed::Length { length });
    }
    Ok(Some(Header { tag, length: length as usize + 1 }))
}

/// Writes a message: the tag, a length, what `body` writes.
///
/// What does not fit into a message is a mistake of the caller and cannot come from one message of the other side, which is
/// limited itself; the length is then given as the largest, and the peer ends the connection.
pub fn write(out: &mut bytes::BytesMut, tag: u8, body: impl FnOnce(&mut bytes::BytesMut)) {
    use bytes::BufMut;
    out.put_u8(tag);
    let at = out.len();
    out.put_u32(0);
    body(out);
    let length = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(at..at + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_when_it_is_whole() {
        let sync = [b'S', 0, 0, 0, 4];
        for end in 0..5 {
            assert_eq!(header(&sync[..end]), Ok(None));
        }
        assert_eq!(header(&sync), Ok(Some(Header { tag: b'S', length: 5 })));
    }

    #[test]
    fn lengths_that_no_message_has_are_refused() {
        for length in [0_u32, 3, LARGEST_MESSAGE + 1, u32::MAX] {
            let mut bytes = vec![b'Q'];
            bytes.extend_from_slice(&length.to_be_bytes());
            assert_eq!(header(&bytes), Err(Malformed::Length { length }));
        }
    }

    #[test]
    fn the_length_counts_itself_and_the_body() {
        let mut out = bytes::BytesMut::new();
        write(&mut out, b'Q', |body| body.extend_from_slice(b"x\0"));
        assert_eq!(&out[..], [b'Q', 0, 0, 0, 6, b'x', 0]);
    }
}
