//! What works on an encrypted table as on one in clear.

use std::sync::Arc;

use strongroom_column::Mode;
use strongroom_column_pg::wire::{self, frontend};

use super::scene::{Heard, Scene, bind, catalogue, catalogue_with, class, shown};

#[test]
fn rows_go_in_and_come_back_by_both_protocols() {
    let Some(scene) = Scene::start("session::reach::rows_go_in_and_come_back_by_both_protocols") else { return };
    let mut line = scene.line();
    assert_eq!(
        shown(&line.run(
            "INSERT INTO patients (id, ssn, note, age, code, town) VALUES ($1, $2, $3, $4, $5, $6)",
            &[],
            &[Some("1"), Some("canary-078-05-1120"), Some("canary-flu"), Some("41"), Some("ab"), Some("Ulm")],
        )),
        ["INSERT 0 1"]
    );
    assert_eq!(
        shown(&line.query("INSERT INTO patients VALUES (2, 'canary-219-09-9999', NULL, 7, 'c', 'Bonn')")),
        ["INSERT 0 1"]
    );
    for _ in 0..2 {
        assert_eq!(
            shown(&line.run("SELECT * FROM patients WHERE ssn = $1", &[], &[Some("canary-078-05-1120")])),
            ["1|canary-078-05-1120|canary-flu|41|ab|Ulm", "SELECT 1"]
        );
        assert_eq!(
            shown(&line.query("SELECT ssn, note, age FROM patients WHERE ssn = 'canary-219-09-9999'")),
            ["canary-219-09-9999|NULL|7", "SELECT 1"]
        );
        assert_eq!(shown(&line.query("SELECT id FROM patients WHERE age = 41")), ["1", "SELECT 1"]);
    }
    assert_eq!(shown(&line.query("SELECT count(*) FROM public.clear")), ["0", "SELECT 1"]);
    assert!(scene.stored("SELECT ssn FROM patients WHERE id = 1").starts_with("\\x01"));
    scene.assert_nowhere(&line, &["canary-078-05-1120", "canary-flu", "canary-219-09-9999"]);
}

