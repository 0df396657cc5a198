//! A plain type and PostgreSQL's description of it.

use thiserror::Error;

use super::{PlainType, Tagged, TextEncoding, oid};

/// A type that cannot be encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unsupported {
    /// No normal form.
    #[error("columns of type {type_name} cannot be encrypted: {because}")]
    Type {
        /// The type.
        type_name: String,
        /// Why, and what to do.
        because: &'static str,
    },
    /// Equal values need not have equal text.
    #[error(
        "columns of type {type_name} can be encrypted as randomized only: equal values can be written in several ways"
    )]
    Deterministic {
        /// The type.
        type_name: String,
    },
}

impl PlainType {
    /// The plain type of a column. `type_name` is that of `pg_type`, or what `format_type` makes of it; for a type that is not
    /// PostgreSQL's own it is `enum` for every enumerated type, `citext` for that extension's. With `nvarchar` text is kept
    /// in UTF-16.
    ///
    /// # Errors
    /// [`Unsupported`] says why not and what to do.
    pub fn from_postgres(type_name: &str, oid: u32, typmod: i32, nvarchar: bool) -> Result<Self, Unsupported> {
        let encoding = if nvarchar { TextEncoding::Utf16 } else { TextEncoding::Utf8 };
        let refuse = |because| Err(Unsupported::Type { type_name: type_name.to_owned(), because });
        let plain = match oid {
            oid::BOOL => Self::Bool,
            oid::INT2 => Self::Int2,
            oid::INT4 => Self::Int4,
            oid::INT8 => Self::Int8,
            oid::FLOAT4 => Self::Float4,
            oid::FLOAT8 => Self::Float8,
            oid::NUMERIC => match numeric_of(typmod) {
                Some(numeric) => numeric,
                None => return refuse(NUMERIC_LIMITS),
            },
            oid::TEXT => Self::Text(encoding),
            oid::VARCHAR => Self::Varchar { limit: length_of(typmod), encoding },
            oid::BPCHAR => match length_of(typmod) {
                Some(length) => Self::Bpchar { length, encoding },
                None => return refuse("it has no length; declare it as text"),
            },
            oid::BYTEA => Self::Bytea,
            oid::UUID => Self::Uuid,
            oid::DATE => Self::Date,
            oid::TIME => Self::Time { precision: precision_of(typmod) },
            oid::TIMESTAMP => Self::Timestamp { precision: precision_of(typmod) },
            oid::TIMESTAMPTZ => Self::Timestamptz { precision: precision_of(typmod) },
            oid::TIMETZ => {
                return refuse("a time of day has no meaning in a time zone without its date; use timestamptz");
            }
            oid::INTERVAL if typmod != -1 => return refuse("its fields are limited; declare it as interval"),
            _ => match Tagged::from_postgres(type_name, oid) {
                Some(tagged) => Self::Tagged(tagged),
                None => return refuse("it has no normal form; convert the column to text, bytea or json"),
            },
        };
        if nvarchar && !plain.is_text() {
            return refuse("UTF-16 is for text, varchar and char only; leave the option out");
        }
        Ok(plain)
    }

    /// The number by which results of the plain column are announced.
    #[must_use]
    pub const fn oid(&self) -> u32 {
        self.numbers().0
    }

    /// The number of its array type.
    #[must_use]
    pub const fn array_oid(&self) -> u32 {
        self.numbers().1
    }

    /// Bytes of PostgreSQL's own form; -1 when they vary.
    #[must_use]
    pub const fn typlen(&self) -> i16 {
        self.numbers().2
    }

    /// `atttypmod` of the plain column; -1 when there is none.
    #[must_use]
    pub fn typmod(&self) -> i32 {
        match self {
            Self::Numeric { precision, scale } => ((i32::from(*precision) << 16) | i32::from(*scale)) + HEADER,
            Self::Varchar { limit: Some(length), .. } | Self::Bpchar { length, .. } => {
                i32::try_from(*length).map_or(-1, |length| length.saturating_add(HEADER))
            }
            Self::Time { precision } | Self::Timestamp { precision } | Self::Timestamptz { precision } => {
                precision.map_or(-1, i32::from)
            }
            _ => -1,
        }
    }

