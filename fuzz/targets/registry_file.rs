//! A file of the registry editor: no panic, names that fit and are told apart, and values that are read the same from digits.

use std::collections::BTreeSet;

use strongroom_api::setting::Value;
use strongroom_api::setting::registry_file::{self, Row};

/// Reads `data` as a file.
pub fn target(data: &[u8]) {
    let Ok(rows) = registry_file::read(data) else {
        return;
    };
    let mut names = BTreeSet::new();
    let mut last = 1;
    let mut again = String::from("Windows Registry Editor Version 5.00\n");
    let mut written = Vec::new();
    for Row { line, last_line, name, read } in rows {
        assert!(line > last && last_line >= line, "rows follow each other");
        last = last_line;
        let Ok(value) = read else { continue };
        let name = name.expect("a value has a name");
        assert!(fits(&name), "{name}");
        assert!(names.insert(name.to_ascii_lowercase()), "{name} stands twice");
        let (key, own) = name.rsplit_once('/').expect("a key and a name");
        let (digits, bytes) = digits(value);
        again.push_str(&format!("[{}]\n\"{own}\"={digits}\n", key.replace('/', "\\")));
        written.push((name, bytes));
    }
    let found = registry_file::read(again.as_bytes()).expect("it is of that form");
    let found: Vec<_> = found
        .into_iter()
        .map(|row| (row.name.expect("a name"), digits(row.read.expect("what was written")).1))
        .collect();
    assert!(found == written, "values are what they were");
}

/// The value in digits of version 5.00, and what it is told from others by.
fn digits(value: Value) -> (String, Vec<u8>) {
    let word = value.type_word();
    let (number, bytes) = match value {
        Value::StringBase64(text) => ("1", wide(text.into_secret().expose())),
        Value::MultiStringBase64(texts) => {
            let mut bytes = Vec::new();
            for text in texts {
                bytes.extend(wide(text.into_secret().expose()));
                bytes.extend([0, 0]);
            }
            bytes.extend([0, 0]);
            ("7", bytes)
        }
        Value::Integer(number) => ("b", number.to_le_bytes().to_vec()),
        Value::BinaryBase64(bytes) => ("3", bytes.into_secret().expose().to_vec()),
        Value::Boolean(_) => unreachable!("the registry has no such type"),
    };
    let list: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let told = [word.as_bytes(), b":", &bytes].concat();
    (format!("hex({number}):{}", list.join(",")), told)
}

fn wide(text: &[u8]) -> Vec<u8> {
    let text = core::str::from_utf8(text).expect("a string is UTF-8");
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The grammar of names (docs/guide/secrets.md).
fn fits(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    let part = |part: &str| {
        (1..=128).contains(&part.len()) && part.as_bytes()[0].is_ascii_alphanumeric() && part.bytes().all(allowed)
    };
    name.split('/').count() <= 16 && name.split('/').all(part)
}
