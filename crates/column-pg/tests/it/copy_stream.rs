//! COPY streams against a real PostgreSQL: what comes out of a table of cells is, once translated, what comes out of the plain table,
//! byte by byte; what goes into a table of cells is what PostgreSQL reads from the same stream into the plain table, errors too.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use strongroom_column::Format;
use strongroom_column_pg::copy::{CellRefusal, CellTransform, CopyColumn, CopyError, CopyProblem, CopyTranscoder};
use strongroom_column_pg::sql::{CopyFlow, CopyOptions, Statement, classify, scan};

use crate::oracle::Oracle;

/// A cell that is easy to make in SQL, too: 0x01, and the bytes of the value with a bit flipped.
struct Flipped;

impl CellTransform for Flipped {
    fn seal(&mut self, value: &[u8], _: Format, cell: &mut Vec<u8>) -> Result<(), CellRefusal> {
        if value.contains(&0) || str::from_utf8(value).is_err() {
            return Err(CellRefusal { sqlstate: "22021", reason: "this is no text".to_owned() });
        }
        cell.push(1);
        cell.extend(value.iter().map(|byte| byte ^ 0x80));
        Ok(())
    }

    fn open(&mut self, cell: &[u8], _: Format, value: &mut Vec<u8>) -> Result<(), CellRefusal> {
        let refusal = CellRefusal { sqlstate: "22000", reason: "this is no cell".to_owned() };
        let sealed = cell.strip_prefix(&[1]).ok_or(refusal)?;
        value.extend(sealed.iter().map(|byte| byte ^ 0x80));
        Ok(())
    }
}

/// The options of a COPY as the statement says them.
fn options(words: &str, flow: CopyFlow) -> CopyOptions {
    let way = if flow == CopyFlow::From { "FROM STDIN" } else { "TO STDOUT" };
    let text = format!("COPY t {way} {words}");
    let tokens = scan(&text).unwrap();
    let statement = classify(&text, &tokens);
    let Statement::Copy(Ok(copy)) = statement else { panic!("{text}: {statement:?}") };
    assert_eq!(copy.flow, flow);
    copy.options
}

/// A stream translated in pieces of these lengths.
fn translate(flow: CopyFlow, words: &str, columns: &str, stream: &[u8], cuts: &[usize]) -> Result<Vec<u8>, CopyError> {
    let column = |name: char| CopyColumn {
        name: name.to_ascii_lowercase().to_string(),
        transform: name.is_uppercase().then(|| Box::new(Flipped) as Box<dyn CellTransform + Send>),
    };
    let mut transcoder = CopyTranscoder::new(flow, &options(words, flow), columns.chars().map(column).collect());
    let mut out = Vec::new();
    let mut rest = stream;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*cut).clamp(1, rest.len()));
        transcoder.feed(piece, &mut out)?;
        rest = after;
    }
    transcoder.finish(&mut out)?;
    Ok(out)
}

