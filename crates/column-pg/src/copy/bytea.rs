//! `bytea` in text: written in hexadecimal form, read in both forms that a session's `bytea_output` can have.

/// Appends `bytes` in hexadecimal form.
pub(super) fn write(bytes: &[u8], text: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.reserve(2 + 2 * bytes.len());
    text.extend_from_slice(b"\\x");
    for byte in bytes {
        let digits = [byte >> 4, byte & 0xf].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0'));
        text.extend_from_slice(&digits);
    }
}

/// The bytes that `text` stands for; nothing when it is in neither form.
pub(super) fn read(text: &[u8]) -> Option<Vec<u8>> {
    match text.strip_prefix(b"\\x") {
        Some(digits) => hexadecimal(digits),
        None => escaped(text),
    }
}

fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// `\\` for a backslash, `\ooo` for any byte.
fn escaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', after @ ..]) => {
                bytes.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                after
            }
            (b'\\', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    /// What PostgreSQL 15 prints for `bytea '\x0141095c7fff'` in each form.
    #[test]
    fn both_forms() {
        let bytes = vec![0x01, 0x41, 0x09, 0x5c, 0x7f, 0xff];
        assert_eq!(read(b"\\x0141095c7fff"), Some(bytes.clone()));
        assert_eq!(read(b"\\001A\\011\\\\\\177\\377"), Some(bytes.clone()));
        let mut text = Vec::new();
        write(&bytes, &mut text);
        assert_eq!(text, b"\\x0141095c7fff");
        for wrong in [b"\\x014".as_slice(), b"\\x0g", b"\\", b"\\9", b"\\400"] {
            assert_eq!(read(wrong), None);
        }
    }
}
