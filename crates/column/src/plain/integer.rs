//! Booleans and integers: eight bytes, little-endian, whatever the width, so that equal numbers have equal cells.

use super::given::{Given, exactly, trimmed};
use super::{BadValue, Format, PlainType, float, numeric, oid};

/// A boolean as it came.
pub(super) fn read_bool(value: &[u8], given: Given<'_>) -> Result<bool, BadValue> {
    const NAME: &str = "boolean";
    if given.source(oid::BOOL) != oid::BOOL {
        return Err(given.unconverted(&PlainType::Bool));
    }
    match given.format {
        Format::Text => bool_of(trimmed(value)).ok_or(BadValue::Syntax { type_name: NAME }),
        Format::Binary => exactly(value, NAME).map(|[byte]| byte != 0),
    }
}

/// What `boolean` accepts: beginnings of words, as long as they are clear.
fn bool_of(text: &[u8]) -> Option<bool> {
    let begins = |word: &str, least: usize| {
        text.len() >= least && word.as_bytes().get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
    };
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || text == b"1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == b"0" {
        Some(false)
    } else {
        None
    }
}

/// A number as it came, within the range of the column.
pub(super) fn read(value: &[u8], given: Given<'_>, column: &PlainType) -> Result<i64, BadValue> {
    let source = given.source(column.oid());
    let number = match (source, given.format) {
        (oid::INT2 | oid::INT4 | oid::INT8, Format::Text) => parse(value, column)?,
        (oid::INT2, Format::Binary) => i16::from_be_bytes(exactly(value, "smallint")?).into(),
        (oid::INT4, Format::Binary) => i32::from_be_bytes(exactly(value, "integer")?).into(),
        (oid::INT8, Format::Binary) => i64::from_be_bytes(exactly(value, "bigint")?),
        (oid::FLOAT4 | oid::FLOAT8, _) => {
            let number = float::read(value, given, &PlainType::Float8)?;
            let rounded = number.round_ties_even();
            given.rounded(of_float(rounded, column)?, rounded == number, column)?
        }
        (oid::NUMERIC, _) => numeric::read_integer(value, given, column)?,
        _ => return Err(given.unconverted(column)),
    };
    if fits(number, column) { Ok(number) } else { Err(out_of_range(column)) }
}

/// The number of an integer's text, whose blanks do not matter.
fn parse(value: &[u8], column: &PlainType) -> Result<i64, BadValue> {
    let text = trimmed(value);
    let digits = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadValue::Syntax { type_name: name(column) });
    }
    let text = core::str::from_utf8(text).map_err(|_| BadValue::Syntax { type_name: name(column) })?;
    text.parse().map_err(|_| out_of_range(column))
}

/// A whole number, if it has 64 bits.
fn of_float(number: f64, column: &PlainType) -> Result<i64, BadValue> {
    // Both bounds are exact as floating-point numbers; the upper one is one too large.
    if (-LIMIT..LIMIT).contains(&number) { Ok(number as i64) } else { Err(out_of_range(column)) }
}

/// The eight bytes of a number.
pub(super) const fn normal(number: i64) -> [u8; 8] {
    number.to_le_bytes()
}

/// The number of eight bytes, if the column can have it.
pub(super) fn stored(normal: &[u8], column: &PlainType) -> Option<i64> {
    let number = i64::from_le_bytes(normal.try_into().ok()?);
    fits(number, column).then_some(number)
}

/// The number as PostgreSQL would send it.
pub(super) fn show(number: i64, column: &PlainType, format: Format, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    match (column, format) {
        (PlainType::Bool, Format::Text) => out.push(if number == 0 { b'f' } else { b't' }),
        (_, Format::Text) => out.extend_from_slice(number.to_string().as_bytes()),
        (PlainType::Bool, Format::Binary) => out.push(u8::from(number != 0)),
        (PlainType::Int2, Format::Binary) => out.extend_from_slice(&bytes[6..]),
        (PlainType::Int4, Format::Binary) => out.extend_from_slice(&bytes[4..]),
        (_, Format::Binary) => out.extend_from_slice(&bytes),
    }
}

fn fits(number: i64, column: &PlainType) -> bool {
    match column {
        PlainType::Bool => (0..=1).contains(&number),
        PlainType::Int2 => i16::try_from(number).is_ok(),
        PlainType::Int4 => i32::try_from(number).is_ok(),
        _ => true,
    }
}

const fn name(column: &PlainType) -> &'static str {
    match column {
        PlainType::Int2 => "smallint",
        PlainType::Int4 => "integer",
        _ => "bigint",
    }
}

fn out_of_range(column: &PlainType) -> BadValue {
    BadValue::Range { type_name: column.sql_name() }
}

/// 2^63.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;