/// A text, declared types, values.
type Run<'a> = (&'a str, &'a [u32], &'a [Option<&'a str>]);

/// The same script on the encrypted table and on the one in clear: what the client hears is the same.
#[test]
fn clients_hear_what_they_would_hear_without_encryption() {
    let Some(scene) = Scene::start("session::reach::clients_hear_what_they_would_hear_without_encryption") else {
        return;
    };
    let script: &[Run<'_>] = &[
        (
            "INSERT INTO patients (id, ssn, note, age) VALUES ($1, $2, $3, $4)",
            &[23, 1043, 25, 23],
            &[Some("1"), Some("a"), None, Some("41")],
        ),
        (
            "INSERT INTO patients (id, ssn, age) VALUES ($1, $2, $3), (3, $4, 7) RETURNING id, ssn, age",
            &[],
            &[Some("2"), Some("b"), Some("-5"), Some("")],
        ),
        ("INSERT INTO patients (id, ssn) SELECT $1::int, $2", &[], &[Some("4"), Some("d")]),
        ("UPDATE patients SET (ssn, note) = ($1, $2) WHERE id = $3", &[], &[Some("bb"), Some("n"), Some("2")]),
        ("SELECT id, ssn, note, age, code FROM patients ORDER BY id", &[], &[]),
        ("SELECT * FROM patients WHERE ssn = ANY ($1) ORDER BY id", &[], &[Some("{a,d}")]),
        ("SELECT * FROM patients WHERE ssn = ANY ($1) ORDER BY id", &[1009], &[Some("{a,bb}")]),
        ("SELECT id FROM patients WHERE ssn IN ($1, $2) AND age = $3", &[], &[Some("a"), Some("b"), Some("41")]),
        ("SELECT id FROM patients WHERE ssn IS NOT DISTINCT FROM $1", &[], &[Some("a")]),
        ("SELECT array_agg(ssn) FROM (SELECT ssn FROM patients WHERE id < 3 ORDER BY id) x", &[], &[]),
        ("SELECT ssn FROM patients WHERE id = 1 UNION ALL SELECT ssn FROM patients WHERE id = 2", &[], &[]),
        ("UPDATE patients SET age = $1 WHERE id = 1", &[], &[Some("99999999999")]),
        ("UPDATE patients SET age = $1 WHERE id = 1", &[], &[Some("x")]),
        ("UPDATE patients SET code = $1 WHERE id = 1", &[], &[Some("123456")]),
        ("UPDATE patients SET code = $1 WHERE id = 1", &[1043], &[Some("12345  ")]),
        ("SELECT code FROM patients WHERE id = 1", &[], &[]),
        ("SELECT nothing FROM patients", &[], &[]),
        ("SELEC id FROM patients", &[], &[]),
        ("DELETE FROM patients WHERE ssn = $1", &[], &[Some("a")]),
        ("SELECT count(*) FROM patients", &[], &[]),
        ("", &[], &[]),
    ];
    let mut line = scene.line();
    for (sql, types, values) in script {
        let encrypted = line.run(sql, types, values);
        let clear = line.run(&sql.replace("patients", "public.clear"), types, values);
        assert_eq!(shown(&encrypted), shown(&clear), "{sql}");
        let described =
            |heard: &[Heard]| heard.iter().filter(|one| one.tag == b'T').map(|one| types_of(&one.body)).next();
        assert_eq!(described(&encrypted), described(&clear), "{sql}");
    }
}

/// Names, types, lengths and modifiers of a RowDescription; its tables are others.
fn types_of(body: &[u8]) -> Vec<(Vec<u8>, u32, i16, i32, i16)> {
    let mut message = vec![b'T', 0, 0, 0, 0];
    message.extend_from_slice(body);
    let fields = wire::backend::row_description(&message).unwrap();
    fields
        .into_iter()
        .map(|field| (field.name.to_vec(), field.oid, field.length, field.modifier, field.format))
        .collect()
}

#[test]
fn rows_of_copy_are_sealed_and_opened() {
    let Some(scene) = Scene::start("session::reach::rows_of_copy_are_sealed_and_opened") else { return };
    let mut line = scene.line();
    for (sql, rows) in [
        ("COPY patients (id, ssn, age) FROM STDIN", "1\tcanary-a\t41\n2\t\\N\t-1\n"),
        ("COPY patients (ssn, id) FROM STDIN (FORMAT csv)", "canary-b,3\n\"canary-\"\"c\",4\n"),
        ("COPY patients FROM STDIN (FORMAT csv, HEADER)", "id,ssn,note,age,code,town\n5,canary-d,canary-n,,x,Ulm\n"),
    ] {
        let mut bytes = bytes::BytesMut::new();
        frontend::write_query(&mut bytes, sql.as_bytes());
        line.send(&bytes);
        line.until(|heard| heard.last().is_some_and(|last| last.tag == b'G'));
        for chunk in rows.as_bytes().chunks(5) {
            let mut bytes = bytes::BytesMut::new();
            wire::frame::write(&mut bytes, frontend::COPY_DATA, |out| out.extend_from_slice(chunk));
            line.send(&bytes);
        }
        let mut bytes = bytes::BytesMut::new();
        frontend::write_bare(&mut bytes, frontend::COPY_DONE);
        line.send(&bytes);
        let lines = rows.lines().count() - usize::from(sql.contains("HEADER"));
        assert_eq!(shown(&line.until_ready(1)), [format!("COPY {lines}")], "{sql}");
    }
    let copied = |heard: &[Heard]| {
        heard.iter().filter(|one| one.tag == b'd').map(|one| String::from_utf8_lossy(&one.body)).collect::<String>()
    };
    let heard =
        line.query("COPY (SELECT id, ssn, note, age FROM patients WHERE ssn <> 'canary-x' ORDER BY id) TO STDOUT");
    assert_eq!(
        copied(&heard),
        "1\tcanary-a\t\\N\t41\n3\tcanary-b\t\\N\t\\N\n4\tcanary-\"c\t\\N\t\\N\n5\tcanary-d\tcanary-n\t\\N\n"
    );
    let heard = line.query("COPY patients (ssn, id) TO STDOUT WITH CSV");
    assert_eq!(copied(&heard), "canary-a,1\n,2\ncanary-b,3\n\"canary-\"\"c\",4\ncanary-d,5\n");
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn a_refused_row_ends_the_copy_and_the_rows_after_it_stay_here() {
    let Some(scene) = Scene::start("session::reach::a_refused_row_ends_the_copy_and_the_rows_after_it_stay_here")
    else {
        return;
    };
    let mut line = scene.line();
    let mut bytes = bytes::BytesMut::new();
    frontend::write_query(&mut bytes, b"COPY patients (id, age, ssn) FROM STDIN");
    for row in ["1\t4\tcanary-a\n", "2\tx\tcanary-b\n", "3\t4\tcanary-c\n"] {
        wire::frame::write(&mut bytes, frontend::COPY_DATA, |out| out.extend_from_slice(row.as_bytes()));
    }
    frontend::write_bare(&mut bytes, frontend::COPY_DONE);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["error 22P02"]);
    assert_eq!(shown(&line.query("SELECT count(*) FROM patients")), ["0", "SELECT 1"]);
    // The server refuses the statement itself: what the client sent along is not for it.
    let mut bytes = bytes::BytesMut::new();
    frontend::write_query(&mut bytes, b"COPY patients (id, nothing, ssn) FROM STDIN");
    wire::frame::write(&mut bytes, frontend::COPY_DATA, |out| out.extend_from_slice(b"1\t4\tcanary-d\n"));
    frontend::write_bare(&mut bytes, frontend::COPY_DONE);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["error 42703"]);
    assert_eq!(shown(&line.query("SELECT count(*) FROM patients")), ["0", "SELECT 1"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn cursors_and_portals_that_stop() {
    let Some(scene) = Scene::start("session::reach::cursors_and_portals_that_stop") else { return };
    let mut line = scene.line();
    line.query("INSERT INTO patients (id, ssn) VALUES (1, 'canary-a'), (2, 'canary-b'), (3, 'canary-c')");
    line.query("BEGIN");
    assert_eq!(
        shown(&line.query("DECLARE c CURSOR FOR SELECT ssn FROM patients WHERE ssn <> 'canary-b' ORDER BY id")),
        ["DECLARE CURSOR"]
    );
    assert_eq!(shown(&line.query("FETCH 1 FROM c")), ["canary-a", "FETCH 1"]);
    // By the protocol the cursor is a portal that was never bound.
    let mut bytes = bytes::BytesMut::new();
    frontend::write_execute(&mut bytes, b"c");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["canary-c", "SELECT 1"]);
    // One row at a time.
    let mut bytes = bytes::BytesMut::new();
    frontend::write_parse(&mut bytes, b"", b"SELECT ssn FROM patients WHERE id < $1 ORDER BY id", &[]);
    bytes.extend_from_slice(&bind("p", "", &[Some("3")]));
    let one = |bytes: &mut bytes::BytesMut| {
        wire::frame::write(bytes, frontend::EXECUTE, |out| out.extend_from_slice(b"p\0\0\0\0\x01"));
    };
    one(&mut bytes);
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["canary-a", "suspended"]);
    let mut bytes = bytes::BytesMut::new();
    one(&mut bytes);
    one(&mut bytes);
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["canary-b", "suspended", "SELECT 0"]);
    line.query("COMMIT");
    let heard = line.run("EXPLAIN (COSTS off) SELECT ssn FROM patients WHERE ssn = 'canary-a'", &[], &[]);
    assert!(shown(&heard).iter().any(|row| row.contains("on patients")), "{:?}", shown(&heard));
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn questions_do_not_harm_the_transaction_they_are_asked_in() {
    let Some(scene) = Scene::start("session::reach::questions_do_not_harm_the_transaction_they_are_asked_in") else {
        return;
    };
    let mut line = scene.line();
    line.query("BEGIN");
    line.query("INSERT INTO patients (id, ssn) VALUES (1, 'canary-a')");
    // The first form of the question is refused: unknown + unknown.
    assert_eq!(shown(&line.query("SELECT id + (1 + 2) FROM patients WHERE ssn = 'canary-a'")), ["4", "SELECT 1"]);
    let heard = line.run(
        "SELECT id FROM patients WHERE id + $2 = 2 + $2 - 1 AND ssn = $1",
        &[25, 23],
        &[Some("canary-a"), Some("5")],
    );
    assert_eq!(shown(&heard), ["1", "SELECT 1"]);
    assert_eq!(shown(&line.query("COMMIT")), ["COMMIT"]);
    assert_eq!(shown(&line.query("SELECT count(*) FROM patients")), ["1", "SELECT 1"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn without_a_key_the_statement_fails_and_the_next_asks_again() {
    let Some(scene) = Scene::start("session::reach::without_a_key_the_statement_fails_and_the_next_asks_again") else {
        return;
    };
    let mut line = scene.line();
    line.keys = false;
    assert_eq!(shown(&line.query("INSERT INTO patients (id, ssn) VALUES (1, 'canary-a')")), ["error 08006"]);
    assert_eq!(shown(&line.run("SELECT id FROM patients WHERE ssn = $1", &[], &[Some("canary-a")])), ["error 08006"]);
    line.keys = true;
    assert_eq!(shown(&line.query("INSERT INTO patients (id, ssn) VALUES (1, 'canary-a')")), ["INSERT 0 1"]);
    line.keys = false;
    line.session.forget_keys();
    assert_eq!(shown(&line.query("SELECT id, ssn FROM patients; SELECT 2")), ["error 08006"]);
    line.keys = true;
    assert_eq!(
        shown(&line.query("SELECT id, ssn FROM patients; SELECT 2")),
        ["1|canary-a", "SELECT 1", "2", "SELECT 1"]
    );
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn modes_of_a_connection() {
    let Some(scene) = Scene::start("session::reach::modes_of_a_connection") else { return };
    let mut line = scene.line();
    line.query("INSERT INTO patients (id, ssn) VALUES (1, 'canary-a')");
    assert_eq!(shown(&line.query("SET strongroom.column_encryption = 'resultsetonly'")), ["SET"]);
    assert_eq!(shown(&line.query("SELECT ssn FROM patients WHERE id = 1")), ["canary-a", "SELECT 1"]);
    assert_eq!(shown(&line.query("SELECT ssn FROM patients WHERE ssn = 'canary-a'")), ["error 0A000"]);
    let heard = line.run("SELECT ssn FROM patients WHERE ssn = $1", &[], &[Some("canary-a")]);
    assert_eq!(shown(&heard), ["error 0A000"]);
    assert_eq!(shown(&line.query("SET strongroom.column_encryption = disabled")), ["SET"]);
    assert!(shown(&line.query("SELECT ssn FROM patients"))[0].starts_with("\\x01"));
    // Parsed while nothing was looked at, bound when it is again.
    let mut bytes = bytes::BytesMut::new();
    frontend::write_parse(&mut bytes, b"s", b"SELECT id FROM patients WHERE ssn = $1", &[]);
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    line.until_ready(1);
    assert_eq!(shown(&line.query("SET strongroom.column_encryption = enabled")), ["SET"]);
    let mut bytes = bind("", "s", &[Some("canary-a")]);
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["1", "SELECT 1"]);
    assert_eq!(shown(&line.query("SET LOCAL strongroom.column_encryption = disabled")), ["error 22023"]);
    assert_eq!(shown(&line.query("SET client_encoding = 'LATIN1'")), ["SET"]);
    assert_eq!(shown(&line.query("SELECT ssn FROM patients")), ["error 0A000"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

/// A column becomes encrypted while statements that were prepared before are in use.
#[test]
fn statements_go_on_when_their_column_is_encrypted() {
    let Some(scene) = Scene::start("session::reach::statements_go_on_when_their_column_is_encrypted") else { return };
    let mut line = scene.line();
    let mut bytes = bytes::BytesMut::new();
    for (name, sql) in [
        (&b"i"[..], &b"INSERT INTO public.clear (id, ssn) VALUES ($1, $2)"[..]),
        (b"s", b"SELECT ssn FROM public.clear WHERE id = $1"),
    ] {
        frontend::write_parse(&mut bytes, name, sql, &[23, 25]);
    }
    bytes.extend_from_slice(&bind("", "i", &[Some("1"), Some("clear-a")]));
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["INSERT 0 1"]);
    let class = class(Mode::Randomized, "text").type_name();
    scene.stored(&format!(
        "DELETE FROM public.clear; DROP INDEX clear_ssn; ALTER TABLE public.clear ALTER ssn TYPE strongroom.\"{class}\" USING NULL"
    ));
    line.session.catalogue(Arc::new(catalogue(&scene.postgres, 2, &["patients", "clear"])));
    let mut bytes = bind("", "i", &[Some("1"), Some("canary-a")]);
    frontend::write_execute(&mut bytes, b"");
    bytes.extend_from_slice(&bind("", "s", &[Some("1"), None]));
    frontend::write_describe(&mut bytes, frontend::Target::Portal, b"");
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["INSERT 0 1", "canary-a", "SELECT 1"]);
    assert!(scene.stored("SELECT ssn FROM public.clear").starts_with("\\x01"));
    scene.assert_nowhere(&line, &["canary-"]);
}

/// A type that the catalogue does not know may be one that was made after it was read.
#[test]
fn types_that_are_not_known_are_asked_about() {
    let Some(scene) = Scene::start("session::reach::types_that_are_not_known_are_asked_about") else { return };
    scene.stored("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE moods (id int, mood mood)");
    let mut line = scene.line();
    for _ in 0..2 {
        let heard = line.run("INSERT INTO moods VALUES (1, $1) RETURNING mood", &[], &[Some("ok")]);
        assert_eq!(shown(&heard), ["ok", "INSERT 0 1"]);
        assert_eq!(line.wanted, ["catalogue"]);
    }
    // A new class, in a function that hides its table: nothing else of the text is known.
    scene.stored(
        "SELECT strongroom.create_class('cek1_bytea_rnd', false, false);\n\
         CREATE FUNCTION put(strongroom.cek1_bytea_rnd) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    line.newest = Arc::new(catalogue_with(&scene.postgres, 2, &["patients"], "cek1_bytea_rnd"));
    let heard = line.run("SELECT put($1)", &[], &[Some("canary-a")]);
    assert_eq!(shown(&heard), ["error 42501"]);
    assert_eq!(line.wanted, ["catalogue", "catalogue"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn several_statements_in_one_text_and_statements_prepared_by_sql() {
    let Some(scene) = Scene::start("session::reach::several_statements_in_one_text_and_statements_prepared_by_sql")
    else {
        return;
    };
    let mut line = scene.line();
    assert_eq!(
        shown(&line.query(
            "BEGIN; INSERT INTO patients (id, ssn) VALUES (1, 'canary-a'); SELECT 'x', ssn FROM patients; COMMIT; SELECT 2"
        )),
        ["BEGIN", "INSERT 0 1", "x|canary-a", "SELECT 1", "COMMIT", "2", "SELECT 1"]
    );
    // The last one is refused, so none is run.
    let text =
        "INSERT INTO patients (id, ssn) VALUES (9, 'canary-i'); INSERT INTO patients (id, age) VALUES (8, 'canary-z')";
    assert_eq!(shown(&line.query(text)), ["error 22P02"]);
    assert_eq!(
        shown(&line.query(
            "PREPARE p (int, text) AS INSERT INTO patients (id, ssn, note) VALUES ($1, $2, 'canary-n'); EXECUTE p (2, 'canary-b')"
        )),
        ["PREPARE", "INSERT 0 1"]
    );
    assert_eq!(shown(&line.query("EXECUTE p (3, 'canary-c'); EXECUTE p (4, NULL)")), ["INSERT 0 1", "INSERT 0 1"]);
    assert_eq!(shown(&line.query("EXECUTE p (5, 'canary-' || 'd')")), ["error 0A000"]);
    assert_eq!(
        shown(&line.query("EXPLAIN (COSTS off, ANALYZE, TIMING off, SUMMARY off) EXECUTE p (5, 'canary-e')")).len(),
        3
    );
    assert_eq!(shown(&line.query("DEALLOCATE p; EXECUTE p (6, 'canary-f')")), ["DEALLOCATE", "error 26000"]);
    assert_eq!(shown(&line.query("EXECUTE p (7, 'canary-g')")), ["error 26000"]);
    assert_eq!(
        shown(&line.query("SELECT ssn FROM patients ORDER BY id")),
        ["canary-a", "canary-b", "canary-c", "NULL", "canary-e", "SELECT 5"]
    );
    scene.assert_nowhere(&line, &["canary-"]);
}

/// A COPY that is begun by the extended protocol, with the Sync that the server reads over.
#[test]
fn copy_by_the_extended_protocol_in_binary() {
    let Some(scene) = Scene::start("session::reach::copy_by_the_extended_protocol_in_binary") else { return };
    let mut line = scene.line();
    let mut bytes = bytes::BytesMut::new();
    frontend::write_parse(&mut bytes, b"", b"COPY patients (id, ssn) FROM STDIN (FORMAT binary)", &[]);
    bytes.extend_from_slice(&bind("", "", &[]));
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    line.until(|heard| heard.last().is_some_and(|last| last.tag == b'G'));
    let mut rows = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    rows.extend_from_slice(b"\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x08canary-a\xff\xff");
    let mut bytes = bytes::BytesMut::new();
    wire::frame::write(&mut bytes, frontend::COPY_DATA, |out| out.extend_from_slice(&rows));
    frontend::write_bare(&mut bytes, frontend::COPY_DONE);
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(shown(&line.until_ready(1)), ["COPY 1"]);
    assert_eq!(shown(&line.query("SELECT ssn FROM patients")), ["canary-a", "SELECT 1"]);
    let heard = line.query("COPY patients (id, ssn) TO STDOUT (FORMAT binary)");
    let copied: Vec<u8> = heard.iter().filter(|one| one.tag == b'd').flat_map(|one| one.body.clone()).collect();
    assert_eq!(copied, rows);
    scene.assert_nowhere(&line, &["canary-"]);
}