    const fn numbers(&self) -> (u32, u32, i16) {
        match self {
            Self::Bool => (oid::BOOL, 1000, 1),
            Self::Int2 => (oid::INT2, 1005, 2),
            Self::Int4 => (oid::INT4, 1007, 4),
            Self::Int8 => (oid::INT8, 1016, 8),
            Self::Float4 => (oid::FLOAT4, 1021, 4),
            Self::Float8 => (oid::FLOAT8, 1022, 8),
            Self::Numeric { .. } => (oid::NUMERIC, 1231, -1),
            Self::Text(_) => (oid::TEXT, 1009, -1),
            Self::Varchar { .. } => (oid::VARCHAR, 1015, -1),
            Self::Bpchar { .. } => (oid::BPCHAR, 1014, -1),
            Self::Bytea => (oid::BYTEA, 1001, -1),
            Self::Uuid => (oid::UUID, 2951, 16),
            Self::Date => (oid::DATE, 1182, 4),
            Self::Time { .. } => (oid::TIME, 1183, 8),
            Self::Timestamp { .. } => (oid::TIMESTAMP, 1115, 8),
            Self::Timestamptz { .. } => (oid::TIMESTAMPTZ, 1185, 8),
            Self::Tagged(tagged) => match tagged {
                Tagged::Json => (oid::JSON, 199, -1),
                Tagged::Jsonb => (oid::JSONB, 3807, -1),
                Tagged::Xml => (oid::XML, 143, -1),
                Tagged::Inet => (oid::INET, 1041, -1),
                Tagged::Cidr => (oid::CIDR, 651, -1),
                Tagged::Interval => (oid::INTERVAL, 1187, 16),
                // The numbers of these types differ from database to database, and clients know none of them by heart.
                Tagged::Enum | Tagged::Citext => (oid::TEXT, 1009, -1),
            },
        }
    }

    const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Varchar { .. } | Self::Bpchar { .. })
    }
}

impl Tagged {
    fn from_postgres(type_name: &str, oid: u32) -> Option<Self> {
        match oid {
            oid::JSON => Some(Self::Json),
            oid::JSONB => Some(Self::Jsonb),
            oid::XML => Some(Self::Xml),
            oid::INET => Some(Self::Inet),
            oid::CIDR => Some(Self::Cidr),
            oid::INTERVAL => Some(Self::Interval),
            _ => match type_name {
                "enum" => Some(Self::Enum),
                "citext" => Some(Self::Citext),
                _ => None,
            },
        }
    }
}

/// `numeric(precision, scale)`, unless it is without limits or with some that the normal form does not have.
fn numeric_of(typmod: i32) -> Option<PlainType> {
    let packed = typmod.checked_sub(HEADER).filter(|packed| *packed >= 0)?;
    let precision = u8::try_from(packed >> 16).ok()?;
    // Eleven bits with a sign: scales from -1000 to 1000.
    let scale = u8::try_from(((packed & 0x7ff) ^ 1024) - 1024).ok()?;
    (precision <= MOST_DIGITS && scale <= precision && precision > 0).then_some(PlainType::Numeric { precision, scale })
}

fn length_of(typmod: i32) -> Option<u32> {
    u32::try_from(typmod.checked_sub(HEADER)?).ok()
}

fn precision_of(typmod: i32) -> Option<u8> {
    u8::try_from(typmod).ok()
}

/// What PostgreSQL adds to lengths in `atttypmod`.
const HEADER: i32 = 4;
/// Digits of the longest number.
pub(super) const MOST_DIGITS: u8 = 38;
const NUMERIC_LIMITS: &str =
    "declare it as numeric(precision, scale) with at most 38 digits and a scale from 0 to the precision";
