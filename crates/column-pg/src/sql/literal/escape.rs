//! Strings with backslashes (`E'…'`).

use super::LiteralRefusal;
use super::unicode::Surrogates;

/// What the inside of such a string stands for; quotes in it are still doubled.
pub(super) fn decode(inside: &str) -> Result<String, LiteralRefusal> {
    let mut decoded = Decoder { bytes: Vec::with_capacity(inside.len()), surrogates: Surrogates::default() };
    let mut rest = inside.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after.first()) {
            (b'\\', Some(_)) => decoded.escape(after)?,
            (b'\'', Some(b'\'')) => {
                decoded.byte(b'\'')?;
                after.get(1..).unwrap_or_default()
            }
            _ => {
                decoded.byte(*byte)?;
                after
            }
        };
    }
    if decoded.surrogates.is_open() {
        return Err(LiteralRefusal::Escape);
    }
    if decoded.bytes.contains(&0) {
        return Err(LiteralRefusal::Utf8);
    }
    String::from_utf8(decoded.bytes).map_err(|_| LiteralRefusal::Utf8)
}

struct Decoder {
    bytes: Vec<u8>,
    surrogates: Surrogates,
}

impl Decoder {
    fn byte(&mut self, byte: u8) -> Result<(), LiteralRefusal> {
        if self.surrogates.is_open() {
            return Err(LiteralRefusal::Escape);
        }
        self.bytes.push(byte);
        Ok(())
    }

    /// What follows a backslash, and what is left behind it.
    fn escape<'r>(&mut self, rest: &'r [u8]) -> Result<&'r [u8], LiteralRefusal> {
        let (first, after) = rest.split_first().ok_or(LiteralRefusal::Escape)?;
        match first {
            b'0'..=b'7' => self.number(rest, 3, 8),
            b'x' if after.first().is_some_and(u8::is_ascii_hexdigit) => self.number(after, 2, 16),
            b'u' => self.character(after, 4),
            b'U' => self.character(after, 8),
            b'v' => Err(LiteralRefusal::VerticalTab),
            other => {
                self.byte(match other {
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                })?;
                Ok(after)
            }
        }
    }

    /// Up to so many digits as one byte; only its lowest eight bits count.
    fn number<'r>(&mut self, rest: &'r [u8], most: usize, base: u32) -> Result<&'r [u8], LiteralRefusal> {
        let digits = rest.iter().take(most).map_while(|byte| char::from(*byte).to_digit(base));
        let (count, value) = digits.fold((0, 0), |(count, value), digit| (count + 1, value * base + digit));
        self.byte((value & 0xff) as u8)?;
        Ok(rest.get(count..).unwrap_or_default())
    }

    /// Exactly so many digits as one character, or half of one.
    fn character<'r>(&mut self, rest: &'r [u8], digits: usize) -> Result<&'r [u8], LiteralRefusal> {
        let (digits, after) = rest.split_at_checked(digits).ok_or(LiteralRefusal::Escape)?;
        let value = super::unicode::number(digits).ok_or(LiteralRefusal::Escape)?;
        if let Some(character) = self.surrogates.take(value).ok_or(LiteralRefusal::Escape)? {
            self.bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(after)
    }
}
