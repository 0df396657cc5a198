//! Requests read from, and replies written to, memory that is wiped; refusals that repeat nothing of what was sent.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use strongroom_secret::SecretBytes;

/// Why a body is not the request it should be. The text names our fields and a place, never what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at line {line}, column {column}")]
pub struct Malformed {
    what: String,
    line: usize,
    column: usize,
}

/// Reads a request or reply; an empty body stands for `{}`.
///
/// # Errors
/// [`Malformed`], when the body is not JSON or not of this type.
pub fn read<T: DeserializeOwned>(body: &mut SecretBytes) -> Result<T, Malformed> {
    if body.is_empty() {
        return serde_json::from_slice(b"{}").map_err(malformed);
    }
    unescape_slashes(body);
    let text = body.expose();
    let begin = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    // Serde alone would also take the fields one after the other, without their names.
    if text.get(begin) == Some(&b'[') {
        let what = "wrong type or value, expected an object".to_owned();
        let before = text.get(..begin).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        return Err(Malformed { what, line, column });
    }
    serde_json::from_slice(text).map_err(malformed)
}

/// Writes a request or reply.
///
/// # Errors
/// Only when `T` does not say itself in JSON, which no type of this crate does.
pub fn write<T: Serialize>(value: &T) -> Result<SecretBytes, serde_json::Error> {
    let mut out = Wiped(SecretBytes::with_capacity(512));
    serde_json::to_writer(&mut out, value)?;
    Ok(out.0)
}

struct Wiped(SecretBytes);

impl io::Write for Wiped {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(buffer);
        Ok(buffer.len())
    }
    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(buffer);
        Ok(())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Turns `\/` into `/`, in place. Some writers escape the slash, which base64 uses; a string with an escape is copied by the
/// parser into a buffer of its own that nobody wipes.
fn unescape_slashes(body: &mut SecretBytes) {
    let bytes = body.expose_mut();
    if !bytes.windows(2).any(|pair| pair == br"\/") {
        return;
    }
    let (mut from, mut to) = (0, 0);
    while let Some(&byte) = bytes.get(from) {
        let next = bytes.get(from + 1).copied();
        match (byte, next) {
            (b'\\', Some(b'/')) => {
                bytes[to] = b'/';
                (from, to) = (from + 2, to + 1);
            }
            (b'\\', Some(escaped)) => {
                bytes[to] = b'\\';
                bytes[to + 1] = escaped;
                (from, to) = (from + 2, to + 2);
            }
            _ => {
                bytes[to] = byte;
                (from, to) = (from + 1, to + 1);
            }
        }
    }
    body.truncate(to);
}

fn malformed(error: serde_json::Error) -> Malformed {
    let what = match error.classify() {
        Category::Io | Category::Syntax => "this is not JSON".to_owned(),
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Data => data_refusal(&error.to_string()),
    };
    Malformed { what, line: error.line(), column: error.column() }
}

