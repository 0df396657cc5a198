//! Dates and times as PostgreSQL sends them.

use super::{DAY, SECOND, unix_seconds};
use crate::plain::calendar::Day;
use crate::plain::{BadValue, Format, Style};

pub(in crate::plain) fn show_date(days: i64, format: Format, style: &Style, out: &mut Vec<u8>) -> Result<(), BadValue> {
    match format {
        // Four bytes hold every day there is here.
        Format::Binary => out.extend_from_slice(&(days as i32).to_be_bytes()),
        Format::Text => {
            style.dates()?;
            let (date, era) = date_text(days);
            out.extend_from_slice(date.as_bytes());
            out.extend_from_slice(era.as_bytes());
        }
    }
    Ok(())
}

/// Times of day are written alike in every style.
pub(in crate::plain) fn show_time(micros: i64, format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Binary => out.extend_from_slice(&micros.to_be_bytes()),
        Format::Text => out.extend_from_slice(time_text(micros).as_bytes()),
    }
}

pub(in crate::plain) fn show_timestamp(
    micros: i64,
    format: Format,
    style: &Style,
    out: &mut Vec<u8>,
) -> Result<(), BadValue> {
    match format {
        Format::Binary => out.extend_from_slice(&micros.to_be_bytes()),
        Format::Text => {
            style.dates()?;
            out.extend_from_slice(timestamp_text(micros, "").as_bytes());
        }
    }
    Ok(())
}

pub(in crate::plain) fn show_timestamptz(
    micros: i64,
    format: Format,
    style: &Style,
    out: &mut Vec<u8>,
) -> Result<(), BadValue> {
    match format {
        Format::Binary => out.extend_from_slice(&micros.to_be_bytes()),
        Format::Text => {
            style.dates()?;
            let offset = style.time_zone.offset_at(unix_seconds(micros))?;
            let local = micros + i64::from(offset) * SECOND;
            out.extend_from_slice(timestamp_text(local, &offset_text(offset)).as_bytes());
        }
    }
    Ok(())
}

fn timestamp_text(micros: i64, offset: &str) -> String {
    let (date, era) = date_text(micros.div_euclid(DAY));
    format!("{date} {}{offset}{era}", time_text(micros.rem_euclid(DAY)))
}

/// The date, and what says that it is before the year 1: a local time can be, though the moment is not.
fn date_text(days: i64) -> (String, &'static str) {
    let Day { year, month, day } = Day::of(days);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

/// Fractions of a second without the zeros at their end.
fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros / SECOND, micros % SECOND);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { whole } else { format!("{whole}.{fraction:06}").trim_end_matches('0').to_owned() }
}

/// Hours; minutes and seconds only where there are some.
fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (minutes, rest) {
        (0, 0) => format!("{sign}{hours:02}"),
        (_, 0) => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}
