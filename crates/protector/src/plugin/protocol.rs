//! The two lines between us and a plug-in: one JSON object each way.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use strongroom_secret::SecretBytes;

use super::refusal::{PluginError, PluginWord};
use crate::child::{Answer, ChildError};

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) operation: &'static str,
    pub(super) context: &'a [u8],
    /// The one further member, if any, and its bytes.
    pub(super) member: Option<(&'static str, &'a [u8])>,
}

/// What was answered.
pub(super) enum Reply {
    Wrapped(Vec<u8>),
    Key(SecretBytes),
    Done,
}

impl Question<'_> {
    /// The line, in wiped memory: it may hold the key.
    pub(super) fn to_line(&self) -> SecretBytes {
        let mut line = SecretBytes::with_capacity(4096);
        line.extend_from_slice(br#"{"version":1,"operation":""#);
        line.extend_from_slice(self.operation.as_bytes());
        for (name, bytes) in [("context_base64", self.context)].into_iter().chain(self.member) {
            line.extend_from_slice(b"\",\"");
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(b"\":\"");
            let room = line.extend_zeroed(bytes.len().div_ceil(3) * 4);
            STANDARD.encode_slice(bytes, room).expect("four digits for each three bytes");
        }
        line.extend_from_slice(b"\"}\n");
        line
    }
}

/// Reads the reply of a child that is hostile until the key it gives has opened something.
pub(super) fn read(name: &str, answer: &Answer) -> Result<Reply, PluginError> {
    let malformed = || PluginError::Reply { name: name.to_owned() };
    let output = answer.output.expose();
    let line = output.strip_suffix(b"\n").unwrap_or(output);
    if line.is_empty() && !answer.is_success {
        return Err(PluginError::Child { name: name.to_owned(), source: ChildError::Failed });
    }
    // The parser's own error shows what it stopped at.
    let members: Members<'_> = serde_json::from_slice(line).map_err(|_| malformed())?;
    if line.contains(&b'\n') {
        return Err(malformed());
    }
    match members {
        Members { error: Some(word), wrapped_base64: None, key_base64: None } => {
            Err(PluginError::Refused { name: name.to_owned(), word: PluginWord::of(word) })
        }
        _ if !answer.is_success => Err(PluginError::Child { name: name.to_owned(), source: ChildError::Failed }),
        Members { error: None, wrapped_base64: Some(wrapped), key_base64: None } => {
            Ok(Reply::Wrapped(wrapped.0.expose().to_vec()))
        }
        Members { error: None, wrapped_base64: None, key_base64: Some(key) } => Ok(Reply::Key(key.0)),
        Members { error: None, wrapped_base64: None, key_base64: None } => Ok(Reply::Done),
        Members { .. } => Err(malformed()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    error: Option<&'a str>,
    #[serde(default)]
    wrapped_base64: Option<Bytes>,
    #[serde(default)]
    key_base64: Option<Bytes>,
}

/// Base64 without escapes, decoded straight into wiped memory.
struct Bytes(SecretBytes);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("base64 with padding, without escapes")
    }

    /// Text with escapes would have been put together in memory that is not wiped: it does not come here.
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Bytes, E> {
        let most = text.len() / 4 * 3 + 3;
        let mut bytes = SecretBytes::with_capacity(most);
        let room = bytes.extend_zeroed(most);
        let length = STANDARD.decode_slice(text, room).map_err(|_| E::custom("not base64"))?;
        bytes.truncate(length);
        Ok(Bytes(bytes))
    }
}
