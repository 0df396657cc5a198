//! From the path of a key and the name of a value to the name of a setting.

use super::RowRefusal;

/// What the value without a name is called.
const DEFAULT: &str = "Default";
const PART_BYTES: usize = 128;
const PARTS: usize = 16;

/// The parts of the path and the value's name, joined by `/`, with `-` for each space; nothing else is changed.
pub(super) fn of(key: &str, value: Option<&str>) -> Result<String, RowRefusal> {
    let parts: Vec<String> =
        key.split('\\').chain([value.unwrap_or(DEFAULT)]).map(|part| part.replace(' ', "-")).collect();
    if let Some(part) = parts.iter().find(|part| !fits(part)) {
        // A name is no secret; a long one is not repeated.
        return Err(RowRefusal::Name { part: part.chars().take(PART_BYTES).filter(|c| !c.is_control()).collect() });
    }
    if parts.len() > PARTS { Err(RowRefusal::Parts) } else { Ok(parts.join("/")) }
}

fn fits(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'@' | b'-');
    part.len() <= PART_BYTES
        && part.starts_with(|first: char| first.is_ascii_alphanumeric())
        && part.bytes().all(allowed)
}
