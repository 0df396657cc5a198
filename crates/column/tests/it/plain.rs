//! Proves that normal forms are those of docs/spec/cell.md, byte for byte, and that refusals have PostgreSQL's SQLSTATEs.

use strongroom_column::{BadValue, Format, Mode, PlainType, Style, Unsupported};

use crate::vector::hex;

const TEXT: u32 = 0;

fn plain(word: &str) -> PlainType {
    PlainType::parse(word).unwrap()
}

fn normal(word: &str, value: impl AsRef<[u8]>, format: Format, given: u32) -> Result<Vec<u8>, BadValue> {
    let mut normal = Vec::new();
    plain(word).normalise(value.as_ref(), format, given, &Style::default(), &mut normal)?;
    Ok(normal)
}

fn shown(word: &str, normal: &[u8], format: Format) -> Result<Vec<u8>, BadValue> {
    let mut value = Vec::new();
    plain(word).denormalise(normal, format, &Style::default(), &mut value)?;
    Ok(value)
}

/// Type, text, normal form, PostgreSQL's binary format. The normal forms are computed by hand from the page.
const FORMS: &[(&str, &str, &str, &str)] = &[
    ("bool", "t", "0100000000000000", "01"),
    ("bool", "f", "0000000000000000", "00"),
    ("int2", "-2", "feffffffffffffff", "fffe"),
    ("int4", "1", "0100000000000000", "00000001"),
    ("int8", "-9223372036854775808", "0000000000000080", "8000000000000000"),
    ("float4", "1.5", "0000c03f", "3fc00000"),
    ("float8", "-0.1", "9a9999999999b9bf", "bfb999999999999a"),
    ("numeric(10,2)", "1.50", "0196000000000000000000000000000000", "00020000000000020001" /* then 5000 */),
    ("numeric(10,2)", "-1.00", "0064000000000000000000000000000000", "00010000400000020001"),
    ("numeric(10,2)", "0.00", "0100000000000000000000000000000000", "0000000000000002"),
    (
        "numeric(38,0)",
        "99999999999999999999999999999999999999",
        "01ffffffff3f228a097ac4865aa84c3b4b",
        "000a0009000000000063270f270f270f270f270f270f270f270f270f",
    ),
    ("text", "aß", "61c39f", "61c39f"),
    ("text utf16", "aß😀", "6100df003dd800de", "61c39ff09f9880"),
    ("varchar(3)", "abc", "616263", "616263"),
    ("bpchar(4)", "ab  ", "6162", "61622020"),
    ("bytea", "\\x00ff", "00ff", "00ff"),
    (
        "uuid",
        "00112233-4455-6677-8899-aabbccddeeff",
        "33221100554477668899aabbccddeeff",
        "00112233445566778899aabbccddeeff",
    ),
    ("date", "0001-01-01", "000000", "fff4dbf9"),
    ("date", "2000-01-01", "07240b", "00000000"),
    ("date", "9999-12-31", "dab937", "002c95d3"),
    ("time", "00:00:00.000001", "0a00000000", "0000000000000001"),
    ("time", "23:59:59.999999", "f6bf692ac9", "000000141dd75fff"),
    ("timestamp", "2000-01-01 00:00:01", "809698000007240b", "00000000000f4240"),
    ("timestamptz", "2000-01-01 00:00:01+00", "809698000007240b0000", "00000000000f4240"),
    ("pg:json", "{\"b\":1 , \"a\":2}", "7b2262223a31202c202261223a327d", "7b2262223a31202c202261223a327d"),
    ("pg:jsonb", "{\"a\": 2, \"b\": 1}", "7b2261223a20322c202262223a20317d", "017b2261223a20322c202262223a20317d"),
    ("pg:inet", "10.0.0.1", "31302e302e302e31", "022000040a000001"),
    ("pg:interval", "1 day", "3120646179", "00000000000000000000000100000000"),
];

