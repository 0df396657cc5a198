//! Settings in TOML: written by an export, read by an import (docs/guide/settings.md).

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use strongroom_api::WireSecret;
use strongroom_api::setting::{Class, Exported, ImportRow, Value};
use strongroom_secret::SecretBytes;
use toml::Spanned;

use super::import::Row;
use crate::failure::Failure;

/// What a file begins with.
const FORMAT: &str = "strongroom/settings/1";

/// Settings as they stand in a file; the first ones with its head.
pub fn written(settings: Vec<Exported>, with_head: bool) -> Result<SecretBytes, Failure> {
    let mut out = SecretBytes::with_capacity(4096);
    if with_head {
        out.extend_from_slice(
            b"# Settings of Strongroom, with their values in clear: keep this file as you keep passwords.\n",
        );
        out.extend_from_slice(format!("format = \"{FORMAT}\"\n").as_bytes());
    }
    for Exported { name, class, value } in settings {
        // Names and classes have no character that would have to be escaped.
        out.extend_from_slice(format!("\n[[setting]]\nname = \"{name}\"\nclass = \"{}\"\n", class.word()).as_bytes());
        out.extend_from_slice(format!("{} = ", value.type_word()).as_bytes());
        match value {
            Value::StringBase64(text) => quote(&text.into_secret(), &mut out)?,
            Value::MultiStringBase64(texts) => {
                out.push(b'[');
                for (place, text) in texts.into_iter().enumerate() {
                    out.extend_from_slice(if place == 0 { b"" } else { b", " });
                    quote(&text.into_secret(), &mut out)?;
                }
                out.push(b']');
            }
            Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::BinaryBase64(bytes) => {
                let bytes = bytes.into_secret();
                out.push(b'"');
                let encoded =
                    SecretBytes::from_vec(Base64Display::new(bytes.expose(), &STANDARD).to_string().into_bytes());
                out.extend_from_slice(encoded.expose());
                out.push(b'"');
            }
            Value::Boolean(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// A basic string of TOML 1.0.
fn quote(text: &SecretBytes, out: &mut SecretBytes) -> Result<(), Failure> {
    let text = str::from_utf8(text.expose())
        .map_err(|_| Failure::local("writing a string", "the server sent bytes that are no text", "report this"))?;
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push(b'\\');
                out.push(character as u8);
            }
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            control if control.is_control() => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(control)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
    Ok(())
}

/// The whole file; each setting is looked at by itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    #[serde(default)]
    setting: Vec<Spanned<toml::Value>>,
}

/// The rows of a file.
pub fn read(file: &SecretBytes) -> Result<Vec<Row>, Failure> {
    let text = str::from_utf8(file.expose())
        .map_err(|_| Failure::usage("the file is not UTF-8", "a file of settings in TOML is UTF-8"))?;
    // The parser's own words could quote a value.
    let parsed: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| format!(" in line {}", line_of(text, span.start))).unwrap_or_default();
        let fix = "it begins as `setting export` writes it, and has `[[setting]]` before each setting";
        Failure::usage(format!("the file is no TOML file of settings: there is a mistake{at}"), fix)
    })?;
    if parsed.format != FORMAT {
        let message = format!("the file does not say `format = \"{FORMAT}\"`");
        return Err(Failure::usage(message, "take a file that `setting export` wrote"));
    }
    let rows = parsed.setting.into_iter().map(|setting| {
        let line = line_of(text, setting.span().start);
        let toml::Value::Table(mut table) = setting.into_inner() else {
            return Row { line, last_line: line, name: None, read: Err("this is no table".to_owned()) };
        };
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) => Some(name),
            _ => None,
        };
        let read = name.clone().ok_or_else(|| "the name is missing, or no string".to_owned());
        Row { line, last_line: line, read: read.and_then(|name| row(name, table)), name }
    });
    Ok(rows.collect())
}

fn row(name: String, mut table: toml::Table) -> Result<ImportRow, String> {
    let class = match table.remove("class") {
        None => None,
        Some(toml::Value::String(word)) => Some(Class::from_word(&word).ok_or("the class is none that is known")?),
        Some(_) => return Err("the class is no string".to_owned()),
    };
    let mut fields = table.into_iter();
    match (fields.next(), fields.next()) {
        (Some((word, value)), None) => Ok(ImportRow { name, value: value_of(&word, value)?, class }),
        _ => Err("beside name and class give one of string, multi-string, integer, binary and boolean".to_owned()),
    }
}

