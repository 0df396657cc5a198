//! One value: from what the client sent to a cell, from a cell to what the client asked for.

use strongroom_column::{BadValue, CellKey, Format, Mode, PlainType, Style};

use crate::array::Array;
use crate::catalogue::Shape;

/// Buffers that are used again for every value.
#[derive(Default)]
pub(super) struct Scratch {
    /// What was made.
    pub(super) value: Vec<u8>,
    normal: Vec<u8>,
    cell: Vec<u8>,
}

/// How values become cells.
pub(super) struct Sealing<'a> {
    pub(super) key: &'a CellKey,
    pub(super) mode: Mode,
    pub(super) plain: &'a PlainType,
    pub(super) shape: Shape,
    /// The type the client's bytes are in, an array's if the shape is one.
    pub(super) given: u32,
    pub(super) format: Format,
    pub(super) style: &'a Style,
    /// OID of the type an array's elements have for the server.
    pub(super) element: u32,
    /// How cells go to the server: in binary as parameters, as `bytea` in text in place of literals.
    pub(super) sent: Format,
}

/// Why a value was not sealed; never the value.
#[derive(Debug)]
pub(super) struct NotSealed {
    pub(super) sqlstate: &'static str,
    pub(super) why: String,
}

impl NotSealed {
    fn new(sqlstate: &'static str, why: impl std::fmt::Display) -> Self {
        Self { sqlstate, why: why.to_string() }
    }
}

impl From<BadValue> for NotSealed {
    fn from(bad: BadValue) -> Self {
        Self::new(bad.sqlstate(), bad)
    }
}

/// The type of a literal without one.
const UNKNOWN: u32 = 705;

/// How cells become values.
pub(super) struct Opening<'a> {
    pub(super) key: &'a CellKey,
    pub(super) plain: &'a PlainType,
    pub(super) shape: Shape,
    pub(super) came: Format,
    pub(super) wanted: Format,
    pub(super) style: &'a Style,
}

/// Makes the cell, or the array of cells, as it is sent; it is in `scratch.value` then.
pub(super) fn seal(sealing: &Sealing<'_>, value: &[u8], scratch: &mut Scratch) -> Result<(), NotSealed> {
    scratch.value.clear();
    let Scratch { value: out, normal, .. } = scratch;
    // PostgreSQL gives what is stored the type of the column, the domain, and what is compared the type of the operator.
    let purpose = match sealing.shape {
        Shape::Domain => Purpose::Stored,
        Shape::Cell => Purpose::Compared,
        Shape::CellArray | Shape::DomainArray => return sealing.array(value, normal, out),
    };
    sealing.one(value, sealing.given, purpose, normal, out)?;
    if sealing.sent == Format::Text {
        let text = bytea_to_text(out);
        out.clear();
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Purpose {
    Stored,
    Compared,
}

impl Sealing<'_> {
    fn one(
        &self,
        value: &[u8],
        given: u32,
        purpose: Purpose,
        normal: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), NotSealed> {
        normal.clear();
        match purpose {
            Purpose::Stored => self.plain.normalise(value, self.format, given, self.style, normal)?,
            Purpose::Compared => self.plain.normalise_compared(value, self.format, given, self.style, normal)?,
        }
        self.key.seal(self.mode, normal, out);
        Ok(())
    }

    fn array(&self, value: &[u8], normal: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), NotSealed> {
        let purpose = if self.shape == Shape::CellArray { Purpose::Compared } else { Purpose::Stored };
        let array = Array::read(value, self.format, b',')
            .map_err(|refusal| NotSealed::new(refusal.sqlstate(self.format), refusal))?;
        // In text elements are texts of whatever type; in binary the array says which.
        let given = if self.format == Format::Binary { array.element_oid } else { UNKNOWN };
        let sealed = array.map(self.element, |element, out| self.one(element, given, purpose, normal, out))?;
        let sealed = match self.sent {
            Format::Binary => sealed,
            Format::Text => sealed.map(self.element, |cell, out| {
                out.extend_from_slice(bytea_to_text(cell).as_bytes());
                Ok::<(), NotSealed>(())
            })?,
        };
        sealed.write(self.sent, b',', out);
        Ok(())
    }
}

/// Opens a cell, or each cell of an array; the value is in `scratch.value` then. On failure says why, without the value.
pub(super) fn open(opening: &Opening<'_>, sent: &[u8], scratch: &mut Scratch) -> Result<(), String> {
    scratch.value.clear();
    let Scratch { value: out, normal, cell } = scratch;
    match opening.shape {
        Shape::Cell | Shape::Domain => opening.one(sent, opening.came, normal, cell, out),
        Shape::CellArray | Shape::DomainArray => {
            let array = Array::read(sent, opening.came, b',').map_err(|refusal| refusal.to_string())?;
            let element = opening.plain.oid();
            let opened = array.map(element, |sent, out| opening.one(sent, opening.came, normal, cell, out))?;
            opened.write(opening.wanted, b',', out);
            Ok(())
        }
    }
}

impl Opening<'_> {
    fn one(
        &self,
        sent: &[u8],
        came: Format,
        normal: &mut Vec<u8>,
        buffer: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        normal.clear();
        let cell = match came {
            Format::Binary => sent,
            Format::Text => {
                buffer.clear();
                bytea_from_text(sent, buffer).ok_or("it is not a cell")?;
                buffer
            }
        };
        self.key.open(cell, normal).map_err(|error| error.to_string())?;
        self.plain.denormalise(normal, self.wanted, self.style, out).map_err(|bad| bad.to_string())
    }
}

/// The bytes of a `bytea` that PostgreSQL wrote as text, in either of its forms: a cell begins with the byte 1, so that the two
/// cannot be taken for each other.
pub(super) fn bytea_from_text(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    if let Some(digits) = text.strip_prefix(b"\\x") {
        let (pairs, odd) = digits.as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        for [high, low] in pairs {
            bytes.push(nibble(*high)? << 4 | nibble(*low)?);
        }
        return Some(());
    }
    let mut rest = text;
    while !rest.is_empty() {
        let (byte, after) = match rest {
            [b'\\', b'\\', after @ ..] => (b'\\', after),
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), after)
            }
            [b'\\', ..] | [] => return None,
            [byte, after @ ..] => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    Some(())
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A cell as the text that PostgreSQL reads as `bytea`: `\x` and hexadecimal digits.
pub(super) fn bytea_to_text(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(nibble)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_text_forms_of_bytes_are_read() {
        // `SELECT '\x01005c61ff'::bytea` with bytea_output hex and escape.
        for text in [&b"\\x01005c61ff"[..], b"\\001\\000\\\\a\\377"] {
            let mut bytes = Vec::new();
            assert_eq!(bytea_from_text(text, &mut bytes), Some(()));
            assert_eq!(bytes, [1, 0, b'\\', b'a', 255]);
        }
        for bad in [&b"\\x0"[..], b"\\xzz", b"\\9", b"\\40", b"\\"] {
            assert_eq!(bytea_from_text(bad, &mut Vec::new()), None);
        }
    }

    #[test]
    fn the_text_of_a_cell_reads_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut read = Vec::new();
        assert_eq!(bytea_from_text(bytea_to_text(&bytes).as_bytes(), &mut read), Some(()));
        assert_eq!(read, bytes);
    }
}
