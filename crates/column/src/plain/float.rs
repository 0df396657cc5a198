//! `real` and `double precision`: IEEE 754, little-endian. There is one zero, and neither NaN nor infinity.

mod shortest;

use super::given::{Given, exactly, trimmed};
use super::{BadValue, Format, PlainType, Style, numeric, oid};

/// A number as it came, as a `double precision`; for a `real` column it is one of `real`, too.
pub(super) fn read(value: &[u8], given: Given<'_>, column: &PlainType) -> Result<f64, BadValue> {
    let number = match (given.source(column.oid()), given.format) {
        (oid::FLOAT4, Format::Text) => f64::from(parse::<f32>(value, column)?),
        (oid::FLOAT8, Format::Text) => parse::<f64>(value, column)?,
        (oid::FLOAT4, Format::Binary) => f64::from(f32::from_be_bytes(exactly(value, "real")?)),
        (oid::FLOAT8, Format::Binary) => f64::from_be_bytes(exactly(value, "double precision")?),
        (oid::INT2 | oid::INT4 | oid::INT8, _) => {
            let number = super::integer::read(value, given, &PlainType::Int8)?;
            let float = number as f64;
            given.rounded(float, float as i128 == i128::from(number), column)?
        }
        (oid::NUMERIC, Format::Text) => parse::<f64>(value, column)?,
        (oid::NUMERIC, Format::Binary) => parse::<f64>(numeric::text_of_binary(value)?.as_bytes(), column)?,
        _ => return Err(given.unconverted(column)),
    };
    if !number.is_finite() {
        return Err(BadValue::NotFinite { type_name: column.sql_name() });
    }
    let number = if *column == PlainType::Float4 { narrowed(number, given, column)? } else { number };
    // One zero: negative zero is equal to it, and equal values have equal cells.
    Ok(number + 0.0)
}

/// The nearest `real`.
fn narrowed(number: f64, given: Given<'_>, column: &PlainType) -> Result<f64, BadValue> {
    let narrow = number as f32;
    if narrow.is_infinite() || (narrow == 0.0 && number != 0.0) {
        return Err(BadValue::Range { type_name: column.sql_name() });
    }
    let narrow = f64::from(narrow);
    given.rounded(narrow, narrow == number, column)
}

/// The two widths, as far as reading their text is concerned.
trait Width: core::str::FromStr + Copy {
    fn is_infinite(self) -> bool;
    fn is_zero(self) -> bool;
}

impl Width for f32 {
    fn is_infinite(self) -> bool {
        self.is_infinite()
    }
    fn is_zero(self) -> bool {
        self == 0.0
    }
}

impl Width for f64 {
    fn is_infinite(self) -> bool {
        self.is_infinite()
    }
    fn is_zero(self) -> bool {
        self == 0.0
    }
}

/// The number of a decimal text; one that is too large or too small for the width is refused, as PostgreSQL does.
fn parse<W: Width>(value: &[u8], column: &PlainType) -> Result<W, BadValue> {
    let syntax = BadValue::Syntax { type_name: name(column) };
    let text = core::str::from_utf8(trimmed(value)).map_err(|_| syntax.clone())?;
    if is_special(text) {
        return Err(BadValue::NotFinite { type_name: column.sql_name() });
    }
    let number: W = text.parse().map_err(|_| syntax)?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let vanished = number.is_zero() && mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if number.is_infinite() || vanished {
        return Err(BadValue::Range { type_name: column.sql_name() });
    }
    Ok(number)
}

pub(super) fn is_special(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    ["nan", "inf", "infinity"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The normal form of a number that the column can have.
pub(super) fn normal(number: f64, column: &PlainType, out: &mut Vec<u8>) {
    match column {
        PlainType::Float4 => out.extend_from_slice(&(number as f32).to_le_bytes()),
        _ => out.extend_from_slice(&number.to_le_bytes()),
    }
}

/// The number of a normal form, which is finite.
pub(super) fn stored(normal: &[u8], column: &PlainType) -> Option<f64> {
    let number = match column {
        PlainType::Float4 => f64::from(f32::from_le_bytes(normal.try_into().ok()?)),
        _ => f64::from_le_bytes(normal.try_into().ok()?),
    };
    number.is_finite().then_some(number)
}

/// The number as PostgreSQL would send it.
pub(super) fn show(number: f64, column: &PlainType, format: Format, style: &Style, out: &mut Vec<u8>) {
    let is_real = *column == PlainType::Float4;
    match format {
        Format::Binary if is_real => out.extend_from_slice(&(number as f32).to_be_bytes()),
        Format::Binary => out.extend_from_slice(&number.to_be_bytes()),
        Format::Text if style.extra_float_digits > 0 => {
            let shortest = if is_real { shortest::of_real(number as f32) } else { shortest::of_double(number) };
            let most = if is_real { REAL_DIGITS } else { DOUBLE_DIGITS };
            out.extend_from_slice(written(&shortest, most).as_bytes());
        }
        Format::Text => {
            let digits = if is_real { REAL_DIGITS } else { DOUBLE_DIGITS };
            let digits = digits.saturating_add(style.extra_float_digits).max(1);
            let rounded = format!("{number:.*e}", usize::try_from(digits - 1).unwrap_or_default());
            out.extend_from_slice(written(&rounded, digits).as_bytes());
        }
    }
}

/// Digits that are right of every `double precision`; and the first power of ten that is written with an exponent.
pub(super) const DOUBLE_DIGITS: i32 = 15;
/// The same of `real`.
pub(super) const REAL_DIGITS: i32 = 6;

/// What C's `%g` makes of a number, given as `d.ddde±x`: an exponent only below -4 and from `most` on, no zeros at the end.
fn written(scientific: &str, most: i32) -> String {
    let (sign, rest) = scientific.strip_prefix('-').map_or(("", scientific), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        significant => significant,
    };
    if exponent < -4 || exponent >= most {
        let (first, others) = digits.split_at(1);
        let point = if others.is_empty() { "" } else { "." };
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{others}e{direction}{:02}", exponent.unsigned_abs());
    }
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-1 - exponent).unwrap_or_default());
        return format!("{sign}0.{zeros}{digits}");
    }
    let before = usize::try_from(exponent).unwrap_or_default() + 1;
    match digits.split_at_checked(before) {
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{digits}{}", "0".repeat(before - digits.len())),
    }
}

const fn name(column: &PlainType) -> &'static str {
    match column {
        PlainType::Float4 => "real",
        PlainType::Numeric { .. } => "numeric",
        _ => "double precision",
    }
}
