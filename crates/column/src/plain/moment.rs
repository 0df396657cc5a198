//! Dates and times: the years 1 to 9999, in units of 100 ns since midnight and days since 0001-01-01.

mod shown;
mod written;

use jiff::civil::DateTime;

use super::calendar::Day;
use super::given::{Given, exactly};
use super::{BadValue, Format, PlainType, oid};

pub(super) use shown::{show_date, show_time, show_timestamp, show_timestamptz};
use written::Written;

/// A date as it came, in days since 2000-01-01.
pub(super) fn read_date(value: &[u8], given: Given<'_>) -> Result<i64, BadValue> {
    const NAME: &str = "date";
    let column = &PlainType::Date;
    let of_timestamp = |moment: i64| given.rounded(moment.div_euclid(DAY), moment.rem_euclid(DAY) == 0, column);
    let days = match (given.source(oid::DATE), given.format) {
        (oid::DATE, Format::Text) => Written::parse(value, NAME)?.day(NAME)?.number(),
        (oid::DATE, Format::Binary) => i32::from_be_bytes(exactly(value, NAME)?).into(),
        (oid::TIMESTAMP, _) => of_timestamp(read_timestamp(value, given, None)?)?,
        (oid::TIMESTAMPTZ, _) => of_timestamp(local(read_timestamptz(value, given, None)?, given)?)?,
        _ => return Err(given.unconverted(column)),
    };
    if (FIRST_DAY..=LAST_DAY).contains(&days) { Ok(days) } else { Err(BadValue::MomentRange { type_name: NAME }) }
}

/// A time of day as it came, in microseconds.
pub(super) fn read_time(value: &[u8], given: Given<'_>, precision: Option<u8>) -> Result<i64, BadValue> {
    const NAME: &str = "time";
    let column = PlainType::Time { precision };
    let micros = match (given.source(oid::TIME), given.format) {
        (oid::TIME, Format::Text) => Written::parse_time(value, NAME)?,
        (oid::TIME, Format::Binary) => i64::from_be_bytes(exactly(value, NAME)?),
        _ => return Err(given.unconverted(&column)),
    };
    let range = BadValue::MomentRange { type_name: NAME };
    if !(0..DAY).contains(&micros) {
        return Err(range);
    }
    let rounded = to_precision(micros, precision, given, &column)?;
    if rounded < DAY { Ok(rounded) } else { Err(range) }
}

/// A timestamp as it came, in microseconds since 2000-01-01.
pub(super) fn read_timestamp(value: &[u8], given: Given<'_>, precision: Option<u8>) -> Result<i64, BadValue> {
    const NAME: &str = "timestamp";
    let column = PlainType::Timestamp { precision };
    let micros = match (given.source(oid::TIMESTAMP), given.format) {
        // An offset means nothing where there is no time zone.
        (oid::TIMESTAMP, Format::Text) => Written::parse(value, NAME)?.local(NAME)?,
        (oid::TIMESTAMP, Format::Binary) => i64::from_be_bytes(exactly(value, NAME)?),
        (oid::DATE, _) => read_date(value, given)? * DAY,
        (oid::TIMESTAMPTZ, _) => local(read_timestamptz(value, given, None)?, given)?,
        _ => return Err(given.unconverted(&column)),
    };
    let micros = in_range(micros, NAME)?;
    in_range(to_precision(micros, precision, given, &column)?, NAME)
}

/// A moment as it came, in microseconds since 2000-01-01 in UTC.
pub(super) fn read_timestamptz(value: &[u8], given: Given<'_>, precision: Option<u8>) -> Result<i64, BadValue> {
    const NAME: &str = "timestamp with time zone";
    let column = PlainType::Timestamptz { precision };
    let micros = match (given.source(oid::TIMESTAMPTZ), given.format) {
        (oid::TIMESTAMPTZ, Format::Text) => {
            let written = Written::parse(value, NAME)?;
            let local = written.local(NAME)?;
            match written.offset(local, NAME)? {
                Some(offset) => local - offset * SECOND,
                None => moment_of(local, given)?,
            }
        }
        (oid::TIMESTAMPTZ, Format::Binary) => i64::from_be_bytes(exactly(value, NAME)?),
        (oid::TIMESTAMP, _) => moment_of(read_timestamp(value, given, None)?, given)?,
        (oid::DATE, _) => moment_of(read_date(value, given)? * DAY, given)?,
        _ => return Err(given.unconverted(&column)),
    };
    let micros = in_range(micros, NAME)?;
    in_range(to_precision(micros, precision, given, &column)?, NAME)
}

/// The local time of a moment in the session's time zone.
fn local(moment: i64, given: Given<'_>) -> Result<i64, BadValue> {
    let offset = given.style.time_zone.offset_at(unix_seconds(moment))?;
    Ok(moment + i64::from(offset) * SECOND)
}