fn value_of(word: &str, value: toml::Value) -> Result<Value, String> {
    let text = |text: String| WireSecret::new(SecretBytes::from_vec(text.into_bytes()));
    match (word, value) {
        ("string", toml::Value::String(string)) => Ok(Value::StringBase64(text(string))),
        ("multi-string", toml::Value::Array(strings)) => {
            let strings = strings.into_iter().map(|string| match string {
                toml::Value::String(string) => Ok(text(string)),
                _ => Err("a multi-string is an array of strings".to_owned()),
            });
            strings.collect::<Result<_, _>>().map(Value::MultiStringBase64)
        }
        ("integer", toml::Value::Integer(number)) => Ok(Value::Integer(number)),
        ("boolean", toml::Value::Boolean(truth)) => Ok(Value::Boolean(truth)),
        ("binary", toml::Value::String(string)) => {
            let encoded = SecretBytes::from_vec(string.into_bytes());
            let mut bytes = SecretBytes::with_capacity(encoded.len());
            let room = bytes.extend_zeroed(encoded.len() / 4 * 3 + 3);
            let length = STANDARD
                .decode_slice(encoded.expose(), room)
                .map_err(|_| "binary is bytes in base64 (RFC 4648, with padding)".to_owned())?;
            bytes.truncate(length);
            Ok(Value::BinaryBase64(WireSecret::new(bytes)))
        }
        ("string" | "multi-string" | "integer" | "boolean" | "binary", _) => {
            Err(format!("what stands behind `{word}` is of another type"))
        }
        _ => Err("it has a field that is none of name, class and the five types".to_owned()),
    }
}

fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn secret(text: &str) -> WireSecret {
        WireSecret::new(SecretBytes::from_slice(text.as_bytes()))
    }

    /// The TOML of each type, by the specification of TOML 1.0.
    #[test]
    fn each_type() {
        let hostile = "a\"b\\c\n\r\t\u{1}\u{7f}é\u{1f511}";
        let values = [
            (Value::StringBase64(secret(hostile)), "string = \"a\\\"b\\\\c\\n\\r\\t\\u0001\\u007Fé\u{1f511}\""),
            (Value::MultiStringBase64(vec![secret("a"), secret("")]), "multi-string = [\"a\", \"\"]"),
            (Value::MultiStringBase64(Vec::new()), "multi-string = []"),
            (Value::Integer(i64::MIN), "integer = -9223372036854775808"),
            (Value::BinaryBase64(WireSecret::new(SecretBytes::from_slice(&[0xff, 0]))), "binary = \"/wA=\""),
            (Value::Boolean(true), "boolean = true"),
        ];
        for (value, line) in values {
            let word = value.type_word();
            let json = serde_json::to_string(&value).unwrap();
            let exported = Exported { name: "a/b".to_owned(), class: Class::Queue, value };
            let file = written(vec![exported], true).unwrap();
            let text = str::from_utf8(file.expose()).unwrap();
            let expected = format!("format = \"{FORMAT}\"\n\n[[setting]]\nname = \"a/b\"\nclass = \"queue\"\n{line}\n");
            assert!(text.starts_with('#') && text.split_once('\n').unwrap().1 == expected, "{text}");
            let mut rows = read(&file).unwrap();
            let row = rows.pop().unwrap();
            let row = row.read.unwrap();
            assert_eq!((row.name.as_str(), row.class, row.value.type_word()), ("a/b", Some(Class::Queue), word));
            assert_eq!(serde_json::to_string(&row.value).unwrap(), json);
        }
    }

    #[test]
    fn rows_that_are_none() {
        let table = [
            ("", "the name is missing"),
            ("name = 1\nstring = \"canary\"", "the name is missing"),
            ("name = \"a\"", "give one of"),
            ("name = \"a\"\nstring = \"canary\"\ninteger = 1", "give one of"),
            ("name = \"a\"\nclass = \"canary\"\nstring = \"b\"", "the class is none"),
            ("name = \"a\"\nstring = 4711", "another type"),
            ("name = \"a\"\nmulti-string = [\"canary\", 1]", "array of strings"),
            ("name = \"a\"\nbinary = \"canary\"", "base64"),
            ("name = \"a\"\ncanary = 1", "none of name"),
        ];
        for (body, why) in table {
            let file = format!("format = \"{FORMAT}\"\n[[setting]]\n{body}\n[[setting]]\nname = \"z\"\ninteger = 1\n");
            let rows = read(&SecretBytes::from_slice(file.as_bytes())).unwrap();
            let refused = rows[0].read.as_ref().unwrap_err();
            assert!(refused.contains(why) && !refused.contains("canary"), "{body}: {refused}");
            assert_eq!(rows[0].line, 2, "{body}");
            assert!(rows[1].read.is_ok(), "{body}");
        }
    }

    #[test]
    fn files_that_are_none_and_no_value_is_shown() {
        for file in [
            "[[setting]]\nname = \"a\"\nstring = \"canary\"\n".to_owned(),
            "format = \"other\"\n".to_owned(),
            format!("format = \"{FORMAT}\"\nsetting = \"canary\"\n"),
            format!("format = \"{FORMAT}\"\n[[setting]]\nstring = \"canary\n"),
            format!("format = \"{FORMAT}\"\ncanary = 1\n"),
        ] {
            let failure = read(&SecretBytes::from_slice(file.as_bytes())).err().unwrap();
            assert!(!failure.to_string().contains("canary"), "{failure}");
        }
    }
}
