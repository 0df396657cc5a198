//! Moments in milliseconds since 1970, and the one text form the audit trail writes them in.

use core::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The text is not a moment in the form `2025-01-31T23:59:59.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a moment of the form 2025-01-31T23:59:59.000Z")]
pub struct TimestampRefusal;

impl Timestamp {
    /// The moment as `2025-01-31T23:59:59.000Z` (RFC 3339, UTC, milliseconds).
    ///
    /// A moment outside the years 0 to 9999 is written as the nearest one inside.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.to_string()
    }

    /// Reads the form that [`Timestamp::rfc3339`] writes, and no other.
    ///
    /// # Errors
    /// For any other text, a leap second and a date that does not exist included.
    pub fn parse(text: &str) -> Result<Self, TimestampRefusal> {
        let digits = digits_of(text.as_bytes()).ok_or(TimestampRefusal)?;
        let [year, month, day, hour, minute, second, milliseconds] = digits;
        let narrow = |value: i16| i8::try_from(value).map_err(|_| TimestampRefusal);
        let civil = DateTime::new(
            year,
            narrow(month)?,
            narrow(day)?,
            narrow(hour)?,
            narrow(minute)?,
            narrow(second)?,
            i32::from(milliseconds) * 1_000_000,
        )
        .map_err(|_| TimestampRefusal)?;
        i64::try_from(civil.duration_since(EPOCH).as_millis()).map(Self).map_err(|_| TimestampRefusal)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = self.0.clamp(FIRST, LAST);
        let civil = EPOCH.checked_add(SignedDuration::from_millis(inside)).expect("a moment of the years 0 to 9999");
        write!(
            formatter,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
            civil.millisecond(),
        )
    }
}

impl<C> minicbor::Encode<C> for Timestamp {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.i64(self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Timestamp {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        decoder.i64().map(Self)
    }
}

/// Year, month, day, hour, minute, second, millisecond, when everything around them is as it must be.
fn digits_of(text: &[u8]) -> Option<[i16; 7]> {
    if text.len() != FORM.len() {
        return None;
    }
    let mut fields = [0i16; 7];
    let mut field = 0;
    for (&found, &form) in text.iter().zip(FORM) {
        if form == b'0' {
            if !found.is_ascii_digit() {
                return None;
            }
            let slot = fields.get_mut(field)?;
            *slot = *slot * 10 + i16::from(found - b'0');
        } else if found == form {
            field += 1;
        } else {
            return None;
        }
    }
    Some(fields)
}

const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
/// Without an offset the calendar reaches to the last moment of the year 9999.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// 0000-01-01T00:00:00.000Z.
const FIRST: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LAST: i64 = 253_402_300_799_999;
