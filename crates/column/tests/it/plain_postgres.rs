//! Proves that a value that went through its normal form is what PostgreSQL sends for the plain column: thousands of random
//! values of each type, as text and in binary format, and the SQLSTATE of each that PostgreSQL refuses.

use std::fmt::Write;

use strongroom_column::{BadValue, Format, PlainType, Style};
use strongroom_testkit::postgres::Postgres;

use crate::random::Random;
use crate::vector::{hex, unhex};

/// What PostgreSQL makes of a text that is stored in the only column of a table: text and binary format, or an SQLSTATE.
const FUNCTION: &str = "
CREATE FUNCTION stored(tab text, send text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('INSERT INTO %I VALUES (%L) RETURNING ''ok:'' || encode(convert_to(format(''%%s'', v), ''UTF8''), ''hex'')
        || '':'' || encode(%s(v), ''hex'')', tab, value, send) INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    RETURN 'no:' || SQLSTATE;
END $$;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
";

/// How many values of each type.
const VALUES: usize = 1_500;

/// A type, as our word for it, as SQL, with the function that sends it; and how its values are made.
struct Kind {
    word: &'static str,
    sql: &'static str,
    send: &'static str,
    make: fn(&mut Random) -> String,
}

const fn kind(word: &'static str, sql: &'static str, send: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { word, sql, send, make }
}

const KINDS: &[Kind] = &[
    kind("bool", "bool", "boolsend", |random| {
        (*random.pick(&[
            "t", "TRUE", "tru", "yes", "y", "on", "1", "f", "fALSE", "no", "off", "of", "0", " true ", "o", "2",
        ]))
        .to_owned()
    }),
    kind("int2", "int2", "int2send", |random| random.sized().to_string()),
    kind("int4", "int4", "int4send", |random| format!("{}{}", random.pick(&["", " ", "+", "0"]), random.sized())),
    kind("int8", "int8", "int8send", |random| random.sized().to_string()),
    kind("float4", "float4", "float4send", |random| float(random, true)),
    kind("float8", "float8", "float8send", |random| float(random, false)),
    kind("numeric(10,2)", "numeric(10,2)", "numeric_send", |random| random.decimal(9, 6)),
    kind("numeric(38,0)", "numeric(38)", "numeric_send", |random| random.decimal(39, 3)),
    kind("numeric(38,38)", "numeric(38,38)", "numeric_send", |random| format!("0.{}", random.digits(1, 45))),
    kind("numeric(20,7)", "numeric(20,7)", "numeric_send", |random| random.decimal(14, 9)),
    kind("numeric(5,5)", "numeric(5,5)", "numeric_send", |random| random.decimal(1, 7)),
    kind("text", "text", "textsend", |random| random.text(40)),
    kind("text utf16", "text", "textsend", |random| random.text(40)),
    kind("varchar", "varchar", "varcharsend", |random| random.text(40)),
    kind("varchar(7)", "varchar(7)", "varcharsend", |random| random.text(8)),
    kind("varchar(7) utf16", "varchar(7)", "varcharsend", |random| random.text(8)),
    kind("bpchar(5)", "char(5)", "bpcharsend", |random| random.text(6)),
    kind("bytea", "bytea", "byteasend", bytea),
    kind("uuid", "uuid", "uuid_send", uuid),
    kind("date", "date", "date_send", |random| if random.chance(5) { random.timestamp() } else { random.date() }),
    kind("time", "time", "time_send", Random::time),
    kind("time(3)", "time(3)", "time_send", Random::time),
    kind("timestamp", "timestamp", "timestamp_send", Random::timestamp),
    kind("timestamp(0)", "timestamp(0)", "timestamp_send", Random::timestamp),
    kind("timestamptz", "timestamptz", "timestamptz_send", Random::timestamptz),
    kind("timestamptz(2)", "timestamptz(2)", "timestamptz_send", Random::timestamptz),
    kind("pg:json", "json", "json_send", |random| random.json(3)),
    kind("pg:jsonb", "jsonb", "jsonb_send", |random| random.json(3)),
    kind("pg:inet", "inet", "inet_send", |random| network(random, false)),
    kind("pg:cidr", "cidr", "cidr_send", |random| network(random, true)),
    kind("pg:interval", "interval", "interval_send", interval),
    kind("pg:enum", "mood", "enum_send", |random| (*random.pick(&["sad", "ok", "happy"])).to_owned()),
];

fn float(random: &mut Random, narrow: bool) -> String {
    match random.below(4) {
        0 if narrow => format!("{:e}", f32::from_bits(random.next() as u32)),
        0 => format!("{:e}", f64::from_bits(random.next())),
        1 => (*random.pick(&[
            "0",
            "-0",
            "1e23",
            "5e-324",
            "1e400",
            "1e-400",
            "NaN",
            "Infinity",
            "9007199254740993",
            "1e15",
            "1e-5",
            "123456.5",
            "1000000",
            "3.4e38",
            "1e39",
            "1e-46",
        ]))
        .to_owned(),
        2 => random.sized().to_string(),
        _ => random.decimal(8, 8),
    }
}

fn bytea(random: &mut Random) -> String {
    let bytes = random.bytes(40);
    match random.below(3) {
        0 => bytes.iter().fold(String::new(), |mut text, byte| {
            match byte {
                b'\\' => text.push_str("\\\\"),
                b' '..=b'~' => text.push(char::from(*byte)),
                _ => write!(text, "\\{byte:03o}").unwrap(),
            }
            text
        }),
        _ => format!("\\x{}", bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>()),
    }
}

fn uuid(random: &mut Random) -> String {
    let digits = format!("{:016x}{:016X}", random.next(), random.next());
    match random.below(3) {
        0 => digits,
        1 => {
            format!("{{{}-{}-{}-{}-{}}}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
        }
        _ => format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]),
    }
}

fn network(random: &mut Random, whole: bool) -> String {
    let most = if random.chance(2) { 129 } else { 33 };
    let bits = random.below(most);
    let host =
        if whole && !random.chance(8) { u128::MAX.checked_shl(128 - bits as u32).unwrap_or(0) } else { u128::MAX };
    if bits > 32 || random.chance(2) {
        let zeros = *random.pick(&[u128::MAX, 0xffff, 0xffff_ffff, 0xffff_0000_0000_ffff]);
        let mapped = if random.chance(6) { 0xffff_0000_0000 } else { 0 };
        let address = ((u128::from(random.next()) << 64 | u128::from(random.next())) & zeros | mapped) & host;
        return format!("{}/{bits}", std::net::Ipv6Addr::from(address));
    }
    let host = if whole { u32::MAX.checked_shl(32 - bits as u32).unwrap_or(0) } else { u32::MAX };
    let address = std::net::Ipv4Addr::from(random.next() as u32 & host);
    if whole || random.chance(2) { format!("{address}/{bits}") } else { address.to_string() }
}

fn interval(random: &mut Random) -> String {
    let mut parts = Vec::new();
    for unit in ["year", "years", "mon", "mons", "weeks", "day", "days", "hours", "minutes"] {
        if random.chance(4) {
            parts.push(format!("{} {unit}", random.below(200) as i64 - 100));
        }
    }
    if random.chance(2) || parts.is_empty() {
        let sign = *random.pick(&["", "-", "+"]);
        parts.push(format!(
            "{sign}{:02}:{:02}:{:02}.{}",
            random.below(300),
            random.below(60),
            random.below(60),
            random.digits(1, 6)
        ));
    }
    parts.join(" ")
}

/// PostgreSQL's answers to all values, in order.
fn answers(postgres: &Postgres, kinds: &[(&Kind, String)]) -> Vec<String> {
    let mut script =
        "SET client_min_messages = error; CREATE TEMP TABLE given (number int, tab text, send text, value text);\n"
            .to_owned();
    for (number, kind) in KINDS.iter().enumerate() {
        writeln!(script, "CREATE TEMP TABLE plain_{number} (v {});", kind.sql).unwrap();
    }
    script.push_str("COPY given FROM STDIN;\n");
    for (number, (kind, value)) in kinds.iter().enumerate() {
        let tab = KINDS.iter().position(|known| std::ptr::eq(known, *kind)).unwrap();
        let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
        writeln!(script, "{number}\tplain_{tab}\t{}\t{value}", kind.send).unwrap();
    }
    script.push_str("\\.\nSELECT stored(tab, send, value) FROM given ORDER BY number;\n");
    postgres.psql("postgres", &script).unwrap().lines().map(str::to_owned).collect()
}

/// A text through its normal form: the normal form, the text, the binary format.
fn through(plain: &PlainType, value: &[u8], format: Format) -> Result<[Vec<u8>; 3], BadValue> {
    let style = Style::default();
    let [mut normal, mut text, mut binary] = [const { Vec::new() }; 3];
    plain.normalise(value, format, 0, &style, &mut normal)?;
    plain.denormalise(&normal, Format::Text, &style, &mut text)?;
    plain.denormalise(&normal, Format::Binary, &style, &mut binary)?;
    Ok([normal, text, binary])
}

/// Whether we may refuse what PostgreSQL takes.
fn may_refuse(error: &BadValue) -> bool {
    matches!(
        error,
        BadValue::NotFinite { .. }
            | BadValue::MomentRange { .. }
            | BadValue::NotSupported(_)
            | BadValue::Moment { .. }
            | BadValue::Interval
    )
}

/// The difference between PostgreSQL's answer and ours, if there is one.
fn difference(kind: &Kind, value: &str, theirs: &str, spoilt: bool) -> Option<String> {
    let plain = PlainType::parse(kind.word).unwrap();
    let ours = through(&plain, value.as_bytes(), Format::Text);
    let told = |what: String| Some(format!("{} {value:?}: {what}", kind.word));
    match (theirs.split_once(':').unwrap(), ours) {
        (("no", state), Err(error)) => {
            let moments = ["22007", "22008", "22009", "22023"];
            let same = error.sqlstate() == state || moments.contains(&state) && moments.contains(&error.sqlstate());
            // What is wrong in two ways is refused for one of them.
            let also_wrong = spoilt && error.sqlstate().starts_with("22");
            if same || also_wrong {
                None
            } else {
                told(format!("refused with {state}, by us with {}", error.sqlstate()))
            }
        }
        (("no", state), Ok([_, text, _])) => {
            told(format!("refused with {state}, by us taken as {}", String::from_utf8_lossy(&text)))
        }
        ((_, shown), Err(error)) => {
            let narrower = may_refuse(&error)
                && (spoilt || !matches!(error, BadValue::Moment { .. } | BadValue::Interval))
                || spoilt && kind.word.starts_with("pg:");
            if narrower { None } else { told(format!("taken as {shown}, by us refused: {error}")) }
        }
        ((_, shown), Ok([normal, text, binary])) => {
            let (their_text, their_binary) = shown.split_once(':').unwrap();
            let (their_text, their_binary) = (unhex(their_text), unhex(their_binary));
            if their_text == b"-0" {
                return if text == b"0" { None } else { told("negative zero".to_owned()) };
            }
            if text != their_text || binary != their_binary {
                let [ours, theirs] = [&text, &their_text].map(|text| String::from_utf8_lossy(text).into_owned());
                return told(format!("{theirs} {}, by us {ours} {}", hex(&their_binary), hex(&binary)));
            }
            // And back, from what PostgreSQL sent.
            for (sent, format) in [(&their_text, Format::Text), (&their_binary, Format::Binary)] {
                let again = through(&plain, sent, format);
                if again.as_ref().map(|[again, ..]| again) != Ok(&normal) {
                    return told(format!("read back from {format:?}: {again:?}"));
                }
            }
            None
        }
    }
}

#[test]
fn values_are_shown_as_postgresql_shows_them() {
    let postgres = match Postgres::start_with(&[("log_statement", "none")]) {
        Ok(postgres) => postgres,
        Err(why) => return println!("not run: values_are_shown_as_postgresql_shows_them: {why}"),
    };
    postgres.psql("postgres", FUNCTION).unwrap();
    let mut random = Random::new(20_251_122);
    let mut values = Vec::new();
    for kind in KINDS {
        values.extend((0..VALUES).map(|_| (kind, (kind.make)(&mut random))));
    }
    let sound = values.len();
    for kind in KINDS.iter().filter(|kind| kind.word != "pg:enum") {
        for _ in 0..VALUES / 2 {
            let value = (kind.make)(&mut random);
            values.push((kind, random.spoilt(&value)));
        }
    }
    let answers = answers(&postgres, &values);
    assert_eq!(answers.len(), values.len());
    let differences: Vec<String> = values
        .iter()
        .zip(&answers)
        .enumerate()
        .filter_map(|(number, ((kind, value), theirs))| difference(kind, value, theirs, number >= sound))
        .collect();
    let taken = answers.iter().filter(|answer| answer.starts_with("ok:")).count();
    println!("{} values, {taken} taken by PostgreSQL", values.len());
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(60)].join("\n")
    );
}

