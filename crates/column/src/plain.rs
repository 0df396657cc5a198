//! Plain types: which column types can be encrypted, and the one form in which each value is (docs/spec/cell.md).
//!
//! A value goes the way client's bytes → normal form → cell, and back. The normal form is that of Microsoft's client
//! drivers, so that equal values have equal deterministic cells whoever wrote them.

mod bad_value;
mod bytes;
mod calendar;
mod float;
mod given;
mod integer;
mod moment;
mod numeric;
mod oid;
mod postgres;
mod style;
mod tagged;
mod text;
mod word;

pub use bad_value::BadValue;
pub use postgres::Unsupported;
pub use style::{DateStyle, Style, Zone};
pub use word::UnknownWord;

use crate::cell::Mode;
use given::Given;

/// The plain type of an encrypted column: what PostgreSQL would show if the column were not encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PlainType {
    /// `boolean`.
    Bool,
    /// `smallint`.
    Int2,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// `numeric(precision, scale)`.
    Numeric {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits behind the point, up to all of them.
        scale: u8,
    },
    /// `text`.
    Text(TextEncoding),
    /// `varchar` and `varchar(limit)`.
    Varchar {
        /// Characters at most.
        limit: Option<u32>,
        /// The encoding of the normal form.
        encoding: TextEncoding,
    },
    /// `char(length)`: blanks at the end mean nothing.
    Bpchar {
        /// Characters, filled up with blanks where it is read.
        length: u32,
        /// The encoding of the normal form.
        encoding: TextEncoding,
    },
    /// `bytea`.
    Bytea,
    /// `uuid`.
    Uuid,
    /// `date`.
    Date,
    /// `time(precision)`.
    Time {
        /// Digits of the second's fraction; none said is six.
        precision: Option<u8>,
    },
    /// `timestamp(precision)`.
    Timestamp {
        /// Digits of the second's fraction; none said is six.
        precision: Option<u8>,
    },
    /// `timestamp(precision) with time zone`.
    Timestamptz {
        /// Digits of the second's fraction; none said is six.
        precision: Option<u8>,
    },
    /// A type that Microsoft's client drivers do not have: its text, in randomized cells only.
    Tagged(Tagged),
}

/// The encoding of text in its normal form: what the column would be in SQL Server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TextEncoding {
    /// `varchar` with a `*_BIN2_UTF8` collation.
    #[default]
    Utf8,
    /// `nvarchar`: every version of SQL Server and every client reads it; twice the bytes for most text.
    Utf16,
}

/// Types whose normal form is PostgreSQL's text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tagged {
    /// `json`.
    Json,
    /// `jsonb`.
    Jsonb,
    /// `xml`.
    Xml,
    /// `inet`.
    Inet,
    /// `cidr`.
    Cidr,
    /// `interval`.
    Interval,
    /// An enumerated type of the database; clients see `text`, and labels are not checked.
    Enum,
    /// `citext` of the extension of that name; clients see `text`.
    Citext,
}

/// How a value is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// As text.
    Text,
    /// As the type's `send` function writes it.
    Binary,
}

/// What a value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    /// It is stored: rounded and cut as PostgreSQL does on assignment.
    Stored,
    /// It is compared with stored values: a value that no stored one can equal is refused.
    Compared,
}

impl PlainType {
    /// The normal form of a value that is stored, appended to `normal` (nothing is when it is refused). It is rounded and cut as PostgreSQL does on assignment.
    ///
    /// `given` is the type that the client's bytes are in, by its OID: 0 and 705 (unknown) stand for the column's own.
    ///
    /// # Errors
    /// [`BadValue`], with the SQLSTATE that PostgreSQL has for it.
    pub fn normalise(
        &self,
        value: &[u8],
        format: Format,
        given: u32,
        style: &Style,
        normal: &mut Vec<u8>,
    ) -> Result<(), BadValue> {
        self.normal_or_nothing(value, Given { format, oid: given, purpose: Use::Stored, style }, normal)
    }

    /// As [`PlainType::normalise`], for a value that stored ones are compared with: where that would round or cut it, it is
    /// refused, because it would be found equal to what it does not equal.
    ///
    /// # Errors
    /// [`BadValue`], with the SQLSTATE that PostgreSQL has for it.
    pub fn normalise_compared(
        &self,
        value: &[u8],
        format: Format,
        given: u32,
        style: &Style,
        normal: &mut Vec<u8>,
    ) -> Result<(), BadValue> {
        self.normal_or_nothing(value, Given { format, oid: given, purpose: Use::Compared, style }, normal)
    }

