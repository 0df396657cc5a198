//! `interval`: months, days and microseconds, each of its own, because none has a fixed number of the next.

use crate::plain::BadValue;
use crate::plain::given::trimmed;

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Interval {
    months: i32,
    days: i32,
    micros: i64,
}

impl Interval {
    /// Microseconds, days, months.
    pub(super) fn of_binary(value: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = value;
        let [i, j, k, l, m, n, o, p] = rest;
        Self {
            micros: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            days: i32::from_be_bytes([i, j, k, l]),
            months: i32::from_be_bytes([m, n, o, p]),
        }
    }

    pub(super) fn show_binary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.micros.to_be_bytes());
        out.extend_from_slice(&self.days.to_be_bytes());
        out.extend_from_slice(&self.months.to_be_bytes());
    }

    /// Numbers with their units, a time behind them: `1 year 2 mons -3 days +04:05:06.789`. Other ways to write it are refused.
    pub(super) fn of_text(value: &[u8]) -> Result<Self, BadValue> {
        let text = core::str::from_utf8(trimmed(value)).map_err(|_| SYNTAX)?;
        let mut words = text.split_ascii_whitespace();
        let mut interval = Self::default();
        let mut units: Vec<&str> = Vec::new();
        while let Some(word) = words.next() {
            if word.contains(':') {
                if units.iter().any(|unit| ["hour", "minute", "second"].contains(unit)) {
                    return Err(SYNTAX);
                }
                let micros = micros_of_time(word).ok_or(SYNTAX)?;
                interval.micros = interval.micros.checked_add(micros).ok_or(RANGE)?;
                // A time stands at the end.
                return if words.next().is_none() { Ok(interval) } else { Err(SYNTAX) };
            }
            let unit = words.next().ok_or(SYNTAX)?;
            let (_, unit) = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)).ok_or(SYNTAX)?;
            // A unit stands there once.
            if units.contains(unit) {
                return Err(SYNTAX);
            }
            units.push(unit);
            interval.add(word, unit)?;
        }
        if units.is_empty() { Err(SYNTAX) } else { Ok(interval) }
    }

    fn add(&mut self, number: &str, unit: &str) -> Result<(), BadValue> {
        let days_or_months = |field: i32, factor: i32| {
            let number: i32 = number.parse().map_err(|_| SYNTAX)?;
            number.checked_mul(factor).and_then(|added| field.checked_add(added)).ok_or(RANGE)
        };
        let micros = |factor: i64| number.parse::<i64>().map_err(|_| SYNTAX)?.checked_mul(factor).ok_or(RANGE);
        let added = match unit {
            "year" => return days_or_months(self.months, 12).map(|months| self.months = months),
            "month" => return days_or_months(self.months, 1).map(|months| self.months = months),
            "week" => return days_or_months(self.days, 7).map(|days| self.days = days),
            "day" => return days_or_months(self.days, 1).map(|days| self.days = days),
            "hour" => micros(3600 * SECOND)?,
            "minute" => micros(60 * SECOND)?,
            _ => micros_of_seconds(number).ok_or(SYNTAX)?,
        };
        self.micros = self.micros.checked_add(added).ok_or(RANGE)?;
        Ok(())
    }

    /// As PostgreSQL shows it with IntervalStyle `postgres`: what is positive behind something negative has its sign.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut after_negative = false;
        let (years, months) = (self.months / 12, self.months % 12);
        for (number, unit) in [(years, "year"), (months, "mon"), (self.days, "day")] {
            if number == 0 {
                continue;
            }
            let blank = if text.is_empty() { "" } else { " " };
            let sign = if after_negative && number > 0 { "+" } else { "" };
            let plural = if number == 1 { "" } else { "s" };
            text.push_str(&format!("{blank}{sign}{number} {unit}{plural}"));
            after_negative = number < 0;
        }
        if self.micros != 0 || text.is_empty() {
            let blank = if text.is_empty() { "" } else { " " };
            let sign = match self.micros {
                ..0 => "-",
                _ if after_negative => "+",
                _ => "",
            };
            text.push_str(&format!("{blank}{sign}{}", time_text(self.micros.unsigned_abs())));
        }
        text
    }
}

fn time_text(micros: u64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { whole } else { format!("{whole}.{fraction:06}").trim_end_matches('0').to_owned() }
}

/// `[+-]hours:minutes[:seconds]`.
fn micros_of_time(word: &str) -> Option<i64> {
    let (negative, rest) = signed(word);
    let mut parts = rest.split(':');
    let whole = |part: Option<&str>| -> Option<i64> {
        let digits = part?;
        let right = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if right { digits.parse().ok() } else { None }
    };
    let hours = whole(parts.next())?;
    let minutes = whole(parts.next()).filter(|minutes| *minutes < 60)?;
    let seconds = match parts.next() {
        Some(seconds) if !seconds.starts_with(['+', '-']) => micros_of_seconds(seconds)?,
        Some(_) => return None,
        None => 0,
    };
    if parts.next().is_some() || seconds >= 60 * SECOND {
        return None;
    }
    // Taken together below zero, where there is one more number than above.
    let below = hours.checked_mul(-60)?.checked_sub(minutes)?.checked_mul(60 * SECOND)?.checked_sub(seconds)?;
    if negative { Some(below) } else { below.checked_neg() }
}

/// Seconds with at most six digits behind the point.
fn micros_of_seconds(text: &str) -> Option<i64> {
    let (negative, rest) = signed(text);
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    let micros = whole.parse::<i64>().ok()?.checked_mul(SECOND)?.checked_add(fraction)?;
    Some(if negative { -micros } else { micros })
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The units as they are written, and which one that is.
const UNITS: &[(&str, &str)] = &[
    ("year", "year"),
    ("years", "year"),
    ("mon", "month"),
    ("mons", "month"),
    ("month", "month"),
    ("months", "month"),
    ("week", "week"),
    ("weeks", "week"),
    ("day", "day"),
    ("days", "day"),
    ("hour", "hour"),
    ("hours", "hour"),
    ("min", "minute"),
    ("mins", "minute"),
    ("minute", "minute"),
    ("minutes", "minute"),
    ("sec", "second"),
    ("secs", "second"),
    ("second", "second"),
    ("seconds", "second"),
];
const SECOND: i64 = 1_000_000;
const SYNTAX: BadValue = BadValue::Interval;
const RANGE: BadValue = BadValue::MomentField { type_name: "interval" };
