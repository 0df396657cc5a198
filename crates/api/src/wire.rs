//! The only place where a secret meets serde: values in base64, and tokens as text.

use core::fmt;
use std::borrow::Cow;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use strongroom_secret::{AccessToken, Passphrase, SecretBytes};

use crate::form;

/// One word of a list. Serde alone would also take the word as the only key of an object.
pub(crate) fn word<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let word = Cow::<'_, str>::deserialize(deserializer)?;
    T::deserialize(word.into_deserializer())
}

/// A field that may be left out, but is not null.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A field that may be null, but is not left out.
pub(crate) fn nullable<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer)
}

/// Secret bytes on the wire: standard base64 with padding (RFC 4648, section 4).
///
/// Text is decoded straight into wiped memory and encoded in pieces on the stack; nothing of it is kept elsewhere.
pub struct WireSecret(SecretBytes);

impl WireSecret {
    /// Takes the secret over.
    #[must_use]
    pub const fn new(secret: SecretBytes) -> Self {
        Self(secret)
    }

    /// The secret.
    #[must_use]
    pub fn into_secret(self) -> SecretBytes {
        self.0
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// The secret as what a person typed.
    #[must_use]
    pub fn into_passphrase(self) -> Passphrase {
        Passphrase::from_bytes(self.0)
    }
}

/// A secret in text, as it stands in files of other systems; it is read only.
pub struct WireText(SecretBytes);

impl WireText {
    /// The secret's bytes.
    #[must_use]
    pub fn into_secret(self) -> SecretBytes {
        self.0
    }
}

impl fmt::Debug for WireText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WireText(…)")
    }
}

impl<'de> Deserialize<'de> for WireText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = WireText;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WireText, E> {
        Ok(WireText(SecretBytes::from_slice(text.as_bytes())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<WireText, E> {
        Ok(WireText(SecretBytes::from_vec(text.into_bytes())))
    }
}

impl WireSecret {
    /// For examples only.
    pub(crate) fn sample(text: &str) -> Self {
        Self(SecretBytes::from_slice(text.as_bytes()))
    }
}

impl From<SecretBytes> for WireSecret {
    fn from(secret: SecretBytes) -> Self {
        Self(secret)
    }
}

impl From<&Passphrase> for WireSecret {
    fn from(passphrase: &Passphrase) -> Self {
        Self(SecretBytes::from_slice(passphrase.expose()))
    }
}

impl fmt::Debug for WireSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WireSecret(…)")
    }
}

impl Serialize for WireSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0.expose(), &STANDARD))
    }
}

impl<'de> Deserialize<'de> for WireSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Visitor)
    }
}

impl JsonSchema for WireSecret {
    fn schema_name() -> Cow<'static, str> {
        "SecretValue".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "contentEncoding": "base64", "pattern": form::BASE64 })
    }
}

struct Base64Visitor;

impl Visitor<'_> for Base64Visitor {
    type Value = WireSecret;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes in base64 (RFC 4648, section 4, with padding)")
    }

    // The decoder's own error names the byte it stopped at, which belongs to a secret.
    fn visit_str<E: Error>(self, text: &str) -> Result<WireSecret, E> {
        let mut secret = SecretBytes::with_capacity(text.len() / 4 * 3 + 3);
        let room = secret.extend_zeroed(text.len() / 4 * 3 + 3);
        match STANDARD.decode_slice(text, room) {
            Ok(length) => {
                secret.truncate(length);
                Ok(WireSecret(secret))
            }
            Err(_) => Err(E::custom("malformed text, expected bytes in base64 (RFC 4648, section 4, with padding)")),
        }
    }
}

/// An access token on the wire, as text.
#[derive(Debug)]
pub struct WireToken(AccessToken);

impl WireToken {
    /// Takes the token over.
    #[must_use]
    pub const fn new(token: AccessToken) -> Self {
        Self(token)
    }

    /// The token.
    #[must_use]
    pub fn into_token(self) -> AccessToken {
        self.0
    }
}

impl Serialize for WireToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for WireToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TokenVisitor)
    }
}

impl JsonSchema for WireToken {
    fn schema_name() -> Cow<'static, str> {
        "Token".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

struct TokenVisitor;

impl Visitor<'_> for TokenVisitor {
    type Value = WireToken;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an access token")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WireToken, E> {
        Ok(WireToken(AccessToken::from_text(text.to_owned())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn published_base64_vectors() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let json = format!("\"{text}\"");
            let read: WireSecret = serde_json::from_str(&json).unwrap();
            assert_eq!(read.0.expose(), plain.as_bytes());
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
    }

    #[test]
    fn every_byte_survives() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let json = serde_json::to_vec(&WireSecret::new(SecretBytes::from_slice(&bytes))).unwrap();
        let read: WireSecret = serde_json::from_slice(&json).unwrap();
        assert_eq!(read.into_secret().expose(), bytes);
    }

    #[test]
    fn what_is_not_canonical_base64_is_refused_without_being_shown() {
        for text in ["Zg", "Zg=", "Zh==", "Zm9v Zm9v", "Zm9v\\n", "Zm9-", "CANARY!", "====", "Zg==Zg=="] {
            let refused = serde_json::from_str::<WireSecret>(&format!("\"{text}\"")).unwrap_err().to_string();
            assert!(refused.contains("expected bytes in base64"), "{refused}");
            assert!(!refused.contains("CANARY"), "{refused}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = WireSecret::new(SecretBytes::from_slice(b"CANARY"));
        let token = WireToken::new(AccessToken::from_text("CANARY".to_owned()));
        assert_eq!(format!("{secret:?} {token:?}"), "WireSecret(…) WireToken(AccessToken(…))");
    }
}