/// Types that PostgreSQL converts where a value is stored: the value's, how it is read in binary format, the column's.
const CONVERSIONS: &[(&str, u32, &str, &[&str])] = &[
    ("int2", 21, "int2send", &["int4", "int8", "numeric(10,2)", "float4", "float8", "text", "varchar(7)"]),
    ("int4", 23, "int4send", &["int2", "int8", "numeric(10,2)", "float4", "float8", "text", "bpchar(5)"]),
    ("int8", 20, "int8send", &["int2", "int4", "numeric(20,7)", "float4", "float8", "text"]),
    ("float4", 700, "float4send", &["int2", "int4", "int8", "numeric(20,7)", "float8", "text"]),
    ("float8", 701, "float8send", &["int2", "int4", "int8", "numeric(20,7)", "numeric(38,38)", "float4", "text"]),
    ("numeric", 1700, "numeric_send", &["int2", "int4", "int8", "float4", "float8", "numeric(10,2)", "numeric(38,0)"]),
    ("bool", 16, "boolsend", &["text", "varchar(7)"]),
    ("uuid", 2950, "uuid_send", &["text"]),
    ("bpchar", 1042, "bpcharsend", &["text", "varchar(7)", "bpchar(5)"]),
    ("text", 25, "textsend", &["varchar(7)", "bpchar(5)", "int4", "uuid", "date", "bool"]),
    ("date", 1082, "date_send", &["timestamp", "timestamptz", "text"]),
    ("timestamp", 1114, "timestamp_send", &["date", "timestamptz", "timestamp(0)", "text"]),
    ("timestamptz", 1184, "timestamptz_send", &["date", "timestamp", "timestamptz(2)", "text"]),
    ("jsonb", 3802, "jsonb_send", &["pg:json"]),
    ("json", 114, "json_send", &["pg:jsonb"]),
];

