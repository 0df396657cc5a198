//! References: to characters, and to the five entities that XML predefines.

use std::borrow::Cow;

use super::encoding::allowed;
use super::tag::is_name;
use super::{Position, Problem, RequestRefusal};

/// The character a reference stands for: `inner` is what stands between `&` and `;`, `offset` where the `&` stands.
pub(super) fn resolve(inner: &str, document: &str, offset: usize) -> Result<char, RequestRefusal> {
    match character(inner) {
        Some(character) => Ok(character),
        None if is_name(inner) => {
            Err(RequestRefusal::EntityReference { at: Position::of(document.as_bytes(), offset) })
        }
        None => Err(Problem::Reference.at(document, offset)),
    }
}

/// A value as XML 1.0 (section 3.3.3) has it read. Its references were resolved once before, so they do.
pub(super) fn normalized(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
        return Cow::Borrowed(raw);
    }
    let spaced = raw.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
    let mut parts = spaced.split('&');
    let mut value = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once(';').unwrap_or((part, ""));
        value.extend(character(inner));
        value.push_str(rest);
    }
    Cow::Owned(value)
}

/// What stands between `&` and `;`, if it is the reference of a character.
pub(super) fn character(inner: &str) -> Option<char> {
    match inner {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => number(inner.strip_prefix('#')?),
    }
}

fn number(digits: &str) -> Option<char> {
    let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |digits| (digits, 16));
    // A plus sign, which parsing numbers would take, is no digit here.
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|character| allowed(*character))
}
