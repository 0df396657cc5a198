//! Why a value was refused.

use thiserror::Error;

/// A value that cannot be encrypted or shown. It is never part of the message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadValue {
    /// Not a text of this type.
    #[error("invalid input syntax for type {type_name}")]
    Syntax {
        /// The type.
        type_name: &'static str,
    },
    /// Not a date or time as ISO 8601 writes it.
    #[error(
        "invalid input syntax for type {type_name}: in an encrypted column dates and times are written as in ISO 8601, \
         such as 2025-01-31 15:04:05.123456+01"
    )]
    Moment {
        /// The type.
        type_name: &'static str,
    },
    /// Not an interval as PostgreSQL shows it.
    #[error(
        "invalid input syntax for type interval: in an encrypted column an interval is written as in \
         `1 year 2 mons 3 days 04:05:06.789`"
    )]
    Interval,
    /// A date or time with a field that is too large.
    #[error("date/time field value out of range for type {type_name}")]
    MomentField {
        /// The type.
        type_name: &'static str,
    },
    /// A date or time that the normal form does not have.
    #[error(
        "{type_name} out of range: an encrypted column holds the years 1 to 9999, no infinity, and times before 24:00:00"
    )]
    MomentRange {
        /// The type.
        type_name: &'static str,
    },
    /// Too large or too small.
    #[error("value out of range for type {type_name}")]
    Range {
        /// The type.
        type_name: String,
    },
    /// Not a number, or infinity.
    #[error("an encrypted column of type {type_name} holds neither NaN nor infinity")]
    NotFinite {
        /// The type.
        type_name: String,
    },
    /// A value to be compared with that no stored value can equal.
    #[error(
        "the value has more digits than {type_name} holds; compare an encrypted column with a value of its own type"
    )]
    Inexact {
        /// The type.
        type_name: String,
    },
    /// Too many characters.
    #[error("value too long for type {type_name}")]
    TooLong {
        /// The type, as SQL writes it.
        type_name: String,
    },
    /// Bytes that are not text in UTF-8, or with a zero byte.
    #[error("invalid byte sequence for encoding \"UTF8\"")]
    NotUtf8,
    /// Bytes that the type's binary format does not have.
    #[error("incorrect binary data format for type {type_name}")]
    Binary {
        /// The type.
        type_name: &'static str,
    },
    /// A value of a type that is not converted.
    #[error(
        "column is of type {type_name} but the value is of the type with OID {given}; give it as {type_name}, or as text"
    )]
    Type {
        /// The column's type.
        type_name: String,
        /// What came.
        given: u32,
    },
    /// Something that is not done for encrypted columns.
    #[error("{0}")]
    NotSupported(&'static str),
    /// A cell opened to something that is no value of the column's type.
    #[error(
        "the encrypted value is not one of type {type_name}: another program wrote it, or the column has another type"
    )]
    Stored {
        /// The column's type.
        type_name: String,
    },
}

impl BadValue {
    /// The SQLSTATE that PostgreSQL has for it.
    #[must_use]
    pub const fn sqlstate(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "22P02",
            Self::Moment { .. } | Self::Interval => "22007",
            Self::MomentField { .. } | Self::MomentRange { .. } => "22008",
            Self::Range { .. } | Self::NotFinite { .. } | Self::Inexact { .. } => "22003",
            Self::TooLong { .. } => "22001",
            Self::NotUtf8 => "22021",
            Self::Binary { .. } => "22P03",
            Self::Type { .. } => "42804",
            Self::NotSupported(_) => "0A000",
            Self::Stored { .. } => "XX001",
        }
    }
}