#[test]
fn normal_forms_there_and_back() {
    for (word, text, form, binary) in FORMS {
        let binary = if *text == "1.50" { format!("{binary}1388") } else { (*binary).to_owned() };
        let from_text = normal(word, text, Format::Text, TEXT).unwrap();
        assert_eq!(hex(&from_text), *form, "{word} {text}");
        assert_eq!(String::from_utf8(shown(word, &from_text, Format::Text).unwrap()).unwrap(), *text, "{word}");
        let shown_binary = shown(word, &from_text, Format::Binary).unwrap();
        assert_eq!(hex(&shown_binary), binary, "{word} {text}");
        assert_eq!(normal(word, &shown_binary, Format::Binary, 0).unwrap(), from_text, "{word} {text}");
    }
}

#[test]
fn what_is_refused() {
    for (word, text, sqlstate) in [
        ("int2", "32768", "22003"),
        ("int4", "2147483648", "22003"),
        ("int8", "9223372036854775808", "22003"),
        ("int4", "1.0", "22P02"),
        ("int4", "", "22P02"),
        ("bool", "maybe", "22P02"),
        ("float4", "1e39", "22003"),
        ("float8", "NaN", "22003"),
        ("float8", "-Infinity", "22003"),
        ("numeric(5,2)", "1000", "22003"),
        ("numeric(5,2)", "999.995", "22003"),
        ("numeric(5,2)", "NaN", "22003"),
        ("numeric(5,2)", "1..2", "22P02"),
        ("varchar(3)", "abcd", "22001"),
        ("bpchar(3)", "abcd", "22001"),
        ("text", "a\0b", "22021"),
        ("bytea", "\\x0", "22P02"),
        ("uuid", "00112233", "22P02"),
        ("date", "infinity", "22008"),
        ("date", "10000-01-01", "22008"),
        ("date", "0001-01-01 BC", "22008"),
        ("date", "2023-02-29", "22008"),
        ("date", "today", "22007"),
        ("date", "01/02/2024", "22007"),
        ("time", "24:00:00", "22008"),
        ("time(0)", "23:59:59.5", "22008"),
        ("timestamp", "-infinity", "22008"),
        ("timestamptz", "2024-01-01 00:00:00 EST", "22007"),
        ("timestamptz", "0001-01-01 00:00:00+01", "22008"),
        ("pg:json", "{", "22P02"),
        ("pg:jsonb", "\"\\u0000\"", "22P02"),
        ("pg:cidr", "10.0.0.1/8", "22P02"),
        ("pg:interval", "P1D", "22007"),
    ] {
        let error = normal(word, text, Format::Text, TEXT).unwrap_err();
        assert_eq!(error.sqlstate(), sqlstate, "{word} {text:?}: {error}");
    }
    let bad_utf8 = normal("text", b"\xff", Format::Text, TEXT).unwrap_err();
    assert_eq!(bad_utf8.sqlstate(), "22021");
    for (word, value) in [
        ("int4", [0; 3].as_slice()),
        ("uuid", &[0; 15]),
        ("numeric(5,2)", &[0; 9]),
        ("bool", &[]),
        ("pg:jsonb", b"\x02{}"),
    ] {
        assert_eq!(normal(word, value, Format::Binary, 0).unwrap_err().sqlstate(), "22P03", "{word}");
    }
}

#[test]
fn a_refusal_says_nothing_of_the_value() {
    let secret = "4711-secret";
    for word in [
        "bool",
        "int4",
        "float8",
        "numeric(5,2)",
        "varchar(3)",
        "bytea",
        "uuid",
        "date",
        "time",
        "timestamptz",
        "pg:json",
        "pg:inet",
        "pg:interval",
    ] {
        let value = format!("{secret}\\");
        let error = normal(word, value, Format::Text, TEXT).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("4711"), "{word}: {error:?}");
    }
}

