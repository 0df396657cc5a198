//! Typed values and their encoding (docs/spec/bodies.md).

use std::fmt;

use minicbor::{Decode, Encode};
use strongroom_secret::SecretBytes;

use crate::rule::Refusal;

/// The longest encoded value, in bytes: that of a secret, and of what one commit can hold.
pub const VALUE_BYTES: usize = 1 << 20;
/// The most strings of a multi-string.
pub const MOST_STRINGS: usize = 4096;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// Text.
    String,
    /// Texts in an order.
    MultiString,
    /// A whole number.
    Integer,
    /// Bytes.
    Binary,
    /// True or false.
    Boolean,
}

/// A value in clear.
pub enum SettingValue {
    /// UTF-8.
    String(SecretBytes),
    /// UTF-8, each; none as well.
    MultiString(Vec<SecretBytes>),
    /// A whole number.
    Integer(i64),
    /// Bytes.
    Binary(SecretBytes),
    /// True or false.
    Boolean(bool),
}

impl SettingValue {
    /// What it is.
    #[must_use]
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::MultiString(_) => ValueType::MultiString,
            Self::Integer(_) => ValueType::Integer,
            Self::Binary(_) => ValueType::Binary,
            Self::Boolean(_) => ValueType::Boolean,
        }
    }

    /// How many bytes it has encoded.
    #[must_use]
    pub fn encoded_length(&self) -> usize {
        match self {
            Self::String(bytes) | Self::Binary(bytes) => bytes.len(),
            Self::MultiString(strings) => strings.iter().map(|string| LENGTH + string.len()).sum(),
            Self::Integer(_) => 8,
            Self::Boolean(_) => 1,
        }
    }

    /// Refuses what cannot be stored.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let actual = self.encoded_length();
        if actual > VALUE_BYTES {
            return Err(Refusal::TooLarge { what: "the value", actual, limit: VALUE_BYTES });
        }
        let is_text = |text: &SecretBytes| std::str::from_utf8(text.expose()).is_ok();
        match self {
            Self::String(text) if !is_text(text) => {
                Err(invalid("a string is UTF-8; store other bytes with the type `binary`"))
            }
            Self::MultiString(strings) if strings.len() > MOST_STRINGS => {
                Err(invalid(&format!("a multi-string has at most {MOST_STRINGS} strings")))
            }
            Self::MultiString(strings) if !strings.iter().all(is_text) => {
                Err(invalid("each string of a multi-string is UTF-8"))
            }
            _ => Ok(()),
        }
    }

    /// Its encoding.
    pub(super) fn encode(&self) -> SecretBytes {
        let mut encoded = SecretBytes::with_capacity(self.encoded_length());
        match self {
            Self::String(bytes) | Self::Binary(bytes) => encoded.extend_from_slice(bytes.expose()),
            Self::MultiString(strings) => {
                for string in strings {
                    // A value is far shorter than what a length of four bytes can say.
                    let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
                    encoded.extend_from_slice(&length.to_be_bytes());
                    encoded.extend_from_slice(string.expose());
                }
            }
            Self::Integer(number) => encoded.extend_from_slice(&number.to_be_bytes()),
            Self::Boolean(truth) => encoded.push(u8::from(*truth)),
        }
        encoded
    }

    /// What was encoded; none when it is not the encoding of a value of this type.
    pub(super) fn decode(value_type: ValueType, encoded: SecretBytes) -> Option<Self> {
        let bytes = encoded.expose();
        let value = match value_type {
            ValueType::String => Self::String(encoded),
            ValueType::MultiString => Self::MultiString(strings(bytes)?),
            ValueType::Integer => Self::Integer(i64::from_be_bytes(bytes.try_into().ok()?)),
            ValueType::Binary => Self::Binary(encoded),
            ValueType::Boolean => Self::Boolean(match bytes {
                [0] => false,
                [1] => true,
                _ => return None,
            }),
        };
        value.check().ok().map(|()| value)
    }
}

fn strings(mut rest: &[u8]) -> Option<Vec<SecretBytes>> {
    let mut strings = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH>() {
        let (string, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        strings.push(SecretBytes::from_slice(string));
        rest = after;
    }
    rest.is_empty().then_some(strings)
}

fn invalid(reason: &str) -> Refusal {
    Refusal::Invalid { field: "value", reason: reason.to_owned() }
}

/// The bytes of a string's length.
const LENGTH: usize = 4;

/// A value is never shown, not even a number.
impl fmt::Debug for SettingValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SettingValue({}, …)", self.value_type().word())
    }
}

