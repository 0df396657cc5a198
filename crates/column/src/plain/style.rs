//! What a session set that changes how values are written.

use core::fmt;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

use super::bad_value::BadValue;

/// A session's settings, as far as they change the text of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    /// `TimeZone`: where timestamps with time zone are shown, and where those without an offset are.
    pub time_zone: Zone,
    /// `DateStyle`.
    pub date_style: DateStyle,
    /// `IntervalStyle` is `postgres`.
    pub interval_postgres: bool,
    /// `extra_float_digits`: above 0 the shortest text that reads back as the same number.
    pub extra_float_digits: i32,
    /// `bytea_output` is `hex`.
    pub bytea_hex: bool,
    /// `client_encoding` is UTF-8.
    pub client_utf8: bool,
}

/// How dates are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// As in ISO 8601, PostgreSQL's default.
    Iso,
    /// Another way; dates cannot be shown as text then.
    Other,
}

/// A time zone, if it is known by that name here.
#[derive(Clone, PartialEq)]
pub struct Zone(Option<TimeZone>);

impl Default for Style {
    /// PostgreSQL's defaults, in UTC.
    fn default() -> Self {
        Self {
            time_zone: Zone::utc(),
            date_style: DateStyle::Iso,
            interval_postgres: true,
            extra_float_digits: 1,
            bytea_hex: true,
            client_utf8: true,
        }
    }
}

impl Style {
    /// Takes a setting over, as `ParameterStatus` or `SET` names it. Settings that change no text are ignored.
    /// Whether it was one that matters.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("TimeZone") {
            self.time_zone = Zone::named(value);
        } else if is("DateStyle") {
            let iso = value.get(..3).is_some_and(|style| style.eq_ignore_ascii_case("ISO"));
            self.date_style = if iso { DateStyle::Iso } else { DateStyle::Other };
        } else if is("IntervalStyle") {
            self.interval_postgres = value.eq_ignore_ascii_case("postgres");
        } else if is("extra_float_digits") {
            // What PostgreSQL itself refuses never gets here.
            self.extra_float_digits = value.trim().parse().unwrap_or(self.extra_float_digits);
        } else if is("bytea_output") {
            self.bytea_hex = value.eq_ignore_ascii_case("hex");
        } else if is("client_encoding") {
            self.client_utf8 = ["UTF8", "UTF-8", "UNICODE"].iter().any(|name| value.eq_ignore_ascii_case(name));
        } else {
            return false;
        }
        true
    }

    pub(super) const fn dates(&self) -> Result<(), BadValue> {
        match self.date_style {
            DateStyle::Iso => Ok(()),
            DateStyle::Other => Err(BadValue::NotSupported(
                "dates and times of encrypted columns are shown with DateStyle ISO only; set DateStyle to ISO",
            )),
        }
    }

    pub(super) const fn text(&self) -> Result<(), BadValue> {
        if self.client_utf8 {
            return Ok(());
        }
        Err(BadValue::NotSupported("text of encrypted columns needs client_encoding UTF8; set client_encoding to UTF8"))
    }
}

impl Zone {
    /// UTC.
    #[must_use]
    pub const fn utc() -> Self {
        Self(Some(TimeZone::UTC))
    }

    /// The zone of that name: one of the time zone database, or a rule as POSIX writes it. An unknown one is remembered as
    /// unknown: with it, timestamps with time zone cannot be shown as text.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(ZONES.get(name).or_else(|_| TimeZone::posix(name)).ok())
    }

    /// The zone of a name of the time zone database.
    pub(super) fn known_as(name: &str) -> Option<Self> {
        ZONES.get(name).ok().map(|zone| Self(Some(zone)))
    }

    /// Seconds east of Greenwich at a moment, given as seconds of Unix time.
    pub(super) fn offset_at(&self, unix_seconds: i64) -> Result<i32, BadValue> {
        let seconds = unix_seconds.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
        let moment = jiff::Timestamp::from_second(seconds).map_err(|_| NO_ZONE)?;
        Ok(self.known()?.to_offset(moment).seconds())
    }

    /// Seconds east of Greenwich that a local time has, as PostgreSQL decides where there are none or two: the earlier offset
    /// where clocks are put forward, the later one where they are put back.
    pub(super) fn offset_of(&self, local: DateTime) -> Result<i32, BadValue> {
        let offset = match self.known()?.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } => before,
            AmbiguousOffset::Fold { after, .. } => after,
        };
        Ok(offset.seconds())
    }

    const fn known(&self) -> Result<&TimeZone, BadValue> {
        match &self.0 {
            Some(zone) => Ok(zone),
            None => Err(NO_ZONE),
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(zone) => write!(formatter, "Zone({})", zone.iana_name().unwrap_or("a rule")),
            None => formatter.write_str("Zone(unknown)"),
        }
    }
}

/// The time zone database that is part of the program: the machine's own is not read.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const NO_ZONE: BadValue = BadValue::NotSupported(
    "the session's TimeZone is not known for encrypted columns; set TimeZone to a name of the IANA database, such as Europe/Berlin",
);
