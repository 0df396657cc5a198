//! The data of a value, by the registry's types.

use strongroom_secret::SecretBytes;

use super::RowRefusal;
use super::scan::{Scan, from_utf16, text_of};
use crate::setting::value::Value;
use crate::wire::WireSecret;

/// The version of a file: how its texts are written in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In eight bits, of a code page that the file does not name.
    Four,
    /// In UTF-16.
    Five,
}

/// What stands behind the equals sign, to the end of the line.
pub(super) fn read(scan: &mut Scan<'_>, form: Form) -> Result<Value, RowRefusal> {
    scan.skip_spaces();
    if scan.take(b"-") {
        return Err(RowRefusal::Deletion);
    }
    if scan.take(b"dword:") {
        return dword(scan);
    }
    if scan.take(b"hex(") {
        let number = scan.take_while(|byte| byte.is_ascii_hexdigit());
        let number = String::from_utf8_lossy(number).to_ascii_lowercase();
        let is_written = scan.take(b"):");
        return if is_written { typed(scan, form, number) } else { Err(RowRefusal::Unreadable) };
    }
    if scan.take(b"hex:") {
        return bytes(scan).map(|bytes| Value::BinaryBase64(WireSecret::new(bytes)));
    }
    let text = scan.quoted()?;
    if text_of(text.expose(), form)?.contains('\0') {
        return Err(RowRefusal::Text);
    }
    if scan.is_at_end() { Ok(Value::StringBase64(WireSecret::new(text))) } else { Err(RowRefusal::Quotes) }
}

fn dword(scan: &mut Scan<'_>) -> Result<Value, RowRefusal> {
    let digits = scan.take_while(|byte| byte.is_ascii_hexdigit());
    let number = std::str::from_utf8(digits).ok().filter(|digits| digits.len() <= 8);
    let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(RowRefusal::Digits)?;
    if scan.is_at_end() { Ok(Value::Integer(i64::from(number))) } else { Err(RowRefusal::Digits) }
}

fn typed(scan: &mut Scan<'_>, form: Form, number: String) -> Result<Value, RowRefusal> {
    let bytes = bytes(scan)?;
    let data = bytes.expose();
    let exactly = || RowRefusal::Digits;
    match number.trim_start_matches('0') {
        "1" | "2" => {
            let mut text = text(data, form)?;
            if text.expose().last() == Some(&0) {
                text.truncate(text.len() - 1);
            }
            if text.expose().contains(&0) {
                return Err(RowRefusal::Text);
            }
            Ok(Value::StringBase64(WireSecret::new(text)))
        }
        "3" => Ok(Value::BinaryBase64(WireSecret::new(bytes))),
        "4" => Ok(Value::Integer(u32::from_le_bytes(data.try_into().map_err(|_| exactly())?).into())),
        "5" => Ok(Value::Integer(u32::from_be_bytes(data.try_into().map_err(|_| exactly())?).into())),
        "7" => strings(&text(data, form)?).map(Value::MultiStringBase64),
        "b" => {
            let number = u64::from_le_bytes(data.try_into().map_err(|_| exactly())?);
            i64::try_from(number).map(Value::Integer).map_err(|_| RowRefusal::Number)
        }
        _ => Err(RowRefusal::Type { number }),
    }
}

/// Each ends with a zero, and the list with one more; so none but the last could be empty, and no list ends with an empty one.
fn strings(text: &SecretBytes) -> Result<Vec<WireSecret>, RowRefusal> {
    let text = text.expose();
    let Some(list) = text.strip_suffix(b"\0") else {
        return if text.is_empty() { Ok(Vec::new()) } else { Err(RowRefusal::Text) };
    };
    let list = list.strip_suffix(b"\0").unwrap_or(list);
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let strings = list.split(|byte| *byte == 0);
    strings
        .map(|string| match string {
            [] => Err(RowRefusal::Text),
            string => Ok(WireSecret::new(SecretBytes::from_slice(string))),
        })
        .collect()
}

fn text(data: &[u8], form: Form) -> Result<SecretBytes, RowRefusal> {
    match form {
        Form::Four => text_of(data, form).map(|text| SecretBytes::from_slice(text.as_bytes())),
        Form::Five => from_utf16(data).ok_or(RowRefusal::Text),
    }
}

/// Two digits each, with commas between; a backslash at the end of a line lets it go on in the next.
fn bytes(scan: &mut Scan<'_>) -> Result<SecretBytes, RowRefusal> {
    let mut bytes = SecretBytes::with_capacity(LINE_BYTES);
    skip_to_next(scan)?;
    if scan.is_at_end() {
        return Ok(bytes);
    }
    loop {
        let digits = scan.take_while(|byte| byte.is_ascii_hexdigit());
        let byte = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 2);
        bytes.push(byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(RowRefusal::Digits)?);
        skip_to_next(scan)?;
        if scan.is_at_end() {
            return Ok(bytes);
        }
        if !scan.take(b",") {
            return Err(RowRefusal::Digits);
        }
        skip_to_next(scan)?;
    }
}

/// Skips spaces, and the ends of lines that go on.
fn skip_to_next(scan: &mut Scan<'_>) -> Result<(), RowRefusal> {
    scan.skip_spaces();
    while scan.take(b"\\") {
        scan.skip_spaces();
        if !scan.end_line() {
            return Err(RowRefusal::Digits);
        }
        scan.skip_spaces();
    }
    Ok(())
}

/// As much as stands in a line of an exported file.
const LINE_BYTES: usize = 25;
