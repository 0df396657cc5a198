//! Typed values and classes on the wire.

use core::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::WireSecret;

/// The value of a setting, by its type; encoded it has at most 1 MiB.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingValue")]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Text: its UTF-8 in base64.
    StringBase64(WireSecret),
    /// Texts in an order: the UTF-8 of each in base64.
    MultiStringBase64(#[schemars(length(max = 4096))] Vec<WireSecret>),
    /// A whole number.
    Integer(#[schemars(range(min = i64::MIN, max = i64::MAX))] i64),
    /// Bytes in base64.
    BinaryBase64(WireSecret),
    /// True or false.
    Boolean(bool),
}

/// What a setting belongs to. All but `encrypted` are deliberately not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingClass")]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Sealed under a key of its own.
    Encrypted,
    /// How queues are worked off; in clear.
    Queue,
    /// How clients look and behave; in clear.
    Client,
    /// How the audit log is written; in clear.
    Audit,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Encrypted, Self::Queue, Self::Client, Self::Audit];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Queue => "queue",
            Self::Client => "client",
            Self::Audit => "audit",
        }
    }

    /// The class with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// A value is never shown, not even a number.
impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Value({}, …)", self.type_word())
    }
}

impl Value {
    /// How many bytes it has as it is stored.
    #[must_use]
    pub fn encoded_length(&self) -> usize {
        match self {
            Self::StringBase64(bytes) | Self::BinaryBase64(bytes) => bytes.length(),
            Self::MultiStringBase64(strings) => strings.iter().map(|string| 4 + string.length()).sum(),
            Self::Integer(_) => 8,
            Self::Boolean(_) => 1,
        }
    }

    /// The word of its type.
    #[must_use]
    pub const fn type_word(&self) -> &'static str {
        match self {
            Self::StringBase64(_) => "string",
            Self::MultiStringBase64(_) => "multi-string",
            Self::Integer(_) => "integer",
            Self::BinaryBase64(_) => "binary",
            Self::Boolean(_) => "boolean",
        }
    }

    /// A typical one.
    pub(super) fn sample() -> Self {
        Self::StringBase64(WireSecret::sample("Server=db1"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_type_in_json() {
        for json in [
            r#"{"string_base64":"Zm9v"}"#,
            r#"{"multi_string_base64":["Zm9v",""]}"#,
            r#"{"integer":-9223372036854775808}"#,
            r#"{"binary_base64":"/w=="}"#,
            r#"{"boolean":true}"#,
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
        for json in [
            "{}",
            r#"{"string":"x"}"#,
            r#"{"integer":1,"boolean":true}"#,
            r#"{"integer":9223372036854775808}"#,
            r#"{"integer":1.5}"#,
            r#"{"boolean":1}"#,
            r#""integer""#,
        ] {
            assert!(serde_json::from_str::<Value>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn words_of_classes() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{}\"", class.word()));
            assert_eq!(Class::from_word(class.word()), Some(class));
        }
    }
}