#[test]
fn a_compared_value_is_never_rounded() {
    let style = Style::default();
    let compared = |word: &str, value: &[u8], format, given| {
        let mut normal = Vec::new();
        plain(word).normalise_compared(value, format, given, &style, &mut normal).map(|()| normal)
    };
    for (word, value) in
        [("numeric(10,2)", "1.005"), ("timestamp(0)", "2024-01-01 00:00:00.5"), ("time(3)", "00:00:00.0001")]
    {
        assert!(normal(word, value, Format::Text, TEXT).is_ok());
        let error = compared(word, value.as_bytes(), Format::Text, TEXT).unwrap_err();
        assert_eq!(error.sqlstate(), "22003", "{word} {value}");
    }
    assert_eq!(
        compared("numeric(10,2)", b"1.500", Format::Text, TEXT),
        normal("numeric(10,2)", "1.50", Format::Text, TEXT)
    );
    // Blanks behind the limit of varchar are cut where a value is stored; char has no blanks at its end.
    assert_eq!(normal("varchar(3)", "abc  ", Format::Text, TEXT).unwrap(), b"abc");
    assert_eq!(compared("varchar(3)", b"abc  ", Format::Text, TEXT).unwrap_err().sqlstate(), "22001");
    assert_eq!(compared("bpchar(3)", b"abc  ", Format::Text, TEXT).unwrap(), b"abc");
    // A number that `real` does not have equals none of them.
    assert_eq!(compared("float4", &0.1_f64.to_be_bytes(), Format::Binary, 701).unwrap_err().sqlstate(), "22003");
    assert_eq!(compared("float4", &0.5_f64.to_be_bytes(), Format::Binary, 701).unwrap(), 0.5_f32.to_le_bytes());
    assert_eq!(compared("int4", &0.5_f64.to_be_bytes(), Format::Binary, 701).unwrap_err().sqlstate(), "22003");
}

#[test]
fn equal_values_have_one_normal_form() {
    for (word, values) in [
        ("int8", ["1", " +1 ", "001"].as_slice()),
        ("float8", &["0", "-0", "0e5"]),
        ("numeric(10,2)", &["1.5", "1.50", "15e-1", "+1.500"]),
        ("uuid", &["00112233-4455-6677-8899-aabbccddeeff", "{00112233445566778899AABBCCDDEEFF}"]),
        ("bytea", &["\\x5c61", "\\\\a", "\\134a"]),
        ("date", &["2024-01-05", "20240105", "2024-1-5"]),
        ("timestamptz", &["2024-01-01 12:00:00+01", "2024-01-01T11:00:00Z", "2024-01-01 06:00 America/New_York"]),
        (
            "pg:jsonb",
            &["{\"b\":1,\"a\":[true]}", " { \"a\" : [ true ] , \"b\" : 1 }", "{\"b\":2,\"a\":[true],\"b\":1}"],
        ),
    ] {
        let forms: Vec<_> = values.iter().map(|value| normal(word, value, Format::Text, TEXT).unwrap()).collect();
        assert!(forms.iter().all(|form| *form == forms[0]), "{word} {values:?}");
    }
}

/// Normal forms that other programs may have written, or that are none of the type.
#[test]
fn what_is_stored_is_judged() {
    let text = |word: &str, form: &str| {
        let form = crate::vector::unhex(form);
        shown(word, &form, Format::Text).map(|shown| String::from_utf8(shown).unwrap())
    };
    // SQL Server's time has one digit more than PostgreSQL's, and its datetimeoffset an offset.
    assert_eq!(text("time", "0f00000000").unwrap(), "00:00:00.000001");
    assert_eq!(text("timestamptz", "809698000007240b3c00").unwrap(), "2000-01-01 00:00:01+00");
    assert_eq!(text("numeric(10,2)", "0000000000000000000000000000000000").unwrap(), "0.00");
    for (word, form) in [
        ("int2", "0080000000000000"),
        ("int4", "00000000"),
        ("bool", "0200000000000000"),
        ("float8", "000000000000f07f"),
        ("numeric(3,0)", "01e8030000000000000000000000000000"),
        ("numeric(3,0)", "0201000000000000000000000000000000"),
        ("numeric(3,0)", "01"),
        ("text", "ff"),
        ("text", "6100"),
        ("text utf16", "61"),
        ("text utf16", "00d8"),
        ("uuid", "00"),
        ("date", "dbb937"),
        ("time", "00c0692ac9"),
        ("timestamp", "0000000000"),
        ("timestamptz", "809698000007240b"),
        ("pg:json", "ff"),
    ] {
        assert_eq!(text(word, form).unwrap_err().sqlstate(), "XX001", "{word} {form}");
    }
}

