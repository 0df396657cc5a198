//! Arrays against a real PostgreSQL: read and written in text and in binary as it reads and writes them.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use strongroom_column::Format;
use strongroom_column_pg::array::{Array, ArrayRefusal};

use crate::oracle::Oracle;

const TEXT_OID: u32 = 25;

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn written(array: &Array, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    array.write(format, b',', &mut out);
    out
}

/// Read from text, written to text and to binary.
fn both(text: &str) -> Result<(String, String), ArrayRefusal> {
    let mut array = Array::read(text.as_bytes(), Format::Text, b',')?;
    array.element_oid = TEXT_OID;
    let binary = written(&array, Format::Binary);
    assert!(Array::read(&binary, Format::Binary, b',')? == array, "{text:?}");
    let digits: String = binary.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((String::from_utf8(written(&array, Format::Text)).unwrap(), format!("\\x{digits}")))
}

fn theirs(oracle: &Oracle, text: &str) -> Result<(String, String), String> {
    let literal = quoted(text);
    let answer = oracle.run(&format!("SELECT {literal}::text[]::text, array_send({literal}::text[])::text"));
    let mut row = answer.map_err(|refused| refused.sqlstate)?.rows.remove(0);
    Ok((row.remove(0).unwrap(), row.remove(0).unwrap()))
}

#[test]
fn arrays_are_those_of_postgresql() {
    let Some(oracle) = Oracle::start("arrays_are_those_of_postgresql") else { return };
    let texts = [
        "{}",
        "{a}",
        "{a,b}",
        " { a , \"b c\" } ",
        "{NULL,null,\"NULL\",nULL,N\\ULL}",
        "{{a,b},{c,d}}",
        "{{{1},{2}},{{3},{4}}}",
        "[2:3]={a,b}",
        "[0:1][-1:0]={{a,b},{c,d}}",
        " [ 1:1 ] = {a}",
        "[3]={a,b,c}",
        "{\"\"}",
        "{\"a\\\"b\\\\c\"}",
        "{a\\,b}",
        "{a\\ }",
        "{\\ a }",
        "{a b}",
        "{é,\"日 本\"}",
        "{'a'}",
        "{{{{{{1}}}}}}",
        "{\"{\",\"}\"}",
        "{a\tb}",
        "{\x0b\"x\"\x0c}",
        // Refused.
        "",
        "{",
        "}",
        "{a",
        "a",
        "{a}}",
        "{a}b",
        "{,}",
        "{a,}",
        "{,a}",
        "{\"a\"b}",
        "{a\"b\"}",
        "{{a},b}",
        "{a,{b}}",
        "{{a,b},{c}}",
        "{{{{{{{1}}}}}}}",
        "[1:2]={a}",
        "[2:1]={a}",
        "[1:2{a,b}",
        "[a:b]={a}",
        "[1:2]{a,b}",
        "{\"a}",
        "{a\\",
        "[1:1][1:1]={a}",
        "[99999999999:1]={a}",
    ];
    for text in texts {
        assert_eq!(
            both(text).map_err(|refusal| refusal.sqlstate(Format::Text).to_owned()).is_ok(),
            theirs(&oracle, text).is_ok(),
            "{text}"
        );
        if let Ok(theirs) = theirs(&oracle, text) {
            assert_eq!(both(text).unwrap(), theirs, "{text}");
        }
    }
}

#[test]
fn odd_arrays_are_read_as_postgresql_reads_them() {
    let Some(oracle) = Oracle::start("odd_arrays_are_read_as_postgresql_reads_them") else { return };
    const PIECES: [&str; 20] = [
        "{", "{", "{", "}", "}", "}", ",", ",", ",", "a", "b", "\"", "\"x y\"", "\\", " ", "null", "\\\\", "{a,b}",
        "{c}", "\"\"",
    ];
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    let body = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..10).prop_map(|pieces| pieces.concat());
    let outcome = runner.run(&(body, any::<bool>()), |(body, braces)| {
        let text = if braces { format!("{{{body}}}") } else { body };
        match (both(&text), theirs(&oracle, &text)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs, "{:?}", text),
            (Err(ours), Err(theirs)) => prop_assert_eq!(ours.sqlstate(Format::Text), theirs, "{:?}", text),
            (ours, theirs) => prop_assert!(false, "{text:?}: {ours:?}, {theirs:?}"),
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn elements_are_mapped_and_nulls_stay() {
    let array = Array::read(b"[0:2]={a,NULL,\"b c\"}", Format::Text, b',').unwrap();
    let mapped = array.map(17, |element, out| {
        out.extend(element.iter().rev());
        out.push(b'!');
        Ok::<_, ()>(())
    });
    let mapped = mapped.unwrap();
    assert_eq!(written(&mapped, Format::Text), b"[0:2]={a!,NULL,\"c b!\"}");
    let binary = written(&mapped, Format::Binary);
    assert_eq!(binary[..20], [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 17, 0, 0, 0, 3, 0, 0, 0, 0]);
    assert_eq!(Array::read(&binary, Format::Binary, b',').unwrap(), mapped);
    let stopped = mapped.map(17, |element, _| if element == b"c b!" { Err("third") } else { Ok(()) });
    assert_eq!(stopped, Err("third"));
}

/// Binary arrays that a client cannot mean.
#[test]
fn binary_arrays_that_are_none() {
    let header =
        |dimensions: i32, flag: i32| [dimensions.to_be_bytes(), flag.to_be_bytes(), 25i32.to_be_bytes()].concat();
    let refused = |bytes: &[u8]| Array::read(bytes, Format::Binary, b',').unwrap_err();
    let one =
        |length: i32, lower: i32| [header(1, 0), length.to_be_bytes().to_vec(), lower.to_be_bytes().to_vec()].concat();
    assert_eq!(refused(b""), ArrayRefusal::Form);
    assert_eq!(refused(&header(-1, 0)), ArrayRefusal::Form);
    assert_eq!(refused(&header(0, 2)), ArrayRefusal::Form);
    assert_eq!(refused(&header(7, 0)), ArrayRefusal::Dimensions);
    assert_eq!(refused(&one(-1, 1)), ArrayRefusal::Bounds);
    assert_eq!(refused(&one(2, i32::MAX)), ArrayRefusal::Bounds);
    assert_eq!(refused(&one(i32::MAX, 0)), ArrayRefusal::TooLarge);
    assert_eq!(refused(&one(1_000_000, 1)), ArrayRefusal::Form);
    assert_eq!(refused(&[one(1, 1), vec![0xff, 0xff, 0xff, 0xfe]].concat()), ArrayRefusal::Form);
    assert_eq!(refused(&[one(1, 1), vec![0, 0, 0, 9, 1]].concat()), ArrayRefusal::Form);
    assert_eq!(refused(&[one(1, 1), vec![0xff, 0xff, 0xff, 0xff, 0]].concat()), ArrayRefusal::Form);
    assert!(Array::read(&header(0, 0), Format::Binary, b',').unwrap().elements.is_empty());
}