/// Serde's messages repeat what they found; only what follows the last `expected`, and the names of our own fields, is ours.
fn data_refusal(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    for ours in ["missing field ", "duplicate field "] {
        if message.starts_with(ours) {
            return message.to_owned();
        }
    }
    if message.ends_with(", there are no fields") {
        return "unknown field; this takes none".to_owned();
    }
    let found = if message.starts_with("unknown field ") {
        "unknown field"
    } else if message.starts_with("unknown variant ") {
        "unknown word"
    } else {
        "wrong type or value"
    };
    match message.rsplit_once("expected ") {
        Some((_, expected)) => format!("{found}, expected {expected}"),
        None => found.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::secret::{GetRequest, PutRequest};
    use crate::token::IssueRequest;

    fn body(text: &str) -> SecretBytes {
        SecretBytes::from_slice(text.as_bytes())
    }

    fn refusal<T: DeserializeOwned>(text: &str) -> String {
        match read::<T>(&mut body(text)) {
            Ok(_) => panic!("{text} was taken"),
            Err(malformed) => malformed.to_string(),
        }
    }

    #[test]
    fn refusals_help_and_repeat_nothing() {
        assert_eq!(refusal::<GetRequest>("CANARY"), "this is not JSON, at line 1, column 1");
        assert_eq!(refusal::<GetRequest>("{\"name\":"), "the JSON ends too early, at line 1, column 8");
        assert_eq!(refusal::<GetRequest>("{}"), "missing field `name`, at line 1, column 2");
        assert_eq!(
            refusal::<GetRequest>("{\"name\":\"a\",\"name\":\"b\"}"),
            "duplicate field `name`, at line 1, column 18"
        );
        assert_eq!(
            refusal::<GetRequest>("{\"CANARY\":1}"),
            "unknown field, expected `name` or `version`, at line 1, column 9"
        );
        assert_eq!(
            refusal::<GetRequest>("{\"name\":\"a\",\"version\":\"CANARY\"}"),
            "wrong type or value, expected u32, at line 1, column 30"
        );
        assert_eq!(
            refusal::<IssueRequest>("{\"role\":\"CANARY\"}"),
            "unknown word, expected one of `admin`, `data`, `read`, `columns`, at line 1, column 17"
        );
    }

    #[test]
    fn only_an_object_is_a_request_and_only_text_is_a_word() {
        for text in [r#"["a","/w=="]"#, r#"["a","/w==",null,null]"#, "[]"] {
            assert_eq!(refusal::<PutRequest>(text), "wrong type or value, expected an object, at line 1, column 1");
        }
        let refused = refusal::<crate::status::StatusRequest>("\n\t []");
        assert_eq!(refused, "wrong type or value, expected an object, at line 2, column 3");
        let refused = refusal::<IssueRequest>(r#"{"role":{"admin":null},"expires_in_seconds":60}"#);
        assert_eq!(refused, "wrong type or value, expected a string, at line 1, column 8");
        let taken: IssueRequest = read(&mut body(r#"{"role":"admin","expires_in_seconds":60}"#)).unwrap();
        assert_eq!(taken.role, crate::token::Role::Admin);
    }

    #[test]
    fn an_operation_without_fields_repeats_none() {
        let refused = refusal::<crate::status::StatusRequest>(r#"{"expected CANARY":1}"#);
        assert_eq!(refused, "unknown field; this takes none, at line 1, column 18");
    }

    #[test]
    fn values_in_any_wrong_place_are_not_repeated() {
        for text in [
            r#"{"name":"a","value_base64":"CANARY, expected CANARY"}"#,
            r#"{"name":"a","value_base64":["CANARY"]}"#,
            r#"{"name":"a","value_base64":{"CANARY":1}}"#,
            r#"{"name":"a","value_base64":4711}"#,
            r#"{"name":"a","value_base64":-4711.5e3}"#,
            r#"{"name":"a","x CANARY, expected CANARY":1}"#,
            r#"{"name":{"CANARY":1}}"#,
            r#""CANARY, expected CANARY""#,
            r#"["CANARY"]"#,
            "4711",
        ] {
            let refused = refusal::<PutRequest>(text);
            assert!(!refused.contains("CANARY") && !refused.contains("4711"), "{refused}");
        }
    }

    #[test]
    fn a_document_that_is_too_deep_is_refused() {
        let deep = format!("{{\"name\":{}", "[".repeat(1_000_000));
        let refused = refusal::<GetRequest>(&deep);
        assert!(refused.contains("line 1"), "{refused}");
    }

    #[test]
    fn escaped_slashes_are_taken_without_a_copy() {
        let mut escaped = body(r#"{"name":"ftp\/acme","value_base64":"\/\/8="}"#);
        let read: PutRequest = read(&mut escaped).unwrap();
        assert_eq!(read.name, "ftp/acme");
        assert_eq!(read.value_base64.into_secret().expose(), &[0xff, 0xff]);
        assert_eq!(escaped.expose(), br#"{"name":"ftp/acme","value_base64":"//8="}"#);
    }

    #[test]
    fn other_escapes_stay_what_they_were() {
        for text in [r#"{"a":"\\/"}"#, r#"{"a":"\/\\/\""}"#, r#"{"a":"\\\/\u002f"}"#, "{\"a\":\"\\/\"}\\"] {
            let mut changed = body(text);
            unescape_slashes(&mut changed);
            let before = serde_json::from_str::<serde_json::Value>(text).ok();
            let after = serde_json::from_slice::<serde_json::Value>(changed.expose()).ok();
            assert_eq!(before, after, "{text}");
        }
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        assert!(read::<crate::status::StatusRequest>(&mut body("")).is_ok());
        assert_eq!(refusal::<GetRequest>(""), "missing field `name`, at line 1, column 2");
    }
}
