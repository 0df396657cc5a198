//! Unicode escapes, of strings and of names.

/// Whether `UESCAPE` may name this character.
pub(in crate::sql) fn may_escape(character: char) -> bool {
    let blank = matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    character.is_ascii() && !character.is_ascii_hexdigit() && !blank && !['+', '\'', '"'].contains(&character)
}

/// What the inside of `U&'…'` or `U&"…"` stands for, quotes made single before; nothing when an escape is wrong.
pub(in crate::sql) fn decode(inside: &str, escape: char) -> Option<String> {
    let mut decoded = String::with_capacity(inside.len());
    let mut surrogates = Surrogates::default();
    let mut rest = inside;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..)?;
        if character != escape || rest.starts_with(escape) {
            if surrogates.is_open() {
                return None;
            }
            decoded.push(character);
            rest = if character == escape { rest.get(escape.len_utf8()..)? } else { rest };
            continue;
        }
        let (digits, after) = match rest.strip_prefix('+') {
            Some(long) => long.as_bytes().split_at_checked(6)?,
            None => rest.as_bytes().split_at_checked(4)?,
        };
        decoded.extend(surrogates.take(number(digits)?)?);
        rest = rest.get(rest.len() - after.len()..)?;
    }
    (!surrogates.is_open()).then_some(decoded)
}

/// The number that hexadecimal digits are, all of them.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    let digit = |value: u32, byte: &u8| Some(value.checked_mul(16)? + char::from(*byte).to_digit(16)?);
    digits.iter().try_fold(0, digit)
}

/// Characters in one escape, or in two halves that follow each other.
#[derive(Default)]
pub(super) struct Surrogates {
    first: Option<u32>,
}

impl Surrogates {
    /// The character that a code completes, if it does; nothing at all when it cannot stand here.
    pub(super) fn take(&mut self, code: u32) -> Option<Option<char>> {
        match (self.first.take(), code) {
            (_, 0) => None,
            (None, 0xd800..=0xdbff) => {
                self.first = Some(code);
                Some(None)
            }
            (Some(first), 0xdc00..=0xdfff) => {
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + (code - 0xdc00)).map(Some)
            }
            (None, code) => char::from_u32(code).map(Some),
            (Some(_), _) => None,
        }
    }

    /// Whether the second half must come next.
    pub(super) fn is_open(&self) -> bool {
        self.first.is_some()
    }
}
