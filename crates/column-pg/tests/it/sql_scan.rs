//! The scanner against PostgreSQL's own: values of literals, names, operators, where an error lies, how many statements there are.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use strongroom_column_pg::sql::{self, Kind, LiteralKind, Probe, ScanProblem, Token, scan};

use crate::oracle::Oracle;

/// Blanks and comments, with a line end or without.
fn blank() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" ".to_owned()),
        Just("\n".to_owned()),
        Just("\t\r\n\x0c".to_owned()),
        Just("-- it's \"a\" $$ comment /*\n".to_owned()),
        Just("/* one /* ' in */ another -- */".to_owned()),
        Just("/***/".to_owned()),
    ];
    prop::collection::vec(piece, 1..3).prop_map(|pieces| pieces.concat())
}

fn plain_string() -> impl Strategy<Value = String> {
    "[a-z '\\\\\"$-]{0,8}".prop_map(|text| format!("'{}'", text.replace('\'', "''")))
}

fn literal() -> impl Strategy<Value = String> {
    let escapes = prop::sample::select(vec![
        "\\n",
        "\\\\",
        "\\'",
        "''",
        "\\101",
        "\\x41",
        "\\u00e9",
        "\\U0001F600",
        "\\uD83D\\uDE00",
        "\\7",
        "\\xg",
        "é",
        "\\é",
        "a",
        "\\b\\f\\r\\t",
        "\\303\\251",
        "-",
        "\n",
    ]);
    let escaped = prop::collection::vec(escapes, 0..6).prop_map(|pieces| format!("E'{}'", pieces.concat()));
    let unicode =
        prop_oneof![Just("\\0041"), Just("\\+01F600"), Just("\\\\"), Just("''"), Just("x"), Just("\\D83D\\DE00")];
    let unicode = prop::collection::vec(unicode, 0..5).prop_map(|pieces| format!("U&'{}'", pieces.concat()));
    let other = prop_oneof![
        Just("U&'d!0061!!\\' UESCAPE '!'".to_owned()),
        Just("u&'d#0061' /* c */ uescape '#'".to_owned()),
        Just("U&'a\\0062' 'c' ".to_owned()).prop_map(|_| "U&'a\\0062'\n'\\0063'".to_owned()),
    ];
    let dollar = prop_oneof![
        Just("$$it's $1 \\n$$".to_owned()),
        Just("$a$ $b$ $a $$ $aa$ $a$".to_owned()),
        Just("$é_1$x$é$y$é_1$".to_owned()),
        Just("$a$$$a$".to_owned()),
    ];
    let continued = (plain_string(), prop_oneof![Just("\n"), Just(" -- x'\n "), Just("\r\t\n")], plain_string())
        .prop_map(|(first, between, second)| format!("{first}{between}{second}"));
    prop_oneof![plain_string(), escaped, unicode, other, dollar, continued]
}

/// Each literal stands in a list, with blanks of all kinds around it.
#[test]
fn strings_mean_what_they_mean_to_postgresql() {
    let Some(oracle) = Oracle::start("strings_mean_what_they_mean_to_postgresql") else { return };
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let list = prop::collection::vec((literal(), blank()), 1..6);
    let outcome = runner.run(&list, |list| {
        let body: Vec<String> = list.iter().map(|(literal, blank)| format!("{blank}{literal}/**/ ")).collect();
        let text = format!("SELECT{}", body.join(","));
        let expected = oracle.run(&text);
        let ours = values(&text);
        match (&expected, &ours) {
            (Ok(answer), Some(ours)) => {
                let row: Vec<String> = answer.rows[0].iter().map(|value| value.clone().unwrap()).collect();
                prop_assert_eq!(&row, ours, "{}", text);
            }
            (Err(_), None) => {}
            _ => prop_assert!(false, "{text:?}: {expected:?}, {ours:?}"),
        }
        Ok(())
    });
    outcome.unwrap();
}

/// The values of all literals of a text; nothing when one of them, or the text, is refused.
fn values(text: &str) -> Option<Vec<String>> {
    let tokens = scan(text).ok()?;
    let probe = Probe::new(text, &tokens);
    probe.literals().iter().map(|literal| Some(literal.value.as_ref().ok()?.text().to_owned())).collect()
}

