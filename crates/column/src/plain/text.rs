//! Text: UTF-8 or UTF-16, without what fills it up.

use std::borrow::Cow;

use super::given::Given;
use super::{BadValue, Format, PlainType, Style, TextEncoding, Use, oid};

/// Text as it came, within the column's limit.
pub(super) fn read<'value>(
    value: &'value [u8],
    given: Given<'_>,
    column: &PlainType,
) -> Result<Cow<'value, str>, BadValue> {
    let text = match given.source(column.oid()) {
        oid::TEXT | oid::VARCHAR | oid::NAME => Cow::Borrowed(valid(value, given.style)?),
        // The blanks at the end of `char(n)` are not part of its value.
        oid::BPCHAR => Cow::Borrowed(valid(value, given.style)?.trim_end_matches(' ')),
        source => Cow::Owned(converted(value, given, source).ok_or_else(|| given.unconverted(column))??),
    };
    match column {
        PlainType::Varchar { limit: Some(limit), .. } => limited(text, *limit, given, column),
        PlainType::Bpchar { length, .. } => {
            let text = limited(text, *length, given, column)?;
            Ok(match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches(' ')),
                Cow::Owned(text) => Cow::Owned(text.trim_end_matches(' ').to_owned()),
            })
        }
        _ => Ok(text),
    }
}

/// Bytes that are text as PostgreSQL has it.
pub(super) fn valid<'value>(value: &'value [u8], style: &Style) -> Result<&'value str, BadValue> {
    style.text()?;
    if value.contains(&0) {
        return Err(BadValue::NotUtf8);
    }
    core::str::from_utf8(value).map_err(|_| BadValue::NotUtf8)
}

/// A value of another type as text, where PostgreSQL converts it on assignment; nothing where it does not.
fn converted(value: &[u8], given: Given<'_>, source: u32) -> Option<Result<String, BadValue>> {
    if given.purpose != Use::Stored {
        return None;
    }
    let plain = match source {
        oid::BOOL => PlainType::Bool,
        oid::INT2 => PlainType::Int2,
        oid::INT4 => PlainType::Int4,
        oid::INT8 => PlainType::Int8,
        oid::FLOAT4 => PlainType::Float4,
        oid::FLOAT8 => PlainType::Float8,
        oid::UUID => PlainType::Uuid,
        oid::DATE => PlainType::Date,
        oid::TIME => PlainType::Time { precision: None },
        oid::TIMESTAMP => PlainType::Timestamp { precision: None },
        oid::TIMESTAMPTZ => PlainType::Timestamptz { precision: None },
        _ => return None,
    };
    Some(text_of(&plain, value, given))
}

fn text_of(plain: &PlainType, value: &[u8], given: Given<'_>) -> Result<String, BadValue> {
    let mut normal = Vec::new();
    plain.normal(value, given, &mut normal)?;
    if *plain == PlainType::Bool {
        // The one type whose text is another one when it is converted.
        return Ok(if normal.first() == Some(&0) { "false" } else { "true" }.to_owned());
    }
    let mut text = Vec::new();
    plain.denormalise(&normal, Format::Text, given.style, &mut text)?;
    String::from_utf8(text).map_err(|_| BadValue::NotUtf8)
}

/// Text of at most so many characters. More than that may only be blanks, and only where it is stored.
fn limited<'value>(
    text: Cow<'value, str>,
    limit: u32,
    given: Given<'_>,
    column: &PlainType,
) -> Result<Cow<'value, str>, BadValue> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    // No character has less than one byte.
    if text.len() <= most {
        return Ok(text);
    }
    let Some((end, _)) = text.char_indices().nth(most) else { return Ok(text) };
    let (kept, beyond) = text.split_at(end);
    let blank = beyond.bytes().all(|byte| byte == b' ');
    let is_char = matches!(column, PlainType::Bpchar { .. });
    if !blank || !(given.may_round() || is_char) {
        return Err(BadValue::TooLong { type_name: column.sql_name() });
    }
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
        Cow::Owned(_) => Cow::Owned(kept.to_owned()),
    })
}

/// The normal form of a text.
pub(super) fn normal(text: &str, encoding: TextEncoding, out: &mut Vec<u8>) {
    match encoding {
        TextEncoding::Utf8 => out.extend_from_slice(text.as_bytes()),
        TextEncoding::Utf16 => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
    }
}

/// The text of a normal form.
pub(super) fn stored(normal: &[u8], encoding: TextEncoding) -> Option<Cow<'_, str>> {
    let text = match encoding {
        TextEncoding::Utf8 => Cow::Borrowed(core::str::from_utf8(normal).ok()?),
        TextEncoding::Utf16 => {
            let (units, odd) = normal.as_chunks::<2>();
            if !odd.is_empty() {
                return None;
            }
            let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            Cow::Owned(String::from_utf16(&units).ok()?)
        }
    };
    (!text.contains('\0')).then_some(text)
}

/// The text as PostgreSQL would send it, which is the same in both formats.
pub(super) fn show(text: &str, column: &PlainType, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    if let PlainType::Bpchar { length, .. } = column {
        let missing = usize::try_from(*length).unwrap_or_default().saturating_sub(text.chars().count());
        out.resize(out.len() + missing, b' ');
    }
}
