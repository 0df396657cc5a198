//! A plain type in one word, as manifests and commands have it, and as SQL has it.

use thiserror::Error;

use super::{PlainType, Tagged, TextEncoding};

/// Not the word of a plain type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the word of a type that can be encrypted, such as int8, numeric(10,2), varchar(20), text utf16, pg:jsonb")]
pub struct UnknownWord;

impl PlainType {
    /// The type in one word, such as `numeric(10,2)` or `varchar(20) utf16`. Each type has one word.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Text(encoding) => format!("text{}", suffix(*encoding)),
            Self::Varchar { limit: None, encoding } => format!("varchar{}", suffix(*encoding)),
            Self::Varchar { limit: Some(limit), encoding } => format!("varchar({limit}){}", suffix(*encoding)),
            Self::Bpchar { length, encoding } => format!("bpchar({length}){}", suffix(*encoding)),
            Self::Numeric { precision, scale } => format!("numeric({precision},{scale})"),
            Self::Time { precision } => format!("time{}", digits(*precision)),
            Self::Timestamp { precision } => format!("timestamp{}", digits(*precision)),
            Self::Timestamptz { precision } => format!("timestamptz{}", digits(*precision)),
            Self::Tagged(tagged) => format!("pg:{}", tagged.word()),
            Self::Bool => "bool".to_owned(),
            Self::Int2 => "int2".to_owned(),
            Self::Int4 => "int4".to_owned(),
            Self::Int8 => "int8".to_owned(),
            Self::Float4 => "float4".to_owned(),
            Self::Float8 => "float8".to_owned(),
            Self::Bytea => "bytea".to_owned(),
            Self::Uuid => "uuid".to_owned(),
            Self::Date => "date".to_owned(),
        }
    }

    /// The type of a word.
    ///
    /// # Errors
    /// [`UnknownWord`] for anything but what [`PlainType::word`] answers.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let (word_alone, encoding) = match word.strip_suffix(UTF16) {
            Some(rest) => (rest, TextEncoding::Utf16),
            None => (word, TextEncoding::Utf8),
        };
        let (name, numbers) = arguments(word_alone).ok_or(UnknownWord)?;
        let found = named(name, numbers, encoding).filter(Self::is_possible).ok_or(UnknownWord)?;
        // One word for one type: `varchar(020)` and `int4 utf16` are no words.
        if found.word() == word { Ok(found) } else { Err(UnknownWord) }
    }

    /// The type as PostgreSQL's own messages have it.
    #[must_use]
    pub fn sql_name(&self) -> String {
        match self {
            Self::Bool => "boolean".to_owned(),
            Self::Int2 => "smallint".to_owned(),
            Self::Int4 => "integer".to_owned(),
            Self::Int8 => "bigint".to_owned(),
            Self::Float4 => "real".to_owned(),
            Self::Float8 => "double precision".to_owned(),
            Self::Text(_) => "text".to_owned(),
            Self::Varchar { limit: None, .. } => "character varying".to_owned(),
            Self::Varchar { limit: Some(limit), .. } => format!("character varying({limit})"),
            Self::Bpchar { length, .. } => format!("character({length})"),
            Self::Time { precision } => format!("time{} without time zone", digits(*precision)),
            Self::Timestamp { precision } => format!("timestamp{} without time zone", digits(*precision)),
            Self::Timestamptz { precision } => format!("timestamp{} with time zone", digits(*precision)),
            Self::Tagged(tagged) => tagged.word().to_owned(),
            Self::Numeric { .. } | Self::Bytea | Self::Uuid | Self::Date => self.word(),
        }
    }

    fn is_possible(&self) -> bool {
        match self {
            Self::Numeric { precision, scale } => (1..=38).contains(precision) && scale <= precision,
            Self::Varchar { limit: Some(length), .. } | Self::Bpchar { length, .. } => {
                (1..=MOST_CHARACTERS).contains(length)
            }
            Self::Time { precision } | Self::Timestamp { precision } | Self::Timestamptz { precision } => {
                precision.is_none_or(|digits| digits <= 6)
            }
            _ => true,
        }
    }
}

impl Tagged {
    const ALL: [Self; 8] =
        [Self::Json, Self::Jsonb, Self::Xml, Self::Inet, Self::Cidr, Self::Interval, Self::Enum, Self::Citext];

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Xml => "xml",
            Self::Inet => "inet",
            Self::Cidr => "cidr",
            Self::Interval => "interval",
            Self::Enum => "enum",
            Self::Citext => "citext",
        }
    }
}

/// The type of a name with its arguments.
fn named(name: &str, numbers: [Option<u32>; 2], encoding: TextEncoding) -> Option<PlainType> {
    let precision = || match numbers {
        [None, None] => Some(None),
        [Some(digits), None] => u8::try_from(digits).ok().map(Some),
        _ => None,
    };
    Some(match (name, numbers) {
        ("bool", [None, None]) => PlainType::Bool,
        ("int2", [None, None]) => PlainType::Int2,
        ("int4", [None, None]) => PlainType::Int4,
        ("int8", [None, None]) => PlainType::Int8,
        ("float4", [None, None]) => PlainType::Float4,
        ("float8", [None, None]) => PlainType::Float8,
        ("bytea", [None, None]) => PlainType::Bytea,
        ("uuid", [None, None]) => PlainType::Uuid,
        ("date", [None, None]) => PlainType::Date,
        ("text", [None, None]) => PlainType::Text(encoding),
        ("varchar", [limit, None]) => PlainType::Varchar { limit, encoding },
        ("bpchar", [Some(length), None]) => PlainType::Bpchar { length, encoding },
        ("numeric", [Some(precision), Some(scale)]) => {
            PlainType::Numeric { precision: u8::try_from(precision).ok()?, scale: u8::try_from(scale).ok()? }
        }
        ("time", _) => PlainType::Time { precision: precision()? },
        ("timestamp", _) => PlainType::Timestamp { precision: precision()? },
        ("timestamptz", _) => PlainType::Timestamptz { precision: precision()? },
        (_, [None, None]) => {
            let tag = name.strip_prefix("pg:")?;
            PlainType::Tagged(Tagged::ALL.into_iter().find(|tagged| tagged.word() == tag)?)
        }
        _ => return None,
    })
}

/// `name(number,number)`, each number optional.
fn arguments(word: &str) -> Option<(&str, [Option<u32>; 2])> {
    let Some((name, rest)) = word.split_once('(') else { return Some((word, [None, None])) };
    let inside = rest.strip_suffix(')')?;
    let number = |text: &str| text.parse().ok().map(Some);
    let numbers = match inside.split_once(',') {
        Some((first, second)) => [number(first)?, number(second)?],
        None => [number(inside)?, None],
    };
    Some((name, numbers))
}

fn digits(precision: Option<u8>) -> String {
    precision.map(|digits| format!("({digits})")).unwrap_or_default()
}

const fn suffix(encoding: TextEncoding) -> &'static str {
    match encoding {
        TextEncoding::Utf8 => "",
        TextEncoding::Utf16 => UTF16,
    }
}

const UTF16: &str = " utf16";
/// PostgreSQL's limit of `varchar(n)`.
const MOST_CHARACTERS: u32 = 10_485_760;