#[test]
fn numbers_have_the_types_they_have_in_postgresql() {
    let Some(oracle) = Oracle::start("numbers_have_the_types_they_have_in_postgresql") else { return };
    let numbers = [
        "0",
        "1",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "9223372036854775808",
        "- 9223372036854775808",
        "-9223372036854775809",
        "1.",
        ".5",
        "1.5",
        "-1.5",
        "1e5",
        "1.5e-3",
        ".5E+2",
        "007",
        "+4",
        "340282366920938463463374607431768211456",
    ];
    for number in numbers {
        let text = format!("SELECT {number}");
        let tokens = scan(&text).unwrap();
        let probe = Probe::new(&text, &tokens);
        let value = probe.literals()[0].value.clone().unwrap();
        assert_eq!(probe.literals()[0].span.of(&text), number, "{number}");
        let asked = format!("SELECT pg_typeof({number})::oid::text || ' ' || ({number} = '{}')", value.text());
        assert_eq!(oracle.value(&asked), format!("{} true", value.oid()), "{number}");
    }
}

/// PostgreSQL 16 and later (documentation, 4.1.2.6, its own examples).
#[test]
fn numbers_of_other_bases() {
    let cases = [
        ("0b100101", "37"),
        ("0B10011001", "153"),
        ("0o273", "187"),
        ("0O755", "493"),
        ("0x42f", "1071"),
        ("0XFFFF", "65535"),
        ("1_500_000_000", "1500000000"),
        ("0b10001000_00000000", "34816"),
        ("0o_1_755", "1005"),
        ("0xFFFF_FFFF", "4294967295"),
        ("1.618_034", "1.618034"),
    ];
    for (written, meant) in cases {
        assert_eq!(values(&format!("SELECT {written}")), Some(vec![meant.to_owned()]), "{written}");
    }
    for wrong in [
        "1_", "1__0", "_1x 0x", "0b12", "0o8", "0xg", "1a", "1.5a", "1e", "1e+", "1e3$", "0x1g", "$1a", "$1_0",
        "100_000_", "0x_",
    ] {
        let found = scan(wrong);
        assert!(found.is_err(), "{wrong}: {found:?}");
    }
    assert_eq!(scan("$99999999999").unwrap_err().problem, ScanProblem::Parameter);
}

#[test]
fn names_are_folded_and_cut_as_in_postgresql() {
    let Some(oracle) = Oracle::start("names_are_folded_and_cut_as_in_postgresql") else { return };
    let long = "A".repeat(80);
    let wide = "é".repeat(40);
    let names = [
        "Abc",
        "\"Abc\"",
        "ÄbC",
        "\"a\"\"b\"",
        "_1$x",
        "U&\"d\\0061t\\+000061\"",
        "U&\"d!0061t!+000061\" UESCAPE '!'",
        &long,
        &wide,
        &format!("\"{long}\""),
        &format!("x{wide}"),
        "u&\"\\00E9\"",
        "\"a -- b\"",
        "\"/* c */\"",
        "日本",
        "İI",
    ];
    for name in names {
        let text = format!("SELECT 1 AS {name}");
        let tokens = scan(&text).unwrap();
        assert_eq!(tokens.len(), 4, "{name}");
        assert_eq!(tokens[3].name(), Some(oracle.run(&text).unwrap().names[0].as_str()), "{name}");
    }
    for wrong in
        ["\"\"", "\"a", "U&\"\\00\"", "U&\"\\0000\"", "U&\"a\" UESCAPE '+'", "U&\"\\D83D\"", "U&\"a\" UESCAPE x"]
    {
        let text = format!("SELECT 1 AS {wrong}");
        assert!(scan(&text).is_err() && oracle.run(&text).is_err(), "{wrong}");
    }
}

/// Pieces of text that are tokens, or parts of some, or none.
#[rustfmt::skip]
const PIECES: [&str; 56] = [
    "1", "23", "1.5", ".5", "1.", "1e3", "2.", "1..2", "a", "a", "\"B c\"", "\"B c\"", "'s'", "'s'", "E'\\''",
    "$$d$$", "b'1'", "x'1f'", "n'q'", "u&'\\0041'", "(", "(", ")", ")", "[", "]", ",", ",", "::", "::", ":", ":=",
    "=>", "..", ".", "text", "text", "int", "/* c */", "--c\n", " ", " ", " ", "\n", "$1", "$", "$x", "\\", "{", "é",
    "not", "null", "as", "u&", "e", "1 AS",
];

