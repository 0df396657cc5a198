//! `numeric(precision, scale)`: a sign and the number without its point, at the column's scale.

use super::given::{Given, trimmed};
use super::{BadValue, Format, PlainType, float, integer, oid};

/// A number without its point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    unscaled: u128,
}

/// A number as it came, at the column's scale.
pub(super) fn read(value: &[u8], given: Given<'_>, precision: u8, scale: u8) -> Result<Decimal, BadValue> {
    let column = PlainType::Numeric { precision, scale };
    let (decimal, exact) = match given.source(oid::NUMERIC) {
        oid::NUMERIC => scaled(value, given, scale, &column)?,
        oid::INT2 | oid::INT4 | oid::INT8 => {
            let number = integer::read(value, given, &PlainType::Int8)?;
            parse(number.to_string().as_bytes(), scale, &column)?
        }
        source @ (oid::FLOAT4 | oid::FLOAT8) => {
            let is_real = source == oid::FLOAT4;
            let number = float::read(value, given, &PlainType::Float8)?;
            let digits = if is_real { float::REAL_DIGITS } else { float::DOUBLE_DIGITS };
            let text = format!("{number:.*e}", usize::try_from(digits - 1).unwrap_or_default());
            parse(text.as_bytes(), scale, &column)?
        }
        _ => return Err(given.unconverted(&column)),
    };
    if decimal.unscaled >= power(precision) {
        return Err(out_of_range(&column));
    }
    given.rounded(decimal, exact, &column)
}

/// A `numeric` as it came, as a whole number for an integer column.
pub(super) fn read_integer(value: &[u8], given: Given<'_>, column: &PlainType) -> Result<i64, BadValue> {
    let (decimal, exact) = scaled(value, given, 0, column)?;
    let magnitude = i128::try_from(decimal.unscaled).map_err(|_| out_of_range(column))?;
    let number = if decimal.negative { -magnitude } else { magnitude };
    given.rounded(i64::try_from(number).map_err(|_| out_of_range(column))?, exact, column)
}

/// A `numeric` as it came, rounded to a scale; whether nothing was lost.
fn scaled(value: &[u8], given: Given<'_>, scale: u8, column: &PlainType) -> Result<(Decimal, bool), BadValue> {
    match given.format {
        Format::Text => parse(value, scale, column),
        Format::Binary => {
            let wire = Wire::parse(value)?;
            let mut digits = Digits::at(scale);
            for (position, digit) in wire.digits() {
                digits.take(position, digit);
            }
            digits.finish(wire.negative).ok_or_else(|| out_of_range(column))
        }
    }
}

/// Reads decimal text: sign, digits with a point, exponent.
fn parse(value: &[u8], scale: u8, column: &PlainType) -> Result<(Decimal, bool), BadValue> {
    let syntax = || BadValue::Syntax { type_name: "numeric" };
    let text = core::str::from_utf8(trimmed(value)).map_err(|_| syntax())?;
    if float::is_special(text) {
        return Err(BadValue::NotFinite { type_name: column.sql_name() });
    }
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent).ok_or_else(syntax)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let only_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !only_digits(whole) || !only_digits(fraction) {
        return Err(syntax());
    }
    if exponent.abs() >= LONGEST_EXPONENT {
        return Err(out_of_range(column));
    }
    let mut digits = Digits::at(scale);
    let mut position = whole.len() as i64 + exponent;
    for digit in whole.bytes().chain(fraction.bytes()) {
        position -= 1;
        digits.take(position, digit - b'0');
    }
    digits.finish(negative).ok_or_else(|| out_of_range(column))
}

/// An exponent; one that is too long for any number stands for all such.
fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse().unwrap_or(LONGEST_EXPONENT).min(LONGEST_EXPONENT);
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// Takes decimal digits in, highest first, and keeps those that a scale has.
struct Digits {
    scale: i64,
    kept: u128,
    /// Position of the last digit taken in; 0 is the last before the point.
    lowest: Option<i64>,
    too_large: bool,
    rounds_up: bool,
    lost: bool,
}

impl Digits {
    fn at(scale: u8) -> Self {
        Self { scale: scale.into(), kept: 0, lowest: None, too_large: false, rounds_up: false, lost: false }
    }

    fn take(&mut self, position: i64, digit: u8) {
        if position >= -self.scale {
            self.kept = self.kept.saturating_mul(10).saturating_add(digit.into());
            // Beyond the longest number there is no way back, and saturating arithmetic forgets how far.
            self.too_large |= self.kept >= power(super::postgres::MOST_DIGITS);
            self.lowest = Some(position);
        } else {
            self.rounds_up |= position == -self.scale - 1 && digit >= 5;
            self.lost |= digit != 0;
        }
    }

    /// The number, rounded half away from zero, and whether nothing was lost; nothing when it is too large for any column.
    fn finish(self, negative: bool) -> Option<(Decimal, bool)> {
        if self.too_large {
            return None;
        }
        let missing = self.lowest.map_or(0, |lowest| lowest + self.scale);
        let shifted = match (self.kept, u32::try_from(missing).ok().and_then(|zeros| 10_u128.checked_pow(zeros))) {
            (0, _) => 0,
            (kept, factor) => kept.checked_mul(factor?)?,
        };
        let unscaled = shifted.checked_add(self.rounds_up.into())?;
        Some((Decimal { negative: negative && unscaled != 0, unscaled }, !self.lost))
    }
}

/// PostgreSQL's binary format: digits of base 10,000, the first of which has the weight 10,000^weight.
struct Wire<'bytes> {
    weight: i64,
    negative: bool,
    scale: usize,
    digits: &'bytes [[u8; 2]],
}