fn of_kind(word: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.word == word).unwrap()
}

/// A value of a converted type, as text.
fn value_of(word: &str, random: &mut Random) -> String {
    match word {
        "bool" => (*random.pick(&["t", "f"])).to_owned(),
        "numeric" => random.decimal(14, 9),
        "bpchar" => format!("{}   ", random.text(6)),
        "float4" | "float8" => match random.below(3) {
            0 => format!("{}.5", random.below(1000) as i64 - 500),
            1 => random.decimal(5, 3),
            _ => random.decimal(12, 12),
        },
        "int2" => (random.next() as i16).to_string(),
        "int4" => (random.sized() as i32).to_string(),
        "json" | "jsonb" => (of_kind("pg:jsonb").make)(random),
        word => (of_kind(word).make)(random),
    }
}

/// What PostgreSQL makes of a value of one type that is stored in a column of another: the value in binary format, and what is
/// shown of it or an SQLSTATE.
const CONVERTED: &str = "SET client_min_messages = error;
        CREATE FUNCTION converted(given text, value text, sender text, column_type text, shower text) RETURNS text
            LANGUAGE plpgsql AS $$
        DECLARE sent text; answer text;
        BEGIN
            EXECUTE format('SELECT encode(%s(CAST(%L AS %s)), ''hex'')', sender, value, given) INTO sent;
            BEGIN
                EXECUTE format('CREATE TEMP TABLE one (v %s) ON COMMIT DROP', column_type);
                EXECUTE format('INSERT INTO one VALUES (CAST(%L AS %s)) RETURNING encode(%s(v), ''hex'')', value, given, shower)
                    INTO answer;
                DROP TABLE one;
                RETURN sent || ':ok:' || answer;
            EXCEPTION WHEN OTHERS THEN
                RETURN sent || ':no:' || SQLSTATE;
            END;
        EXCEPTION WHEN OTHERS THEN
            RETURN '';
        END $$;\n";