/// A text, written anew token by token with one blank between, is the same to PostgreSQL: the same rows, or an error of the same
/// code at the same token.
#[test]
fn tokens_are_those_of_postgresql() {
    let Some(oracle) = Oracle::start("tokens_are_those_of_postgresql") else { return };
    let piece = prop_oneof![
        1 => "[-+*/<>=~!@#%^&|`?]{1,5}",
        4 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
    ];
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&prop::collection::vec(piece, 1..10), |pieces| {
        let text = format!("SELECT {}", pieces.concat());
        let theirs = oracle.run(&text);
        let Ok(tokens) = scan(&text) else {
            prop_assert!(theirs.is_err(), "{text:?} is no error to PostgreSQL: {theirs:?}");
            return Ok(());
        };
        let (again, starts) = written_anew(&text, &tokens);
        let (theirs, again_theirs) = (oracle.run(&text), oracle.run(&again));
        match (theirs, again_theirs) {
            (Ok(first), Ok(second)) => prop_assert_eq!(first, second, "{}\n{}", text, again),
            (Err(first), Err(second)) => {
                prop_assert_eq!(&first.sqlstate, &second.sqlstate, "{:?}\n{:?}", text, again);
                let at = |position: Option<usize>, text: &str| {
                    let before: usize = text.chars().take(position? - 1).map(char::len_utf8).sum();
                    Some(before)
                };
                let first =
                    at(first.position, &text).map(|at| tokens.iter().filter(|token| token.span.start < at).count());
                let second = at(second.position, &again).map(|at| starts.iter().filter(|start| **start < at).count());
                prop_assert_eq!(first, second, "{:?}\n{:?}", text, again);
            }
            (first, second) => prop_assert!(false, "{text:?}: {first:?}\n{again:?}: {second:?}"),
        }
        Ok(())
    });
    outcome.unwrap();
}

/// The same tokens with one blank between them, and where each begins.
fn written_anew(text: &str, tokens: &[Token<'_>]) -> (String, Vec<usize>) {
    let (mut again, mut starts) = (String::new(), Vec::new());
    for token in tokens {
        if !again.is_empty() {
            again.push(' ');
        }
        starts.push(again.len());
        match &token.kind {
            Kind::Word(word) => again.push_str(word),
            Kind::Quoted(name) => again.push_str(&format!("\"{}\"", name.replace('"', "\"\""))),
            _ => again.push_str(token.span.of(text)),
        }
    }
    (again, starts)
}

#[test]
fn statements_are_counted_as_postgresql_counts_them() {
    let Some(oracle) = Oracle::start("statements_are_counted_as_postgresql_counts_them") else { return };
    oracle.run("CREATE TABLE t (a int, e int, atomic int); CREATE TABLE u (a int)").unwrap();
    let texts = [
        "SELECT 1; SELECT ';'; SELECT 2 -- ;\n; /* ; */ SELECT $$;$$",
        "CREATE FUNCTION f1() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
        "CREATE OR REPLACE FUNCTION f2(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN x > 1 THEN 1 END; END",
        "CREATE FUNCTION f3() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 AS end; SELECT a.end FROM (SELECT 1 AS end) a; END; SELECT 1",
        "CREATE PROCEDURE p1() BEGIN ATOMIC END; SELECT 1",
        "CREATE PROCEDURE p2() LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (1); DELETE FROM t; END; CALL p2(); SELECT 1",
        "CREATE FUNCTION f4() RETURNS int LANGUAGE sql RETURN 1; SELECT 2",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); INSERT INTO u VALUES (2)); SELECT 1",
        "SELECT begin atomic FROM (SELECT 1 AS begin) x; SELECT 2",
        "BEGIN; SAVEPOINT atomic; COMMIT; SELECT 1",
        "CREATE FUNCTION f5(begin int DEFAULT 1) RETURNS int LANGUAGE sql AS 'select 1; select 2'; SELECT 1",
    ];
    for empty in ["", ";;;", " ; -- ;\n;"] {
        assert!(sql::split(&scan(empty).unwrap()).is_empty(), "{empty}");
    }
    for text in texts {
        let tokens = scan(text).unwrap();
        let ours = sql::split(&tokens).len();
        assert_eq!(ours, oracle.run(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).statements, "{text}");
    }
}