/// Two tables with the same columns: `plain`, and `sealed`, where `B` and `D` are cells. Text of every kind stands in the plain one.
const TABLES: &str = r"
    CREATE TABLE plain (a int, b text, c text, d text);
    CREATE TABLE sealed (a int, b bytea, c text, d bytea);
    CREATE FUNCTION seal(value text) RETURNS bytea LANGUAGE sql AS $$
        SELECT '\x01'::bytea || coalesce((SELECT string_agg(set_byte('\x00', 0, get_byte(bytes, at) # 128), '' ORDER BY at)
            FROM (SELECT convert_to(value, 'UTF8') AS bytes) x, generate_series(0, length(bytes) - 1) at), '')
        WHERE value IS NOT NULL $$;
    CREATE FUNCTION odd() RETURNS text LANGUAGE sql VOLATILE AS $$
        SELECT CASE WHEN random() < 0.1 THEN NULL ELSE coalesce((SELECT string_agg((
            ARRAY['a', 'b', E'\n', E'\r', E'\t', '\', '\N', '\.', ',', '|', '\r', '\x41', E'\x01', E'\x0b', E'\x08', 'é', '日', '😀',
                  ' ', '.', 'nil', '', 'n', '''', chr(34)])[1 + floor(random() * 25)::int], '')
            FROM generate_series(1, (random() * 6)::int)), '') END $$;
    SELECT setseed(0.5);
    INSERT INTO plain SELECT n, odd(), odd(), odd() FROM generate_series(1, 3000) n;
    INSERT INTO plain VALUES (0, '\.', '', 'nil'), (0, '', '\.', NULL), (NULL, NULL, NULL, NULL), (NULL, '', '', '');
    INSERT INTO sealed SELECT a, seal(b), c, seal(d) FROM plain;
";

const FORMATS: [&str; 12] = [
    "",
    "(FORMAT text, DELIMITER '|', NULL 'nil', HEADER)",
    "(DELIMITER E'\\x01', NULL '')",
    "WITH DELIMITER AS ',' NULL AS '\\N'",
    "CSV",
    "(FORMAT csv, HEADER true, FORCE_QUOTE (b, d))",
    "(FORMAT csv, DELIMITER ';', NULL 'nil', QUOTE '''', ESCAPE '\\')",
    "(FORMAT 'csv', NULL '\\N', FORCE_QUOTE *)",
    "CSV HEADER QUOTE 'b' ESCAPE 'n' NULL AS ' '",
    "(FORMAT csv, DELIMITER 'x', QUOTE '0')",
    "(FORMAT binary)",
    "BINARY",
];

#[test]
fn what_comes_out_is_what_comes_out_of_a_plain_table() {
    let Some(oracle) = Oracle::start("what_comes_out_is_what_comes_out_of_a_plain_table") else { return };
    oracle.run(TABLES).unwrap();
    for output in ["hex", "escape"] {
        oracle.run(&format!("SET bytea_output = {output}")).unwrap();
        for words in FORMATS {
            let expected = oracle.copy_out("plain", words);
            let stream = oracle.copy_out("sealed", words);
            assert_ne!(stream, expected);
            for cuts in [&[1][..], &[7, 2, 31], &[usize::MAX]] {
                let found = translate(CopyFlow::To, words, "aBcD", &stream, cuts).unwrap();
                let at = found.iter().zip(&expected).position(|(ours, theirs)| ours != theirs);
                assert!(found == expected, "{words:?} in {cuts:?}, first at {at:?}: {:?}", near(&expected, at));
            }
        }
    }
    // A table of one column, where PostgreSQL quotes a line that would be the end of data.
    for words in ["CSV", ""] {
        let expected = oracle.copy_out("plain (b)", words);
        let stream = oracle.copy_out("sealed (b)", words);
        assert!(translate(CopyFlow::To, words, "B", &stream, &[3]).unwrap() == expected, "{words}");
    }
}

fn near(stream: &[u8], at: Option<usize>) -> String {
    let start = at.unwrap_or(0).saturating_sub(40);
    String::from_utf8_lossy(&stream[start..stream.len().min(start + 80)]).into_owned()
}

#[test]
fn what_goes_in_is_what_postgresql_would_have_read() {
    let Some(oracle) = Oracle::start("what_goes_in_is_what_postgresql_would_have_read") else { return };
    oracle.run(TABLES).unwrap();
    for words in FORMATS {
        let plain = oracle.copy_out("plain", words);
        // These are options of COPY TO only.
        let words = &words.replace(", FORCE_QUOTE (b, d)", "").replace(", FORCE_QUOTE *", "");
        let cells = translate(CopyFlow::From, words, "aBcD", &plain, &[5, 1, 64, 3]).unwrap();
        oracle.run("TRUNCATE sealed; CREATE TABLE back (LIKE plain)").unwrap();
        oracle.copy_in("sealed", &cells, words).unwrap();
        // As far as this format can tell NULL from values.
        oracle.copy_in("back", &plain, words).unwrap();
        let differ = "SELECT count(*) FROM ((SELECT a, seal(b), c, seal(d) FROM back EXCEPT ALL TABLE sealed) UNION ALL \
                      (TABLE sealed EXCEPT ALL SELECT a, seal(b), c, seal(d) FROM back)) x";
        assert_eq!(oracle.value(differ), "0", "{words}");
        assert_eq!(oracle.value("SELECT count(*) FROM sealed"), "3004", "{words}");
        oracle.run("DROP TABLE back").unwrap();
    }
}

/// Streams of all kinds of nonsense: read as PostgreSQL reads them, or refused where PostgreSQL refuses them.
#[test]
fn odd_streams_are_read_as_postgresql_reads_them() {
    let Some(oracle) = Oracle::start("odd_streams_are_read_as_postgresql_reads_them") else { return };
    oracle.run(TABLES).unwrap();
    oracle.run("CREATE TABLE two (b text, c text); CREATE TABLE cells (b bytea, c text)").unwrap();
    const FORMATS: [&str; 7] = [
        "",
        "(DELIMITER '|', NULL 'a')",
        "CSV",
        "(FORMAT csv, QUOTE '''', ESCAPE '\\')",
        "(FORMAT csv, NULL 'a', FORCE_NOT_NULL (b))",
        "(FORMAT csv, NULL 'a', FORCE_NULL (b, c))",
        "(FORMAT csv, NULL 'a', FORCE_NOT_NULL (b), FORCE_NULL (b), HEADER)",
    ];
    const PIECES: [&str; 38] = [
        "a", "a", "b", "é", ",", ",", ",", "|", "\t", "\t", "\"", "\"", "\"", "'", "'", "\\", "\\", "\\\\", "\\N",
        "\\n", "\\.", "\\101", "\\x4", "\\x41", "\\t", "\\7", "\n", "\n", "\n", "\r\n", "\r", "\\\n", ".", "x", "N",
        "\"\"", "a,b\n", "a\tb\n",
    ];
    let mut runner = TestRunner::new(Config { cases: 700, failure_persistence: None, ..Config::default() });
    let stream = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14).prop_map(|pieces| pieces.concat());
    let input = (stream, prop::sample::select(&FORMATS[..]), prop::collection::vec(1usize..5, 1..4));
    let outcome = runner.run(&input, |(stream, words, cuts)| {
        oracle.run("TRUNCATE two, cells").unwrap();
        let direct = oracle.copy_in("two", stream.as_bytes(), words);
        let translated = translate(CopyFlow::From, words, "Bc", stream.as_bytes(), &cuts);
        let whole = translate(CopyFlow::From, words, "Bc", stream.as_bytes(), &[usize::MAX]);
        prop_assert_eq!(&translated, &whole);
        match (direct, translated) {
            (Ok(()), Ok(cells)) => {
                let sealed = oracle.copy_in("cells", &cells, words);
                prop_assert!(sealed.is_ok(), "{stream:?} {words}: {sealed:?}");
                let differ = "SELECT (SELECT array_agg((seal(b), c)::text) FROM two) IS DISTINCT FROM \
                              (SELECT array_agg((b, c)::text) FROM cells)";
                prop_assert_eq!(oracle.value(differ), "f", "{:?} {}", stream, words);
            }
            // What the transcoder lets through PostgreSQL refuses itself.
            (Err(refused), Ok(cells)) => {
                let sealed = oracle.copy_in("cells", &cells, words);
                prop_assert_eq!(
                    sealed.map_err(|error| error.sqlstate),
                    Err(refused.sqlstate),
                    "{:?} {}",
                    stream,
                    words
                );
            }
            (Err(refused), Err(error)) => {
                prop_assert_eq!(refused.sqlstate.as_str(), error.sqlstate(), "{:?} {} {}", stream, words, error)
            }
            (Ok(()), Err(error)) => {
                // Stricter than PostgreSQL 15, as later versions are: the end of data is a line of its own, with nothing behind it.
                let strict = matches!(error.problem, CopyProblem::Marker | CopyProblem::AfterMarker);
                prop_assert!(strict, "{stream:?} {words}: {error}");
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn binary_streams_that_are_none() {
    let refused = |stream: &[u8]| translate(CopyFlow::From, "BINARY", "aB", stream, &[1]).unwrap_err();
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let with = |rest: &[u8]| [header.as_slice(), rest].concat();
    assert_eq!(refused(b"PGCOPY\n\xff\r\n\x01\0\0\0\0\0\0\0\0").problem, CopyProblem::Signature);
    assert_eq!(refused(b"PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0").problem, CopyProblem::Signature);
    assert_eq!(refused(b"PGCOPY\n\xff\r\n\0\0\0\0\0\xff\xff\xff\xff").problem, CopyProblem::Signature);
    assert_eq!(refused(b"PGCOPY").problem, CopyProblem::End);
    assert_eq!(refused(&with(b"\0\x01")).problem, CopyProblem::MissingField);
    assert_eq!(refused(&with(b"\0\x03")).problem, CopyProblem::ExtraField);
    assert_eq!(refused(&with(b"\xff\xfe")).problem, CopyProblem::Length);
    assert_eq!(refused(&with(b"\0\x02\xff\xff\xff\xfe")).problem, CopyProblem::Length);
    assert_eq!(refused(&with(b"\0\x02\x40\0\0\0")).problem, CopyProblem::TooLong);
    assert_eq!(refused(&with(b"\0\x02\0\0\0\x01x\0\0\0\x05ab")).problem, CopyProblem::End);
    assert_eq!(refused(&with(b"\xff\xff\0")).problem, CopyProblem::End);
    let refusal = refused(&with(b"\0\x02\xff\xff\xff\xff\0\0\0\x02ok\0\x02\xff\xff\xff\xff\0\0\0\x01\xff"));
    assert_eq!((refusal.row, refusal.column.as_deref(), refusal.sqlstate()), (2, Some("b"), "22021"));
    // Header with an extension, an empty value, NULLs, the trailer.
    let stream =
        b"PGCOPY\n\xff\r\n\0\0\0\0\x01\0\0\0\x02xy\0\x02\0\0\0\0\0\0\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    let expected = b"PGCOPY\n\xff\r\n\0\0\0\0\x01\0\0\0\x02xy\0\x02\0\0\0\0\0\0\0\x01\x01\0\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    for cut in 1..stream.len() {
        assert_eq!(translate(CopyFlow::From, "BINARY", "aB", stream, &[cut]).unwrap(), expected, "{cut}");
    }
}

/// A refusal names the row and the column, and shows nothing of them.
#[test]
fn refusals_show_no_value() {
    let refused =
        |words: &str, stream: &str| translate(CopyFlow::From, words, "aB", stream.as_bytes(), &[9]).unwrap_err();
    let of_cell = refused("", "1\tfine\n2\tcanary\\377\n");
    assert_eq!(of_cell.to_string(), "this is no text (row 2 of the COPY stream, column b)");
    assert_eq!(refused("", "1\n").to_string(), "data of a column is missing (row 1 of the COPY stream, column b)");
    let quote = refused("CSV HEADER", "x,y\n1,\"canary");
    assert_eq!(quote.to_string(), "unterminated CSV quoted field (row 2 of the COPY stream, column b)");
    let extra = refused("CSV", "1,2,canary");
    assert_eq!((extra.problem.clone(), extra.sqlstate()), (CopyProblem::ExtraField, "22P04"));
    let server = translate(CopyFlow::To, "", "aB", b"1\tcanary\n", &[9]).unwrap_err();
    assert_eq!((server.sqlstate(), server.to_string().contains("canary")), ("22000", false));
}