/// How our outcome differs from PostgreSQL's, if it does.
fn converted_otherwise(kind: &Kind, given: u32, style: &Style, sent: &[u8], theirs: (&str, &str)) -> Option<String> {
    let plain = PlainType::parse(kind.word).unwrap();
    let (mut normal, mut binary) = (Vec::new(), Vec::new());
    let ours = plain
        .normalise(sent, Format::Binary, given, style, &mut normal)
        .and_then(|()| plain.denormalise(&normal, Format::Binary, style, &mut binary));
    let same = match (&ours, theirs) {
        (Ok(()), ("ok", shown)) => hex(&binary) == shown,
        (Err(error), ("no", state)) => error.sqlstate() == state,
        (Err(error), _) => matches!(error, BadValue::MomentRange { .. }),
        (Ok(()), _) => false,
    };
    if same { None } else { Some(format!(": {theirs:?}, by us {ours:?} {}", hex(&binary))) }
}

#[test]
fn values_of_other_types_are_converted_as_postgresql_converts_them() {
    let postgres = match Postgres::start_with(&[("log_statement", "none"), ("timezone", "Europe/Berlin")]) {
        Ok(postgres) => postgres,
        Err(why) => return println!("not run: values_of_other_types_are_converted: {why}"),
    };
    let mut style = Style::default();
    assert!(style.set("TimeZone", "Europe/Berlin"));
    let mut script = CONVERTED.to_owned();
    let mut random = Random::new(7);
    let mut asked = Vec::new();
    for (given, oid, sender, columns) in CONVERSIONS {
        for column in *columns {
            let kind = of_kind(column);
            for _ in 0..60 {
                let value = value_of(given, &mut random);
                let quoted = value.replace('\'', "''");
                writeln!(
                    script,
                    "SELECT converted('{given}', '{quoted}', '{sender}', '{}', '{}');",
                    kind.sql, kind.send
                )
                .unwrap();
                asked.push((*given, *oid, kind, value));
            }
        }
    }
    let answers = postgres.psql("postgres", &script).unwrap();
    let answers: Vec<&str> = answers.split('\n').collect();
    assert_eq!(answers.len(), asked.len());
    let mut differences = Vec::new();
    let mut compared = 0;
    for ((given, oid, kind, value), answer) in asked.iter().zip(&answers) {
        let mut parts = answer.split(':');
        let (Some(sent), Some(outcome), Some(theirs)) = (parts.next(), parts.next(), parts.next()) else { continue };
        compared += 1;
        let what = format!("{given} {value:?} into {}", kind.word);
        differences
            .extend(converted_otherwise(kind, *oid, &style, &unhex(sent), (outcome, theirs)).map(|how| what + &how));
    }
    println!("{compared} values of other types");
    assert!(compared > asked.len() / 2);
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(60)].join("\n")
    );
}