/// The moment of a local time in the session's time zone.
fn moment_of(local: i64, given: Given<'_>) -> Result<i64, BadValue> {
    let offset =
        given.style.time_zone.offset_of(civil(local).ok_or(BadValue::MomentRange { type_name: "timestamp" })?)?;
    Ok(local - i64::from(offset) * SECOND)
}

/// A local time as the time zone database wants it; whole seconds do.
fn civil(local: i64) -> Option<DateTime> {
    let day = Day::of(local.div_euclid(DAY));
    let seconds = local.rem_euclid(DAY) / SECOND;
    let small = |number: i64| i8::try_from(number).ok();
    let year = i16::try_from(day.year).ok()?;
    let time = [seconds / 3600, seconds / 60 % 60, seconds % 60].map(small);
    let [Some(hour), Some(minute), Some(second)] = time else { return None };
    DateTime::new(year, small(day.month)?, small(day.day)?, hour, minute, second, 0).ok()
}

/// Rounded to so many digits of the second, half away from zero.
fn to_precision(micros: i64, precision: Option<u8>, given: Given<'_>, column: &PlainType) -> Result<i64, BadValue> {
    let Some(digits) = precision.filter(|digits| *digits < 6) else { return Ok(micros) };
    let unit = 10_i64.pow(6 - u32::from(digits));
    let half = unit / 2 * micros.signum();
    let rounded = (micros + half) / unit * unit;
    given.rounded(rounded, rounded == micros, column)
}

fn in_range(micros: i64, type_name: &'static str) -> Result<i64, BadValue> {
    let possible = (FIRST_DAY * DAY..(LAST_DAY + 1) * DAY).contains(&micros);
    if possible { Ok(micros) } else { Err(BadValue::MomentRange { type_name }) }
}

/// Seconds since 1970 of microseconds since 2000.
const fn unix_seconds(micros: i64) -> i64 {
    micros.div_euclid(SECOND) + UNIX_EPOCH
}

/// The three bytes of a date.
pub(super) fn normal_date(days: i64, out: &mut Vec<u8>) {
    out.extend((days - FIRST_DAY).to_le_bytes().iter().take(DATE_BYTES));
}

/// The five bytes of a time of day.
pub(super) fn normal_time(micros: i64, out: &mut Vec<u8>) {
    out.extend((micros * TICKS).to_le_bytes().iter().take(TIME_BYTES));
}

/// The eight bytes of a timestamp.
pub(super) fn normal_timestamp(micros: i64, out: &mut Vec<u8>) {
    normal_time(micros.rem_euclid(DAY), out);
    normal_date(micros.div_euclid(DAY), out);
}

/// The ten bytes of a moment: its timestamp in UTC, and an offset of 0.
pub(super) fn normal_timestamptz(micros: i64, out: &mut Vec<u8>) {
    normal_timestamp(micros, out);
    out.extend_from_slice(&[0, 0]);
}

/// The days of three bytes.
pub(super) fn stored_date(normal: &[u8]) -> Option<i64> {
    let days = little_endian::<DATE_BYTES>(normal)? + FIRST_DAY;
    (days <= LAST_DAY).then_some(days)
}

/// The microseconds of five bytes; tenths of one, which PostgreSQL does not have, are cut off.
pub(super) fn stored_time(normal: &[u8]) -> Option<i64> {
    let micros = little_endian::<TIME_BYTES>(normal)? / TICKS;
    (micros < DAY).then_some(micros)
}

/// The microseconds of eight bytes.
pub(super) fn stored_timestamp(normal: &[u8]) -> Option<i64> {
    let (time, date) = normal.split_at_checked(TIME_BYTES)?;
    Some(stored_date(date)? * DAY + stored_time(time)?)
}

/// The microseconds of ten bytes. The offset says where a moment was seen, not when it was.
pub(super) fn stored_timestamptz(normal: &[u8]) -> Option<i64> {
    let (timestamp, _offset) = normal.split_last_chunk::<2>()?;
    stored_timestamp(timestamp)
}

fn little_endian<const N: usize>(bytes: &[u8]) -> Option<i64> {
    let bytes: &[u8; N] = bytes.try_into().ok()?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | i64::from(*byte)))
}

/// Microseconds of a second and of a day.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Units of 100 ns in a microsecond.
const TICKS: i64 = 10;
const DATE_BYTES: usize = 3;
const TIME_BYTES: usize = 5;
/// 0001-01-01 and 9999-12-31, in days since 2000-01-01.
const FIRST_DAY: i64 = -730_119;
const LAST_DAY: i64 = 2_921_939;
/// 2000-01-01 in seconds since 1970-01-01.
const UNIX_EPOCH: i64 = 946_684_800;
