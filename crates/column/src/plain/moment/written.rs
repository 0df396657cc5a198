//! Dates and times as they are typed: ISO 8601, with what PostgreSQL adds to it.

use super::{DAY, SECOND, civil};
use crate::plain::calendar::Day;
use crate::plain::given::trimmed;
use crate::plain::{BadValue, Zone};

/// A date, with the time and the zone behind it if there are some.
pub(super) struct Written<'text> {
    year: i64,
    month: i64,
    day: i64,
    /// Microseconds since midnight.
    time: Option<i64>,
    zone: &'text str,
}

/// What is left of a text.
struct Rest<'text>(&'text str);

impl<'text> Written<'text> {
    /// Reads `date`, `date time` and `date time zone`.
    pub(super) fn parse(value: &'text [u8], type_name: &'static str) -> Result<Self, BadValue> {
        let text = text_of(value, type_name)?;
        if ["infinity", "+infinity", "-infinity"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Err(BadValue::MomentRange { type_name });
        }
        let (text, is_before_year_one) = without_era(text);
        let mut rest = Rest(text);
        let written = rest.written().ok_or(BadValue::Moment { type_name })?;
        // Judged after the text was read: what is no date is no date of another era.
        let written = written.checked(type_name)?;
        if is_before_year_one { Err(BadValue::MomentRange { type_name }) } else { Ok(written) }
    }

    /// Reads `time`; a zone behind it means nothing.
    pub(super) fn parse_time(value: &[u8], type_name: &'static str) -> Result<i64, BadValue> {
        let mut rest = Rest(text_of(value, type_name)?);
        let (time, zone) = rest.time_and_zone().ok_or(BadValue::Moment { type_name })?;
        offset_of(zone, type_name)?;
        time.ok_or(BadValue::MomentField { type_name })
    }

    fn checked(self, type_name: &'static str) -> Result<Self, BadValue> {
        self.day(type_name)?;
        // A zone must be one, also where it means nothing.
        offset_of(self.zone, type_name)?;
        if self.time.is_none() { Err(BadValue::MomentField { type_name }) } else { Ok(self) }
    }

    /// The date.
    pub(super) fn day(&self, type_name: &'static str) -> Result<Day, BadValue> {
        Day::new(self.year, self.month, self.day).ok_or(BadValue::MomentField { type_name })
    }

    /// Microseconds since 2000-01-01, whatever the zone.
    pub(super) fn local(&self, type_name: &'static str) -> Result<i64, BadValue> {
        let day = self.day(type_name)?.number();
        day.checked_mul(DAY)
            .and_then(|micros| micros.checked_add(self.time?))
            .ok_or(BadValue::MomentRange { type_name })
    }

    /// Seconds east of Greenwich, if a zone is given.
    pub(super) fn offset(&self, local: i64, type_name: &'static str) -> Result<Option<i64>, BadValue> {
        match offset_of(self.zone, type_name)? {
            Offset::None => Ok(None),
            Offset::Seconds(seconds) => Ok(Some(seconds)),
            Offset::Named(zone) => {
                let local = civil(local).ok_or(BadValue::MomentRange { type_name })?;
                Ok(Some(zone.offset_of(local).map_err(|_| BadValue::Moment { type_name })?.into()))
            }
        }
    }
}

enum Offset {
    None,
    Seconds(i64),
    Named(Zone),
}

/// The offset that a zone's text stands for. Abbreviations mean different things in different places: they are refused.
fn offset_of(zone: &str, type_name: &'static str) -> Result<Offset, BadValue> {
    if zone.is_empty() {
        return Ok(Offset::None);
    }
    if ["Z", "UTC", "GMT", "ZULU"].iter().any(|name| zone.eq_ignore_ascii_case(name)) {
        return Ok(Offset::Seconds(0));
    }
    if zone.contains('/') && zone.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Zone::known_as(zone).map(Offset::Named).ok_or(BadValue::Moment { type_name });
    }
    let mut rest = Rest(zone);
    let offset = rest.offset().ok_or(BadValue::Moment { type_name })?;
    offset.map(Offset::Seconds).ok_or(BadValue::MomentField { type_name })
}

