//! Files written by hand after Microsoft's description, and what becomes of each row.

use strongroom_secret::SecretBytes;

use super::*;

/// A value for comparison: `type:text`, with strings of a multi-string between bars.
fn shown(value: Value) -> String {
    let text = |secret: crate::WireSecret| String::from_utf8_lossy(secret.into_secret().expose()).into_owned();
    let word = value.type_word();
    let text = match value {
        Value::StringBase64(secret) => text(secret),
        Value::MultiStringBase64(strings) => strings.into_iter().map(|string| format!("|{}", text(string))).collect(),
        Value::Integer(number) => number.to_string(),
        Value::BinaryBase64(bytes) => format!("{:02x?}", bytes.into_secret().expose()),
        Value::Boolean(truth) => truth.to_string(),
    };
    format!("{word}:{text}")
}

/// Line, name, and value or refusal of each row.
fn rows(file: &[u8]) -> Vec<(usize, Option<String>, Result<String, RowRefusal>)> {
    read(file).unwrap().into_iter().map(|row| (row.line, row.name, row.read.map(shown))).collect()
}

fn five(lines: &str) -> Vec<u8> {
    format!("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]\r\n{lines}").into_bytes()
}

fn check(line: &str, name: &str, expected: Result<&str, RowRefusal>) {
    let found = rows(&five(line));
    let name = format!("HKEY_LOCAL_MACHINE/SOFTWARE/A/{name}");
    assert_eq!(found, [(4, Some(name), expected.map(str::to_owned))], "{line}");
}

fn refused(line: &str, refusal: RowRefusal) {
    let found = rows(&five(line));
    assert_eq!(found.len(), 1, "{line} {found:?}");
    assert_eq!(found[0].2, Err(refusal), "{line}");
}