/// Settings that change how values are written, with the columns they change.
const STYLES: &[(&str, &str, &[&str])] = &[
    ("TimeZone", "Europe/Berlin", &["timestamptz"]),
    ("TimeZone", "America/New_York", &["timestamptz"]),
    ("TimeZone", "Asia/Kolkata", &["timestamptz"]),
    ("TimeZone", "Pacific/Chatham", &["timestamptz"]),
    ("TimeZone", "<-03:30>3:30", &["timestamptz"]),
    ("TimeZone", "EST5EDT", &["timestamptz"]),
    ("extra_float_digits", "0", &["float4", "float8"]),
    ("extra_float_digits", "-3", &["float4", "float8"]),
    ("extra_float_digits", "-15", &["float4", "float8"]),
    ("extra_float_digits", "3", &["float4", "float8"]),
    ("bytea_output", "escape", &["bytea"]),
];

#[test]
fn values_are_shown_in_the_sessions_style() {
    let postgres = match Postgres::start_with(&[("log_statement", "none")]) {
        Ok(postgres) => postgres,
        Err(why) => return println!("not run: values_are_shown_in_the_sessions_style: {why}"),
    };
    postgres.psql("postgres", FUNCTION).unwrap();
    let mut random = Random::new(3);
    for (setting, value, columns) in STYLES {
        let mut style = Style::default();
        assert!(style.set(setting, value));
        for word in *columns {
            let kind = of_kind(word);
            let plain = PlainType::parse(word).unwrap();
            let values: Vec<String> = (0..400).map(|_| (kind.make)(&mut random)).collect();
            let mut script = format!("SET {setting} = '{value}'; CREATE TEMP TABLE one (v {});\n", kind.sql);
            for value in &values {
                writeln!(script, "SELECT stored('one', '{}', '{}');", kind.send, value.replace('\'', "''")).unwrap();
            }
            let answers = postgres.psql("postgres", &script).unwrap();
            assert_eq!(answers.lines().count(), values.len());
            for (given, theirs) in values.iter().zip(answers.lines()) {
                let [mut normal, mut text] = [const { Vec::new() }; 2];
                let ours = plain
                    .normalise(given.as_bytes(), Format::Text, 0, &style, &mut normal)
                    .and_then(|()| plain.denormalise(&normal, Format::Text, &style, &mut text));
                let theirs: Vec<&str> = theirs.split(':').collect();
                match (ours, theirs.as_slice()) {
                    (Ok(()), ["ok", "2d30", _]) => assert_eq!(text, b"0"),
                    (Ok(()), ["ok", theirs, _]) => {
                        let theirs = String::from_utf8(unhex(theirs)).unwrap();
                        assert_eq!(String::from_utf8(text).unwrap(), theirs, "{setting} {value}: {word} {given:?}");
                    }
                    (Err(error), ["no", state]) => assert_eq!(error.sqlstate(), *state, "{word} {given:?}"),
                    (Err(error), _) => assert!(may_refuse(&error), "{setting} {value}: {word} {given:?}: {error}"),
                    (Ok(()), _) => panic!("{word} {given:?}: taken"),
                }
            }
        }
    }
}