impl<'text> Rest<'text> {
    fn written(&mut self) -> Option<Written<'text>> {
        let (year, month, day) = self.date()?;
        let written = |time, zone| Written { year, month, day, time, zone };
        if self.0.is_empty() {
            return Some(written(Some(0), ""));
        }
        if self.take(['T', 't']).is_none() {
            self.take(' ')?;
            self.0 = self.0.trim_start();
        }
        let (time, zone) = self.time_and_zone()?;
        Some(written(time, zone))
    }

    /// `2025-01-31` or `20250131`.
    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.digits();
        if year.len() == 8 {
            let (year, rest) = year.split_at(4);
            let (month, day) = rest.split_at(2);
            return Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?));
        }
        if !(4..=6).contains(&year.len()) {
            return None;
        }
        self.take('-')?;
        let month = self.number(2)?;
        self.take('-')?;
        Some((year.parse().ok()?, month, self.number(2)?))
    }

    /// Microseconds since midnight, nothing when a field is too large; and the text of the zone.
    fn time_and_zone(&mut self) -> Option<(Option<i64>, &'text str)> {
        let time = self.time()?;
        Some((time, self.0.trim()))
    }

    #[allow(clippy::option_option)]
    fn time(&mut self) -> Option<Option<i64>> {
        let hour = self.number(2)?;
        self.take(':')?;
        let minute = self.number(2)?;
        let second = if self.take(':').is_some() { Some(self.number(2)?) } else { None };
        // PostgreSQL reads `04:58.5` as minutes and seconds, ISO 8601 as hours and minutes: it is refused.
        let fraction = if second.is_some() && self.take('.').is_some() { self.fraction()? } else { 0 };
        let second = second.unwrap_or(0);
        let micros = ((hour * 60 + minute) * 60 + second) * SECOND + fraction;
        // A leap second is the first of the next minute, and 24:00 the first of the next day.
        Some((hour <= 24 && minute <= 59 && second <= 60 && micros <= DAY).then_some(micros))
    }

    /// Microseconds, rounded as PostgreSQL does it: by way of a floating-point number.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.digits();
        let fraction: f64 = format!("0.{digits}0").parse().ok()?;
        Some((fraction * 1e6).round_ties_even() as i64)
    }

    /// `+01`, `+01:30`, `+0130`, `+01:30:15`; nothing inside when it is too large.
    #[allow(clippy::option_option)]
    fn offset(&mut self) -> Option<Option<i64>> {
        let sign = if self.take('+').is_some() { 1 } else { self.take('-').map(|()| -1)? };
        let first = self.digits();
        let (hours, minutes, seconds) = match first.len() {
            1 | 2 => {
                let minutes = if self.take(':').is_some() { self.number(2)? } else { 0 };
                let seconds = if self.take(':').is_some() { self.number(2)? } else { 0 };
                (first.parse().ok()?, minutes, seconds)
            }
            4 | 6 => {
                let two = |at: usize| first.get(at..at + 2).map_or(Ok(0), str::parse::<i64>).ok();
                (two(0)?, two(2)?, two(4)?)
            }
            _ => return None,
        };
        let possible = hours <= 15 && minutes <= 59 && seconds <= 59;
        self.0.is_empty().then_some(possible.then_some(sign * ((hours * 60 + minutes) * 60 + seconds)))
    }

    fn number(&mut self, most: usize) -> Option<i64> {
        let digits = self.digits();
        if (1..=most).contains(&digits.len()) { digits.parse().ok() } else { None }
    }

    fn digits(&mut self) -> &'text str {
        let end = self.0.find(|character: char| !character.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }

    fn take(&mut self, pattern: impl Pattern) -> Option<()> {
        self.0 = pattern.strip(self.0)?;
        Some(())
    }
}

/// One character, or one of two.
trait Pattern {
    fn strip(self, text: &str) -> Option<&str>;
}

impl Pattern for char {
    fn strip(self, text: &str) -> Option<&str> {
        text.strip_prefix(self)
    }
}

impl Pattern for [char; 2] {
    fn strip(self, text: &str) -> Option<&str> {
        text.strip_prefix(self)
    }
}

fn text_of<'text>(value: &'text [u8], type_name: &'static str) -> Result<&'text str, BadValue> {
    core::str::from_utf8(trimmed(value)).map_err(|_| BadValue::Moment { type_name })
}

/// The text without the era behind it, and whether that is the one before year 1.
fn without_era(text: &str) -> (&str, bool) {
    match text.rsplit_once(' ') {
        Some((rest, era)) if era.eq_ignore_ascii_case("BC") => (rest.trim_end(), true),
        Some((rest, era)) if era.eq_ignore_ascii_case("AD") => (rest.trim_end(), false),
        _ => (text, false),
    }
}
