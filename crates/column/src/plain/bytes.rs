//! `bytea` and `uuid`.

use super::given::{Given, exactly};
use super::{BadValue, Format, PlainType, Style, oid};

/// Bytes as they came, appended to `out`: their normal form is themselves.
pub(super) fn read_bytea(value: &[u8], given: Given<'_>, out: &mut Vec<u8>) -> Result<(), BadValue> {
    if given.source(oid::BYTEA) != oid::BYTEA {
        return Err(given.unconverted(&PlainType::Bytea));
    }
    let read = match (given.format, value.strip_prefix(b"\\x")) {
        (Format::Binary, _) => {
            out.extend_from_slice(value);
            return Ok(());
        }
        (Format::Text, Some(digits)) => read_hex(digits, out),
        (Format::Text, None) => read_escaped(value, out),
    };
    read.ok_or(BadValue::Syntax { type_name: "bytea" })
}

/// Pairs of digits, with blanks between pairs where there are some.
fn read_hex(digits: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut digits = digits.iter();
    while let Some(high) = digits.next() {
        if matches!(high, b' ' | b'\n' | b'\t' | b'\r') {
            continue;
        }
        out.push(digit(*high)? << 4 | digit(*digits.next()?)?);
    }
    Some(())
}

/// `\\` for a backslash, `\ooo` for any byte, all else for itself.
fn read_escaped(mut text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    while let Some((first, rest)) = text.split_first() {
        text = rest;
        if *first != b'\\' {
            out.push(*first);
        } else if let Some(after) = rest.strip_prefix(b"\\") {
            out.push(b'\\');
            text = after;
        } else {
            let (octal, after) = rest.split_first_chunk::<3>()?;
            let [high, middle, low] = octal.map(|digit| digit.wrapping_sub(b'0'));
            if high > 3 || middle > 7 || low > 7 {
                return None;
            }
            out.push(high << 6 | middle << 3 | low);
            text = after;
        }
    }
    Some(())
}

/// Bytes as PostgreSQL would send them.
pub(super) fn show_bytea(bytes: &[u8], format: Format, style: &Style, out: &mut Vec<u8>) {
    match format {
        Format::Binary => out.extend_from_slice(bytes),
        Format::Text if style.bytea_hex => {
            out.reserve(2 + 2 * bytes.len());
            out.extend_from_slice(b"\\x");
            out.extend(bytes.iter().flat_map(|byte| pair(*byte)));
        }
        Format::Text => {
            for byte in bytes {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    b' '..=b'~' => out.push(*byte),
                    _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                }
            }
        }
    }
}

/// The 16 bytes of a UUID as it came, in the order in which it is written.
pub(super) fn read_uuid(value: &[u8], given: Given<'_>) -> Result<[u8; 16], BadValue> {
    if given.source(oid::UUID) != oid::UUID {
        return Err(given.unconverted(&PlainType::Uuid));
    }
    match given.format {
        Format::Text => uuid_of(value).ok_or(BadValue::Syntax { type_name: "uuid" }),
        Format::Binary => exactly(value, "uuid"),
    }
}

/// What `uuid` accepts: 32 digits, a hyphen behind any group of four, braces around.
fn uuid_of(value: &[u8]) -> Option<[u8; 16]> {
    let inside = match value.strip_prefix(b"{") {
        Some(rest) => rest.strip_suffix(b"}")?,
        None => value,
    };
    let mut bytes = [0; 16];
    let mut rest = inside;
    for (number, byte) in bytes.iter_mut().enumerate() {
        let ([high, low], after) = rest.split_first_chunk::<2>()?;
        *byte = digit(*high)? << 4 | digit(*low)?;
        let may_pause = number % 2 == 1 && number < 15;
        rest = after.strip_prefix(b"-").filter(|_| may_pause).unwrap_or(after);
    }
    rest.is_empty().then_some(bytes)
}

/// The order of a .NET Guid: the first three groups are little-endian. The way back is the same.
pub(super) const fn swapped(uuid: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = uuid;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

/// A UUID as PostgreSQL would send it.
pub(super) fn show_uuid(uuid: [u8; 16], format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Binary => out.extend_from_slice(&uuid),
        Format::Text => {
            for (number, byte) in uuid.iter().enumerate() {
                if matches!(number, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                out.extend_from_slice(&pair(*byte));
            }
        }
    }
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Both digits of a byte.
fn pair(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|half| if half < 10 { b'0' + half } else { b'a' + half - 10 })
}