#[test]
fn what_is_refused() {
    let problem = |text: &str| scan(text).unwrap_err().problem;
    assert_eq!(problem("select 'a"), ScanProblem::String);
    assert_eq!(problem("select E'a\\'"), ScanProblem::String);
    assert_eq!(problem("select E'a\\"), ScanProblem::String);
    assert_eq!(problem("select $a$ $b$"), ScanProblem::Dollar);
    assert_eq!(problem("select b'1"), ScanProblem::Bits);
    assert_eq!(problem("select /* /* */"), ScanProblem::Comment);
    assert_eq!(problem("select 1\0"), ScanProblem::Zero);
    assert_eq!(problem(&"+".repeat(3).replace("+++", &"@".repeat(64))), ScanProblem::Operator);
    assert_eq!(sql::text(b"select '\xff'").unwrap_err().problem, ScanProblem::Utf8);
    let vertical_tab = Probe::new("select E'\\v'", &scan("select E'\\v'").unwrap()).literals()[0].clone();
    assert_eq!(vertical_tab.value.unwrap_err(), sql::LiteralRefusal::VerticalTab);
    let boolean = Probe::new("select TRUE", &scan("select TRUE").unwrap()).literals()[0].clone();
    assert_eq!(boolean.value.unwrap().kind(), LiteralKind::Boolean);
}

/// By PostgreSQL's documentation: strings go on only over a line end (4.1.2.1), operators end before a comment, and in a sign only
/// with one of `~ ! @ # % ^ & | ` ?` in them (4.1.3).
#[test]
fn where_tokens_end() {
    let pieces = |text: &str| -> Vec<String> {
        scan(text).unwrap().iter().map(|token| token.span.of(text).to_owned()).collect()
    };
    assert_eq!(pieces("'a' 'b'"), ["'a'", "'b'"]);
    assert_eq!(pieces("'a' -- '\n 'b'"), ["'a' -- '\n 'b'"]);
    assert_eq!(pieces("'a' /* \n */ 'b'"), ["'a'", "'b'"]);
    assert_eq!(pieces("'a'\nE'b'"), ["'a'", "E'b'"]);
    assert_eq!(pieces("1 +-2"), ["1", "+", "-", "2"]);
    assert_eq!(pieces("a=-1"), ["a", "=", "-", "1"]);
    assert_eq!(pieces("a@-1"), ["a", "@-", "1"]);
    assert_eq!(pieces("a<>--1\n2"), ["a", "<>", "2"]);
    assert_eq!(pieces("a*/**/b"), ["a", "*", "b"]);
    assert_eq!(pieces("a->>'b'"), ["a", "->>", "'b'"]);
    assert_eq!(pieces("1..2"), ["1", "..", "2"]);
    assert_eq!(pieces("a::b:=c=>d"), ["a", "::", "b", ":=", "c", "=>", "d"]);
    let literals = |text: &str| -> Vec<String> {
        let tokens = scan(text).unwrap();
        Probe::new(text, &tokens).literals().iter().map(|literal| literal.span.of(text).to_owned()).collect()
    };
    assert_eq!(
        literals("SELECT a * -5, b - 6, -7, (-8), c-9, $1 -10, 'x' - +11"),
        ["-5", "6", "-7", "-8", "9", "10", "'x'", "+11"]
    );
}

/// Neither tokens nor literals show a value where they are printed.
#[test]
fn values_are_not_shown() {
    let text = "SELECT 'canary', E'cana\\x72y', $$canary$$, 4711, 0.4711";
    let tokens = scan(text).unwrap();
    let shown = format!("{tokens:?} {:?}", Probe::new(text, &tokens).literals());
    assert!(!shown.contains("canary") && !shown.contains("4711"), "{shown}");
}
