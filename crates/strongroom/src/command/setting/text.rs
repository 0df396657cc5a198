//! Values as they are given and shown: in bytes, as text, one string a line.

use strongroom_api::WireSecret;
use strongroom_api::setting::Value;
use strongroom_secret::SecretBytes;

use crate::cli::{Given, ValueType};
use crate::failure::Failure;
use crate::input;
use crate::output::Output;

/// The value from standard input, a file or the prompt.
pub fn given(value_type: ValueType, given: &Given, output: &Output) -> Result<Value, Failure> {
    match value_type {
        ValueType::String => Ok(Value::StringBase64(input::value(given, output)?.into())),
        ValueType::Binary => Ok(Value::BinaryBase64(input::value(given, output)?.into())),
        ValueType::MultiString => Ok(lines(&input::document(given)?)),
        ValueType::Integer => integer(&input::document(given)?),
        ValueType::Boolean => boolean(&input::document(given)?),
    }
}

/// One string a line; the end of the last line ends the last string.
fn lines(given: &SecretBytes) -> Value {
    let text = given.expose();
    if text.is_empty() {
        return Value::MultiStringBase64(Vec::new());
    }
    let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n');
    Value::MultiStringBase64(lines.map(|line| WireSecret::new(SecretBytes::from_slice(line))).collect())
}

fn integer(given: &SecretBytes) -> Result<Value, Failure> {
    let number = str::from_utf8(given.expose()).ok().and_then(|text| text.trim().parse().ok());
    number.map(Value::Integer).ok_or_else(|| {
        Failure::usage(
            "what was given is no integer",
            "give decimal digits, from -9223372036854775808 to 9223372036854775807",
        )
    })
}

fn boolean(given: &SecretBytes) -> Result<Value, Failure> {
    match given.expose().trim_ascii() {
        b"true" => Ok(Value::Boolean(true)),
        b"false" => Ok(Value::Boolean(false)),
        _ => Err(Failure::usage("what was given is neither true nor false", "give `true` or `false`")),
    }
}

/// The bytes that are written to standard output.
pub fn shown(value: Value) -> Result<SecretBytes, Failure> {
    match value {
        Value::StringBase64(bytes) | Value::BinaryBase64(bytes) => Ok(bytes.into_secret()),
        Value::Integer(number) => Ok(SecretBytes::from_vec(number.to_string().into_bytes())),
        Value::Boolean(truth) => Ok(SecretBytes::from_slice(if truth { b"true" } else { b"false" })),
        Value::MultiStringBase64(strings) => {
            let mut lines = SecretBytes::with_capacity(strings.iter().map(|string| string.length() + 1).sum());
            for string in strings {
                let string = string.into_secret();
                if string.expose().contains(&b'\n') {
                    let message = "a string of this multi-string has several lines";
                    return Err(Failure::usage(message, "say --json: there the strings stand apart, in base64"));
                }
                lines.extend_from_slice(string.expose());
                lines.push(b'\n');
            }
            Ok(lines)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::from_slice(text.as_bytes())
    }

    #[test]
    fn lines_are_given_and_shown_alike() {
        for (given, shown_again) in [("", ""), ("a", "a\n"), ("a\n", "a\n"), ("a\n\nb\n", "a\n\nb\n"), ("\n", "\n")] {
            assert_eq!(shown(lines(&secret(given))).unwrap().expose(), shown_again.as_bytes(), "{given:?}");
        }
        assert!(shown(Value::MultiStringBase64(vec![secret("a\nb").into()])).is_err());
    }

    #[test]
    fn numbers_and_truths() {
        for text in ["0", "-9223372036854775808", "9223372036854775807"] {
            assert_eq!(shown(integer(&secret(&format!("{text}\n"))).unwrap()).unwrap().expose(), text.as_bytes());
        }
        for text in ["", "1.5", "0x10", "9223372036854775808", "one", "1 2"] {
            assert!(integer(&secret(text)).is_err(), "{text}");
        }
        assert!(matches!(boolean(&secret("true\n")), Ok(Value::Boolean(true))));
        assert!(matches!(boolean(&secret("false")), Ok(Value::Boolean(false))));
        assert!(boolean(&secret("True")).is_err() && boolean(&secret("1")).is_err());
    }
}