#[test]
fn words_and_descriptions() {
    for word in ["bool", "numeric(38,38)", "varchar(20) utf16", "bpchar(1)", "timestamptz(0)", "pg:jsonb"] {
        assert_eq!(plain(word).word(), word);
    }
    for word in [
        "",
        "BOOL",
        "int",
        "varchar(0)",
        "varchar(020)",
        "varchar()",
        "numeric",
        "numeric(0,0)",
        "numeric(3,4)",
        "numeric(39,1)",
        "time(7)",
        "int4 utf16",
        "pg:",
        "pg:money",
        "text  utf16",
    ] {
        assert!(PlainType::parse(word).is_err(), "{word}");
    }
    // `atttypmod` and OIDs of PostgreSQL's catalogue.
    for (word, oid, typmod, typlen, array) in [
        ("bool", 16, -1, 1, 1000),
        ("int8", 20, -1, 8, 1016),
        ("numeric(10,2)", 1700, 655_366, -1, 1231),
        ("varchar(20)", 1043, 24, -1, 1015),
        ("bpchar(5)", 1042, 9, -1, 1014),
        ("timestamp(3)", 1114, 3, 8, 1115),
        ("timestamptz", 1184, -1, 8, 1185),
        ("uuid", 2950, -1, 16, 2951),
    ] {
        let found = PlainType::from_postgres("", oid, typmod, false).unwrap();
        assert_eq!(found, plain(word));
        assert_eq!(
            (found.oid(), found.typmod(), found.typlen(), found.array_oid()),
            (oid, typmod, typlen, array),
            "{word}"
        );
    }
    assert_eq!(PlainType::from_postgres("text", 25, -1, true).unwrap(), plain("text utf16"));
    assert_eq!(PlainType::from_postgres("enum", 70_000, -1, false).unwrap(), plain("pg:enum"));
    for (name, oid, typmod, nvarchar) in [
        ("numeric", 1700, -1, false),
        ("numeric", 1700, (39 << 16) + 4, false),
        // numeric(5,-2): eleven bits with a sign.
        ("numeric", 1700, (5 << 16 | 0x7fe) + 4, false),
        ("bpchar", 1042, -1, false),
        ("timetz", 1266, -1, false),
        ("money", 790, -1, false),
        ("hstore", 70_001, -1, false),
        ("int4", 23, -1, true),
    ] {
        assert!(PlainType::from_postgres(name, oid, typmod, nvarchar).is_err(), "{name} {typmod}");
    }
    assert!(matches!(plain("pg:json").allows(Mode::Deterministic), Err(Unsupported::Deterministic { .. })));
    assert!(plain("pg:json").allows(Mode::Randomized).is_ok());
    assert!(plain("bool").allows(Mode::Deterministic).is_ok());
}

#[test]
fn styles_that_are_not_supported_are_refused() {
    let mut style = Style::default();
    assert!(style.set("DateStyle", "German, DMY"));
    assert!(style.set("intervalstyle", "iso_8601"));
    assert!(!style.set("search_path", "public"));
    let show = |word: &str, value: &str, format, style: &Style| {
        let mut shown = Vec::new();
        plain(word)
            .denormalise(&normal(word, value, Format::Text, TEXT).unwrap(), format, style, &mut shown)
            .map(|()| shown)
    };
    for (word, value) in
        [("date", "2024-01-01"), ("timestamp", "2024-01-01"), ("timestamptz", "2024-01-01"), ("pg:interval", "1 day")]
    {
        assert_eq!(show(word, value, Format::Text, &style).unwrap_err().sqlstate(), "0A000", "{word}");
        assert!(show(word, value, Format::Binary, &style).is_ok(), "{word}");
    }
    assert!(style.set("DateStyle", "ISO, DMY") && style.set("TimeZone", "Middle/Earth"));
    assert_eq!(show("timestamptz", "2024-01-01", Format::Text, &style).unwrap_err().sqlstate(), "0A000");
    assert!(style.set("client_encoding", "LATIN1"));
    let refused = plain("text").normalise(b"a", Format::Text, TEXT, &style, &mut Vec::new());
    assert_eq!(refused.unwrap_err().sqlstate(), "0A000");
    assert!(style.set("client_encoding", "utf8"));
    assert!(plain("text").normalise(b"a", Format::Text, TEXT, &style, &mut Vec::new()).is_ok());
}