    fn normal_or_nothing(&self, value: &[u8], given: Given<'_>, normal: &mut Vec<u8>) -> Result<(), BadValue> {
        let before = normal.len();
        let outcome = self.normal(value, given, normal);
        if outcome.is_err() {
            normal.truncate(before);
        }
        outcome
    }

    fn normal(&self, value: &[u8], given: Given<'_>, normal: &mut Vec<u8>) -> Result<(), BadValue> {
        match self {
            Self::Bool => {
                let number = integer::read_bool(value, given)?.into();
                normal.extend_from_slice(&integer::normal(number));
            }
            Self::Int2 | Self::Int4 | Self::Int8 => {
                normal.extend_from_slice(&integer::normal(integer::read(value, given, self)?));
            }
            Self::Float4 | Self::Float8 => float::normal(float::read(value, given, self)?, self, normal),
            Self::Numeric { precision, scale } => {
                numeric::normal(numeric::read(value, given, *precision, *scale)?, normal);
            }
            Self::Text(encoding) | Self::Varchar { encoding, .. } | Self::Bpchar { encoding, .. } => {
                text::normal(&text::read(value, given, self)?, *encoding, normal);
            }
            Self::Bytea => bytes::read_bytea(value, given, normal)?,
            Self::Uuid => normal.extend_from_slice(&bytes::swapped(bytes::read_uuid(value, given)?)),
            Self::Date => moment::normal_date(moment::read_date(value, given)?, normal),
            Self::Time { precision } => moment::normal_time(moment::read_time(value, given, *precision)?, normal),
            Self::Timestamp { precision } => {
                moment::normal_timestamp(moment::read_timestamp(value, given, *precision)?, normal);
            }
            Self::Timestamptz { precision } => {
                moment::normal_timestamptz(moment::read_timestamptz(value, given, *precision)?, normal);
            }
            Self::Tagged(tagged) => tagged::read(*tagged, value, given, normal)?,
        }
        Ok(())
    }

    /// What PostgreSQL would have sent for the plain column, appended to `value`.
    ///
    /// # Errors
    /// [`BadValue`] when the normal form is not one of this type, or the session's style is not supported.
    pub fn denormalise(
        &self,
        normal: &[u8],
        format: Format,
        style: &Style,
        value: &mut Vec<u8>,
    ) -> Result<(), BadValue> {
        let stored = || BadValue::Stored { type_name: self.sql_name() };
        match self {
            Self::Bool | Self::Int2 | Self::Int4 | Self::Int8 => {
                integer::show(integer::stored(normal, self).ok_or_else(stored)?, self, format, value);
            }
            Self::Float4 | Self::Float8 => {
                float::show(float::stored(normal, self).ok_or_else(stored)?, self, format, style, value);
            }
            Self::Numeric { precision, scale } => {
                numeric::show(numeric::stored(normal, *precision).ok_or_else(stored)?, *scale, format, value);
            }
            Self::Text(encoding) | Self::Varchar { encoding, .. } | Self::Bpchar { encoding, .. } => {
                style.text()?;
                text::show(&text::stored(normal, *encoding).ok_or_else(stored)?, self, value);
            }
            Self::Bytea => bytes::show_bytea(normal, format, style, value),
            Self::Uuid => {
                let uuid = normal.try_into().map_err(|_| stored())?;
                bytes::show_uuid(bytes::swapped(uuid), format, value);
            }
            Self::Date => moment::show_date(moment::stored_date(normal).ok_or_else(stored)?, format, style, value)?,
            Self::Time { .. } => {
                moment::show_time(moment::stored_time(normal).ok_or_else(stored)?, format, value);
            }
            Self::Timestamp { .. } => {
                let micros = moment::stored_timestamp(normal).ok_or_else(stored)?;
                moment::show_timestamp(micros, format, style, value)?;
            }
            Self::Timestamptz { .. } => {
                let micros = moment::stored_timestamptz(normal).ok_or_else(stored)?;
                moment::show_timestamptz(micros, format, style, value)?;
            }
            Self::Tagged(tagged) => tagged::show(*tagged, normal, format, style, value)?,
        }
        Ok(())
    }

    /// Whether columns of this type may be encrypted in this mode.
    ///
    /// # Errors
    /// [`Unsupported`] says why not.
    pub fn allows(&self, mode: Mode) -> Result<(), Unsupported> {
        match (self, mode) {
            (Self::Tagged(_), Mode::Deterministic) => Err(Unsupported::Deterministic { type_name: self.word() }),
            _ => Ok(()),
        }
    }
}
