//! Values and their normal forms. The first bytes choose a type, a format and the type the value is given in.

use strongroom_column::{Format, PlainType, Style};

const WORDS: [&str; 30] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric(10,2)",
    "numeric(38,38)",
    "numeric(38,0)",
    "text",
    "text utf16",
    "varchar(7)",
    "varchar(7) utf16",
    "bpchar(5)",
    "bytea",
    "uuid",
    "date",
    "time",
    "time(3)",
    "timestamp",
    "timestamp(0)",
    "timestamptz",
    "timestamptz(2)",
    "pg:json",
    "pg:jsonb",
    "pg:xml",
    "pg:inet",
    "pg:cidr",
    "pg:interval",
    "pg:enum",
];
const GIVEN: [u32; 24] = [
    0, 16, 17, 19, 20, 21, 23, 25, 114, 650, 700, 701, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950, 3802,
    99_999,
];

pub fn target(data: &[u8]) {
    let [word, given, value @ ..] = data else { return };
    let plain = PlainType::parse(WORDS[usize::from(*word) % WORDS.len()]).expect("a word");
    let format = if given & 1 == 0 { Format::Text } else { Format::Binary };
    let given = GIVEN[usize::from(*given >> 1) % GIVEN.len()];
    let mut style = Style::default();
    assert!(style.set("TimeZone", "America/New_York"));

    // As a normal form, whatever wrote it.
    for format in [Format::Text, Format::Binary] {
        let mut shown = b"before".to_vec();
        if plain.denormalise(value, format, &style, &mut shown).is_err() {
            assert_eq!(shown, b"before");
        }
    }

    // As a value: what it becomes is read again as the same.
    let mut normal = b"before".to_vec();
    if plain.normalise(value, format, given, &style, &mut normal).is_err() {
        assert_eq!(normal, b"before");
        return;
    }
    for format in [Format::Text, Format::Binary] {
        let (mut shown, mut again) = (Vec::new(), b"before".to_vec());
        plain.denormalise(&normal[6..], format, &style, &mut shown).expect("a normal form of our own is shown");
        // A local time before the year 1 or after 9999 is shown, but is none that is taken. So is a moment of an hour that
        // comes twice, and a number with fewer digits.
        let unreadable = format == Format::Text && plain.word().starts_with("timestamptz");
        match plain.normalise(&shown, format, 0, &style, &mut again) {
            Ok(()) => assert!(again == normal, "{} {format:?}: {shown:?}", plain.word()),
            Err(error) => assert!(unreadable, "{} {format:?}: {error}", plain.word()),
        }
    }
}