impl<'bytes> Wire<'bytes> {
    fn parse(value: &'bytes [u8]) -> Result<Self, BadValue> {
        let bad = || BadValue::Binary { type_name: "numeric" };
        let (header, rest) = value.split_first_chunk::<8>().ok_or_else(bad)?;
        let (pairs, _) = header.as_chunks::<2>();
        let [count, weight, sign, scale]: [u16; 4] = [0, 1, 2, 3].map(|field: usize| u16::from_be_bytes(pairs[field]));
        if matches!(sign, 0xc000 | 0xd000 | 0xf000) {
            return Err(BadValue::NotFinite { type_name: "numeric".to_owned() });
        }
        let (digits, odd) = rest.as_chunks::<2>();
        let right = digits.len() == usize::from(count)
            && odd.is_empty()
            && matches!(sign, 0 | NEGATIVE)
            && scale <= 0x3fff
            && digits.iter().all(|digit| u16::from_be_bytes(*digit) < 10_000);
        if !right {
            return Err(bad());
        }
        Ok(Self { weight: i64::from(weight.cast_signed()), negative: sign == NEGATIVE, scale: scale.into(), digits })
    }

    /// Decimal digits with their positions, highest first. What the display scale hides does not count: PostgreSQL cuts it off.
    fn digits(&self) -> impl Iterator<Item = (i64, u8)> {
        let scale = self.scale as i64;
        self.digits
            .iter()
            .zip(0_i64..)
            .flat_map(move |(digit, number)| {
                let digit = u16::from_be_bytes(*digit);
                let low = (self.weight - number) * 4;
                [(1000, 3), (100, 2), (10, 1), (1, 0)]
                    .map(|(divisor, place)| (low + place, (digit / divisor % 10) as u8))
            })
            .filter(move |(position, _)| *position >= -scale)
    }
}

/// The text of a `numeric` in binary format.
pub(super) fn text_of_binary(value: &[u8]) -> Result<String, BadValue> {
    let wire = Wire::parse(value)?;
    let digits: String = wire.digits().map(|(_, digit)| char::from(b'0' + digit)).collect();
    let low = wire.digits().last().map_or(0, |(position, _)| position);
    let digits = if digits.is_empty() { "0" } else { &digits };
    Ok(format!("{}{digits}e{low}", if wire.negative { "-" } else { "" }))
}

/// The 17 bytes of a number.
pub(super) fn normal(decimal: Decimal, out: &mut Vec<u8>) {
    out.push(u8::from(!decimal.negative));
    out.extend_from_slice(&decimal.unscaled.to_le_bytes());
}

/// The number of 17 bytes, if the column can have it.
pub(super) fn stored(normal: &[u8], precision: u8) -> Option<Decimal> {
    let (sign, rest) = normal.split_first()?;
    let unscaled = u128::from_le_bytes(rest.try_into().ok()?);
    let possible = *sign <= 1 && unscaled < power(precision);
    possible.then_some(Decimal { negative: *sign == 0 && unscaled != 0, unscaled })
}

/// The number as PostgreSQL would send it.
pub(super) fn show(decimal: Decimal, scale: u8, format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Text => show_text(decimal, scale, out),
        Format::Binary => show_binary(decimal, scale, out),
    }
}

fn show_text(decimal: Decimal, scale: u8, out: &mut Vec<u8>) {
    let scale = usize::from(scale);
    let digits = format!("{:0width$}", decimal.unscaled, width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if decimal.negative {
        out.push(b'-');
    }
    out.extend_from_slice(whole.as_bytes());
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

fn show_binary(decimal: Decimal, scale: u8, out: &mut Vec<u8>) {
    // Ten thousands before and behind the point, each from the point on.
    let power_of_scale = power(scale);
    let (whole, fraction) = (decimal.unscaled / power_of_scale, decimal.unscaled % power_of_scale);
    let fraction_groups = usize::from(scale.div_ceil(4));
    let mut groups = groups_of(whole, 0);
    let weight = groups.len() as i64 - 1;
    groups.extend(fraction_digits(fraction, scale, fraction_groups));
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let end = groups.iter().rposition(|group| *group != 0).map_or(0, |last| last + 1);
    let significant = groups.get(leading..end).unwrap_or_default();
    let weight = if significant.is_empty() { 0 } else { weight - leading as i64 };
    let sign = if decimal.negative { NEGATIVE } else { 0 };
    let header = [significant.len() as u16, weight as i16 as u16, sign, scale.into()];
    for number in header.iter().chain(significant) {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// The digits behind the point, filled up with zeros to whole groups.
fn fraction_digits(fraction: u128, scale: u8, groups: usize) -> Vec<u16> {
    let digits = format!("{fraction:0width$}", width = usize::from(scale));
    let mut bytes = if scale == 0 { Vec::new() } else { digits.into_bytes() };
    bytes.resize(groups * 4, b'0');
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|chunk| chunk.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))).collect()
}

/// A whole number in groups of four digits, highest first, at least `least` of them.
fn groups_of(mut number: u128, least: usize) -> Vec<u16> {
    let mut groups = Vec::new();
    while number > 0 || groups.len() < least {
        groups.push((number % 10_000) as u16);
        number /= 10_000;
    }
    groups.reverse();
    groups
}

/// 10 to so many, at most 38.
fn power(digits: u8) -> u128 {
    10_u128.saturating_pow(digits.into())
}

fn out_of_range(column: &PlainType) -> BadValue {
    BadValue::Range { type_name: column.sql_name() }
}

const NEGATIVE: u16 = 0x4000;
/// PostgreSQL refuses exponents from here on.
const LONGEST_EXPONENT: i64 = (i32::MAX / 2) as i64;