impl ValueType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::String, Self::MultiString, Self::Integer, Self::Binary, Self::Boolean];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::MultiString => "multi-string",
            Self::Integer => "integer",
            Self::Binary => "binary",
            Self::Boolean => "boolean",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value_type| value_type.word() == word)
    }
}

impl<C> Encode<C> for ValueType {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(self.word())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ValueType {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_word(decoder.str()?).ok_or_else(|| minicbor::decode::Error::message("a type that is not known"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn secret(bytes: &[u8]) -> SecretBytes {
        SecretBytes::from_slice(bytes)
    }

    /// Value and its bytes as docs/spec/bodies.md has them.
    fn check(value: &SettingValue, encoded: &[u8]) {
        assert_eq!(value.encode().expose(), encoded);
        assert_eq!(value.encoded_length(), encoded.len());
        let read = SettingValue::decode(value.value_type(), secret(encoded)).unwrap();
        assert_eq!((read.value_type(), read.encode().expose()), (value.value_type(), encoded));
    }

    #[test]
    fn bytes_of_each_type() {
        check(&SettingValue::String(secret(b"")), b"");
        check(&SettingValue::String(secret("Grüße".as_bytes())), b"Gr\xc3\xbc\xc3\x9fe");
        check(&SettingValue::MultiString(Vec::new()), b"");
        check(&SettingValue::MultiString(vec![secret(b"")]), b"\0\0\0\0");
        check(&SettingValue::MultiString(vec![secret(b"a"), secret(b"b\nc")]), b"\0\0\0\x01a\0\0\0\x03b\nc");
        check(&SettingValue::Integer(5), b"\0\0\0\0\0\0\0\x05");
        check(&SettingValue::Integer(-2), b"\xff\xff\xff\xff\xff\xff\xff\xfe");
        check(&SettingValue::Integer(i64::MIN), b"\x80\0\0\0\0\0\0\0");
        check(&SettingValue::Binary(secret(b"\xff\0")), b"\xff\0");
        check(&SettingValue::Boolean(false), b"\0");
        check(&SettingValue::Boolean(true), b"\x01");
    }

    #[test]
    fn what_is_no_encoding() {
        let table: [(ValueType, &[u8]); 10] = [
            (ValueType::String, b"\xff"),
            (ValueType::MultiString, b"\0\0\0"),
            (ValueType::MultiString, b"\0\0\0\x02a"),
            (ValueType::MultiString, b"\0\0\0\x01ab"),
            (ValueType::MultiString, b"\0\0\0\x01\xff"),
            (ValueType::MultiString, b"\xff\xff\xff\xffa"),
            (ValueType::Integer, b"\0\0\0\0\0\0\x05"),
            (ValueType::Integer, b"\0\0\0\0\0\0\0\0\x05"),
            (ValueType::Boolean, b""),
            (ValueType::Boolean, b"\x02"),
        ];
        for (value_type, encoded) in table {
            assert!(SettingValue::decode(value_type, secret(encoded)).is_none(), "{value_type:?} {encoded:?}");
        }
    }

    #[test]
    fn limits() {
        let long = |length| SettingValue::Binary(SecretBytes::from_vec(vec![0; length]));
        assert_eq!(long(VALUE_BYTES).check(), Ok(()));
        assert!(matches!(long(VALUE_BYTES + 1).check(), Err(Refusal::TooLarge { .. })));
        let many = |count| SettingValue::MultiString((0..count).map(|_| secret(b"")).collect());
        assert_eq!(many(MOST_STRINGS).check(), Ok(()));
        assert!(matches!(many(MOST_STRINGS + 1).check(), Err(Refusal::Invalid { field: "value", .. })));
    }

    #[test]
    fn no_value_is_shown() {
        assert_eq!(format!("{:?}", SettingValue::Integer(4711)), "SettingValue(integer, …)");
        assert_eq!(
            format!("{:?}", SettingValue::MultiString(vec![secret(b"canary")])),
            "SettingValue(multi-string, …)"
        );
    }
}