#[test]
fn every_type() {
    check(r#""a"="text""#, "a", Ok("string:text"));
    check(r#""a"="""#, "a", Ok("string:"));
    check(r#"@="text""#, "Default", Ok("string:text"));
    check(r#""a" = "text" ; comment"#, "a", Ok("string:text"));
    check(r#""a"="C:\\dir \"quoted\"""#, "a", Ok("string:C:\\dir \"quoted\""));
    check("\"a\"=\"two\r\nlines\"", "a", Ok("string:two\r\nlines"));
    check(r#""a"="[B]""#, "a", Ok("string:[B]"));
    check(r#""a"=dword:0000002a"#, "a", Ok("integer:42"));
    check(r#""a"=DWORD:FFFFFFFF"#, "a", Ok("integer:4294967295"));
    check(r#""a"=hex:00,fF"#, "a", Ok("binary:[00, ff]"));
    check(r#""a"=hex:"#, "a", Ok("binary:[]"));
    check(r#""a"=hex(3):01"#, "a", Ok("binary:[01]"));
    check(r#""a"=hex(1):61,00,00,00"#, "a", Ok("string:a"));
    check(r#""a"=hex(2):25,00,54,00,45,00,4d,00,50,00,25,00,00,00"#, "a", Ok("string:%TEMP%"));
    check(r#""a"=hex(2):3d,d8,11,dd"#, "a", Ok("string:\u{1f511}"));
    check(r#""a"=hex(4):2a,00,00,00"#, "a", Ok("integer:42"));
    check(r#""a"=hex(5):00,00,00,2a"#, "a", Ok("integer:42"));
    check(r#""a"=hex(b):00,00,00,00,01,00,00,00"#, "a", Ok("integer:4294967296"));
    check(r#""a"=hex(b):ff,ff,ff,ff,ff,ff,ff,7f"#, "a", Ok("integer:9223372036854775807"));
    check(r#""a"=hex(7):61,00,00,00,62,00,63,00,00,00,00,00"#, "a", Ok("multi-string:|a|bc"));
    check(r#""a"=hex(7):61,00,00,00"#, "a", Ok("multi-string:|a"));
    check(r#""a"=hex(7):00,00"#, "a", Ok("multi-string:"));
    check(r#""a"=hex(7):"#, "a", Ok("multi-string:"));
}

#[test]
fn what_is_refused() {
    refused(r#""a"=-"#, RowRefusal::Deletion);
    refused("[-HKEY_LOCAL_MACHINE\\SOFTWARE\\A]", RowRefusal::Deletion);
    refused("[HKEY_LOCAL_MACHINE\\SOFTWARE\\A", RowRefusal::Key);
    refused("text", RowRefusal::Unreadable);
    refused(r#""a""#, RowRefusal::Unreadable);
    refused(r#""a"=text"#, RowRefusal::Quotes);
    refused(r#""a"="text"#, RowRefusal::Quotes);
    refused(r#""a"="text" more"#, RowRefusal::Quotes);
    refused(r#""a"="C:\new""#, RowRefusal::Escape);
    refused(r#""a"=dword:"#, RowRefusal::Digits);
    refused(r#""a"=dword:123456789"#, RowRefusal::Digits);
    refused(r#""a"=dword:+1"#, RowRefusal::Digits);
    refused(r#""a"=hex:1"#, RowRefusal::Digits);
    refused(r#""a"=hex:01,"#, RowRefusal::Digits);
    refused(r#""a"=hex:01 02"#, RowRefusal::Digits);
    refused(r#""a"=hex:0102"#, RowRefusal::Digits);
    refused(r#""a"=hex:01,\"#, RowRefusal::Digits);
    refused(r#""a"=hex(4):01"#, RowRefusal::Digits);
    refused(r#""a"=hex(b):00,00,00,00,00,00,00,80"#, RowRefusal::Number);
    refused(r#""a"=hex(1):61"#, RowRefusal::Text);
    refused(r#""a"=hex(1):00,d8"#, RowRefusal::Text);
    refused(r#""a"=hex(1):61,00,00,00,62,00"#, RowRefusal::Text);
    refused(r#""a"=hex(7):61,00"#, RowRefusal::Text);
    refused(r#""a"=hex(7):61,00,00,00,00,00,62,00,00,00,00,00"#, RowRefusal::Text);
    refused(r#""a"=hex(0):"#, RowRefusal::Type { number: "0".to_owned() });
    refused(r#""a"=hex(6):61,00"#, RowRefusal::Type { number: "6".to_owned() });
    refused(r#""a"=hex(:61,00"#, RowRefusal::Unreadable);
    refused(r#""a"=hex(3:61"#, RowRefusal::Unreadable);
}

#[test]
fn names() {
    check(r#""Connection String"=dword:1"#, "Connection-String", Ok("integer:1"));
    check(r#""a.b_c@d-e"=dword:1"#, "a.b_c@d-e", Ok("integer:1"));
    for part in ["", "a/b", "{01}", "(x86)", "-a", "größe", "a:b", "a%b", " a"] {
        let shown = part.replace(' ', "-");
        refused(&format!("\"{part}\"=dword:1"), RowRefusal::Name { part: shown });
    }
    refused(r#""a\\b"=dword:1"#, RowRefusal::Name { part: "a\\b".to_owned() });
    refused(&format!("\"{}\"=dword:1", "a".repeat(129)), RowRefusal::Name { part: "a".repeat(128) });
    let deep = format!("Windows Registry Editor Version 5.00\n[{}a]\n\"a\"=dword:1", "a\\".repeat(15));
    assert_eq!(rows(deep.as_bytes())[0].2, Err(RowRefusal::Parts));
}

#[test]
fn names_that_would_be_the_same_are_all_refused() {
    let found = rows(&five("\"a b\"=dword:1\n\"c\"=dword:2\n\"A-B\"=dword:3\n@=dword:4\n\"default\"=dword:5"));
    let read: Vec<_> = found.into_iter().map(|(line, _, read)| (line, read.ok())).collect();
    assert_eq!(read, [(4, None), (5, Some("integer:2".to_owned())), (6, None), (7, None), (8, None)]);
}

#[test]
fn digits_go_on_in_the_next_line() {
    let found = rows(&five("\"a\"=hex:01,02,\\\r\n  03,\\\r\n  04\r\n\"b\"=hex(6):01,\\\r\n  02\r\n\"c\"=dword:1\r\n"));
    let read: Vec<_> = found.into_iter().map(|(line, _, read)| (line, read)).collect();
    let unknown = RowRefusal::Type { number: "6".to_owned() };
    assert_eq!(
        read,
        [(4, Ok("binary:[01, 02, 03, 04]".to_owned())), (7, Err(unknown)), (9, Ok("integer:1".to_owned()))]
    );
}

/// A quote that is missing takes the next lines along; what follows must not land below the wrong key.
#[test]
fn a_missing_quote_gives_no_value_another_key() {
    // A path has a backslash, at which it is noticed; a single name is taken for text up to the next quote.
    for (key, hidden) in [("HKEY_LOCAL_MACHINE\\B", 5), ("B", 6)] {
        let file = five(&format!("\"a\"=\"text\r\n[{key}]\r\n\"b\"=dword:1\r\n\"c\"=dword:2\r\n[C]\r\n\"d\"=dword:3"));
        let found = read(&file).unwrap();
        assert_eq!((found[0].line, found[0].last_line), (4, hidden), "{key}");
        let below = found.iter().filter(|row| row.line > 4).map(|row| (row.line, row.name.as_deref()));
        let expected: Vec<_> = (hidden + 1..8).map(|line| (line, None)).chain([(9, Some("C/d"))]).collect();
        assert_eq!(below.collect::<Vec<_>>(), expected, "{key}");
        let refused = found.iter().filter(|row| row.read.is_err()).count();
        assert_eq!(refused, found.len() - 1, "{key}");
    }
}

#[test]
fn values_below_no_key() {
    let found = rows(b"REGEDIT4\n\"a\"=dword:1\n[-A]\n\"b\"=dword:2\n[A]\n\"c\"=dword:3\n");
    let read: Vec<_> = found.into_iter().map(|(_, name, read)| (name, read.ok())).collect();
    let none = (None, None);
    let last = (Some("A/c".to_owned()), Some("integer:3".to_owned()));
    assert_eq!(read, [none.clone(), none.clone(), none, last]);
}

#[test]
fn a_file_in_eight_bits() {
    let file = b"REGEDIT4\r\n\r\n; comment\r\n[HKEY_CURRENT_USER\\Software\\A]\r\n\"a\"=\"text\"\r\n\"b\"=hex(2):25,54,25,00\r\n\"c\"=hex(7):61,00,62,00,00\r\n\"d\"=\"gr\xfc\xdfe\"\r\n\"e\"=\"gr\xc3\xbc\"\r\n\"f\"=hex(2):fc,00\r\n";
    let found: Vec<_> = rows(file).into_iter().map(|(_, _, read)| read).collect();
    let text = |text: &str| Ok(text.to_owned());
    let unknown = || Err(RowRefusal::CodePage);
    assert_eq!(
        found,
        [text("string:text"), text("string:%T%"), text("multi-string:|a|b"), unknown(), unknown(), unknown()]
    );
}

#[test]
fn a_file_in_utf_16_and_one_in_utf_8() {
    let text = String::from_utf8(five("\"a\"=\"größe\"\r\n")).unwrap();
    let mut units = vec![0xff, 0xfe];
    units.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for file in [&units, &marked, &text.clone().into_bytes()] {
        assert_eq!(rows(file)[0].2, Ok("string:größe".to_owned()));
    }
    units.push(0);
    assert_eq!(read(&units).unwrap_err(), FileRefusal::Utf16);
}

#[test]
fn files_of_another_form() {
    for file in [&b""[..], b"[A]\n", b"regedit4\n", b"Windows Registry Editor Version 6.00\n", b"\xff\xfeR\0"] {
        assert_eq!(read(file).unwrap_err(), FileRefusal::Header, "{file:?}");
    }
    assert_eq!(read(b"\xfe\xff\0R").unwrap_err(), FileRefusal::BigEndian);
    assert_eq!(read(b"\xff\xfe\0\xd8").unwrap_err(), FileRefusal::Utf16);
}

/// No refusal repeats what may be a secret.
#[test]
fn refusals_show_no_value() {
    for line in ["\"a\"=\"canary\\x\"", "\"a\"=canary", "\"a\"=\"canary\" more", "canary", "\"a\"=hex(1):canary"] {
        for row in read(&five(line)).unwrap() {
            assert!(!format!("{row:?} {}", row.read.as_ref().unwrap_err()).contains("canary"), "{line}");
        }
    }
    assert!(!format!("{:?}", SecretBytes::from_slice(b"canary")).contains("canary"));
}
