//! The ways in which products before this one let values through in clear, one test each.

use strongroom_column_pg::wire::frontend::{self, Target};

use super::scene::{Heard, Line, Scene, bind, error, group, shown};

/// The tags of messages, in order.
fn tags(heard: &[Heard]) -> String {
    heard.iter().map(|message| char::from(message.tag)).filter(|tag| !"SNK".contains(*tag)).collect()
}

fn refused(heard: &[Heard]) -> String {
    let failed = heard.iter().find(|message| message.tag == b'E').unwrap();
    let (code, text) = error(&failed.body);
    assert!(!text.contains("canary"), "an error shows a value: {text}");
    code
}

fn insert(line: &mut Line, id: u32, ssn: &str) {
    let sql = format!("INSERT INTO patients (id, ssn) VALUES ({id}, '{ssn}')");
    assert_eq!(shown(&line.query(&sql)), ["INSERT 0 1"]);
}

#[test]
fn on_conflict_do_update() {
    let Some(scene) = Scene::start("session::leaks::on_conflict_do_update") else { return };
    let mut line = scene.line();
    insert(&mut line, 1, "canary-a");
    for (sql, values) in [
        (
            "INSERT INTO patients (id, ssn, note) VALUES (2, 'canary-a', 'canary-n') \
             ON CONFLICT (ssn) DO UPDATE SET note = 'canary-m', ssn = excluded.ssn WHERE patients.ssn <> 'canary-z'",
            &[][..],
        ),
        (
            "INSERT INTO patients (id, ssn, note) VALUES (3, $1, $2) ON CONFLICT (ssn) DO UPDATE SET note = $3",
            &[Some("canary-a"), Some("canary-n"), Some("canary-p")],
        ),
    ] {
        assert_eq!(shown(&line.run(sql, &[], values)), ["INSERT 0 1"]);
    }
    assert_eq!(shown(&line.query("SELECT ssn, note FROM patients")), ["canary-a|canary-p", "SELECT 1"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn a_null_operand_leaves_its_partner_sealed() {
    let Some(scene) = Scene::start("session::leaks::a_null_operand_leaves_its_partner_sealed") else { return };
    let mut line = scene.line();
    insert(&mut line, 1, "canary-a");
    for values in [[None, Some("canary-a")], [Some("canary-a"), None]] {
        let heard = line.run("SELECT id FROM patients WHERE ssn = $1 OR ssn = $2", &[], &values);
        assert_eq!(shown(&heard), ["1", "SELECT 1"]);
    }
    assert_eq!(
        shown(&line.query("SELECT id FROM patients WHERE ssn IS NOT DISTINCT FROM NULL OR ssn = 'canary-a'")),
        ["1", "SELECT 1"]
    );
    assert_eq!(shown(&line.query("UPDATE patients SET note = NULL, ssn = 'canary-b'")), ["UPDATE 1"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn one_parameter_is_stored_and_compared() {
    let Some(scene) = Scene::start("session::leaks::one_parameter_is_stored_and_compared") else { return };
    let mut line = scene.line();
    insert(&mut line, 1, "canary-a");
    let heard = line.run("UPDATE patients SET ssn = $1 WHERE ssn <> $1 RETURNING ssn", &[], &[Some("canary-b")]);
    // Either PostgreSQL takes it, and the value is sealed for both, or it refuses the statement; it is never sent in clear.
    assert!(shown(&heard) == ["canary-b", "UPDATE 1"] || refused(&heard) == "42P08", "{:?}", shown(&heard));
    let heard = line.run("UPDATE patients SET ssn = $1, town = $1", &[], &[Some("canary-c")]);
    assert_eq!(refused(&heard), "42P08");
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn a_literal_where_nobody_looks() {
    let Some(scene) = Scene::start("session::leaks::a_literal_where_nobody_looks") else { return };
    let mut line = scene.line();
    for (sql, code) in [
        ("CREATE VIEW found AS SELECT id FROM patients WHERE ssn = 'canary-a'", "0A000"),
        ("ALTER TABLE patients ALTER ssn SET DEFAULT 'canary-a'", "0A000"),
        ("DO $$ BEGIN DELETE FROM patients WHERE ssn = 'canary-a'; END $$", "0A000"),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT id FROM patients WHERE ssn = 'canary-a' $$",
            "0A000",
        ),
        ("CREATE INDEX ON patients (id) WHERE ssn = 'canary-a'", "0A000"),
        ("SELECT id FROM patients WHERE ssn LIKE 'canary-%'", "42883"),
        ("SELECT id FROM patients ORDER BY ssn = 'canary-a', note < 'canary-b'", "42883"),
        ("SELECT id FROM patients WHERE note = 'canary-a'", "42883"),
        ("INSERT INTO patients (id, ssn) VALUES (1, 'canary-a'::text)", "42804"),
        ("INSERT INTO patients (id, ssn) VALUES (1, 'canary-a' || 'canary-b')", "42804"),
        ("SELECT id FROM patients WHERE ssn = 12345678901", "42804"),
        ("COPY patients (id, ssn) FROM '/tmp/canary-a'", "0A000"),
        ("SELECT 'canary-a' FROM patients; SELECT 'canary-b", "42601"),
    ] {
        assert_eq!(refused(&line.query(sql)), code, "{sql}");
        assert_eq!(shown(&line.query("SELECT 1")), ["1", "SELECT 1"], "{sql}");
    }
    scene.assert_nowhere(&line, &["canary-", "12345678901"]);
}

#[test]
fn literals_in_every_clause_that_is_looked_at() {
    let Some(scene) = Scene::start("session::leaks::literals_in_every_clause_that_is_looked_at") else { return };
    let mut line = scene.line();
    insert(&mut line, 1, "canary-a");
    for (sql, expected) in [
        ("SELECT CASE WHEN ssn = 'canary-a' THEN 1 ELSE 2 END FROM patients", "1"),
        ("SELECT count(*) FILTER (WHERE ssn IN ('canary-a', 'canary-b')) FROM patients", "1"),
        ("WITH found AS (SELECT * FROM patients WHERE ssn = 'canary-a') SELECT ssn FROM found", "canary-a"),
        ("SELECT p.ssn FROM patients p JOIN patients q ON p.ssn = q.ssn AND q.ssn = 'canary-a'", "canary-a"),
        ("SELECT ssn FROM patients GROUP BY ssn HAVING ssn = 'canary-a'", "canary-a"),
        ("SELECT coalesce(ssn, 'canary-x') FROM patients", "canary-a"),
        ("SELECT id FROM patients WHERE ssn = ANY ('{canary-a,canary-b}') LIMIT 1 OFFSET 0", "1"),
        ("SELECT id FROM patients WHERE (id, ssn) = (1, 'canary-a') ORDER BY 1", "1"),
        ("SELECT (SELECT id FROM patients WHERE ssn = E'canary\\x2da') + 0", "1"),
    ] {
        assert_eq!(shown(&line.query(sql)), [expected, "SELECT 1"], "{sql}");
    }
    scene.assert_nowhere(&line, &["canary-", "canary\\x2da"]);
}

#[test]
fn the_name_of_a_statement_is_used_again() {
    let Some(scene) = Scene::start("session::leaks::the_name_of_a_statement_is_used_again") else { return };
    let mut line = scene.line();
    let parse = |line: &mut Line, sql: &str| {
        let mut bytes = bytes::BytesMut::new();
        frontend::write_parse(&mut bytes, b"s", sql.as_bytes(), &[]);
        frontend::write_bare(&mut bytes, frontend::SYNC);
        line.send(&bytes);
        line.until_ready(1)
    };
    let clear = "INSERT INTO public.clear (id, ssn) VALUES ($1, $2)";
    let sealed = "INSERT INTO patients (id, ssn) VALUES ($1, $2)";
    assert_eq!(tags(&parse(&mut line, sealed)), "1Z");
    // Both texts are known by now.
    assert_eq!(shown(&line.run(clear, &[], &[Some("6"), Some("clear")])), ["INSERT 0 1"]);
    // One write: a statement that fails, then one that closes and parses the name again and is therefore never run, and in
    // another group a Bind that the client means for the new text. It is for the old one.
    let mut bytes = bytes::BytesMut::new();
    frontend::write_parse(&mut bytes, b"", b"SELEC 1", &[]);
    frontend::write_close(&mut bytes, Target::Statement, b"s");
    frontend::write_parse(&mut bytes, b"s", clear.as_bytes(), &[]);
    frontend::write_bare(&mut bytes, frontend::SYNC);
    bytes.extend_from_slice(&bind("", "s", &[Some("7"), Some("canary-a")]));
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(tags(&line.until_ready(2)), "EZ2CZ");
    assert_eq!(scene.stored("SELECT count(*) FROM public.patients WHERE id = 7"), "1");
    // The other way round, by SQL.
    line.query("DEALLOCATE s");
    line.query(&format!("PREPARE s AS {clear}"));
    line.query("DEALLOCATE s");
    line.query(&format!("PREPARE s AS {sealed}"));
    let mut bytes = bind("", "s", &[Some("8"), Some("canary-b")]);
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    line.send(&bytes);
    assert_eq!(tags(&line.until_ready(1)), "2CZ");
    assert_eq!(shown(&line.query("EXECUTE s (9, 'canary-c')")), ["INSERT 0 1"]);
    assert_eq!(
        shown(&line.query("SELECT ssn FROM patients ORDER BY id")),
        ["canary-a", "canary-b", "canary-c", "SELECT 3"]
    );
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn a_table_of_the_same_name_in_another_schema() {
    let Some(scene) = Scene::start("session::leaks::a_table_of_the_same_name_in_another_schema") else { return };
    let mut line = scene.line();
    // First in clear, as that table is; the same words afterwards are for the encrypted one.
    let sql = "INSERT INTO patients (id, ssn) VALUES ($1, $2)";
    let literal = "INSERT INTO patients (id, ssn) VALUES (4, 'canary-b')";
    line.query("SET search_path = other, public");
    assert_eq!(shown(&line.run(sql, &[], &[Some("1"), Some("plain-a")])), ["INSERT 0 1"]);
    assert_eq!(shown(&line.query(&literal.replace("canary", "plain"))), ["INSERT 0 1"]);
    assert_eq!(scene.stored("SELECT ssn FROM other.patients ORDER BY id"), "plain-a\nplain-b");
    line.query("RESET search_path");
    assert_eq!(shown(&line.run(sql, &[], &[Some("3"), Some("canary-a")])), ["INSERT 0 1"]);
    assert_eq!(shown(&line.query(literal)), ["INSERT 0 1"]);
    // Another session begins with what this one learned, and a temporary table is not seen by others.
    let mut second = scene.line();
    second.query("CREATE TEMP TABLE patients (id integer, ssn text)");
    assert_eq!(shown(&second.query("INSERT INTO patients (id, ssn) VALUES (5, 'plain-c')")), ["INSERT 0 1"]);
    let mut third = scene.line();
    assert_eq!(shown(&third.query("INSERT INTO patients (id, ssn) VALUES (5, 'canary-c')")), ["INSERT 0 1"]);
    // And what it hides comes back when the transaction that made it does not end well.
    third.query("BEGIN");
    third.query("CREATE TEMP TABLE patients (id integer, ssn text)");
    assert_eq!(shown(&third.query("INSERT INTO patients (id, ssn) VALUES (6, 'plain-d')")), ["INSERT 0 1"]);
    third.query("ROLLBACK");
    assert_eq!(shown(&third.query("INSERT INTO patients (id, ssn) VALUES (6, 'canary-d')")), ["INSERT 0 1"]);
    // Also when it comes back in the same write, by literals and by a statement that was prepared before.
    let mut fourth = scene.line();
    fourth.query("CREATE TEMP TABLE patients (id integer, ssn text)");
    let text = "INSERT INTO patients (id, ssn) VALUES (7, 'plain-e')";
    assert_eq!(shown(&fourth.query(text)), ["INSERT 0 1"]);
    let mut bytes = bytes::BytesMut::new();
    frontend::write_parse(&mut bytes, b"s", sql.as_bytes(), &[]);
    bytes.extend_from_slice(&bind("", "s", &[Some("8"), Some("plain-f")]));
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    fourth.send(&bytes);
    assert_eq!(shown(&fourth.until_ready(1)), ["INSERT 0 1"]);
    let mut bytes = bytes::BytesMut::new();
    frontend::write_query(&mut bytes, b"DROP TABLE patients");
    frontend::write_query(&mut bytes, text.replace("plain", "canary").as_bytes());
    bytes.extend_from_slice(&bind("", "s", &[Some("8"), Some("canary-f")]));
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    fourth.send(&bytes);
    assert_eq!(shown(&fourth.until_ready(3)), ["DROP TABLE", "INSERT 0 1", "INSERT 0 1"]);
    for line in [&line, &second, &third, &fourth] {
        scene.assert_nowhere(line, &["canary-"]);
    }
}

#[test]
fn the_least_of_a_group_and_distinct_rows() {
    let Some(scene) = Scene::start("session::leaks::the_least_of_a_group_and_distinct_rows") else { return };
    let mut line = scene.line();
    insert(&mut line, 1, "canary-a");
    insert(&mut line, 2, "canary-b");
    // The order of cells means nothing: PostgreSQL has none.
    assert_eq!(refused(&line.query("SELECT town, min(ssn) FROM patients GROUP BY town")), "42883");
    assert_eq!(refused(&line.query("SELECT ssn FROM patients ORDER BY ssn")), "42883");
    let heard = line.query("SELECT min(id), ssn FROM patients GROUP BY ssn HAVING ssn <> 'canary-b'");
    assert_eq!(shown(&heard), ["1|canary-a", "SELECT 1"]);
    let heard = line.query("SELECT DISTINCT p.ssn, p.age FROM patients p WHERE p.ssn = 'canary-b'");
    assert_eq!(shown(&heard), ["canary-b|NULL", "SELECT 1"]);
    // A randomized column is in the wildcard, and has no equality.
    assert_eq!(refused(&line.query("SELECT DISTINCT * FROM patients")), "42883");
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn operands_the_other_way_round() {
    let Some(scene) = Scene::start("session::leaks::operands_the_other_way_round") else { return };
    let mut line = scene.line();
    insert(&mut line, 1, "canary-a");
    for sql in ["SELECT id FROM patients WHERE 'canary-a' = ssn", "SELECT id FROM patients WHERE NOT 'canary-b' = ssn"]
    {
        assert_eq!(shown(&line.query(sql)), ["1", "SELECT 1"]);
    }
    let heard = line.run("SELECT id FROM patients WHERE $1 = ssn", &[], &[Some("canary-a")]);
    assert_eq!(shown(&heard), ["1", "SELECT 1"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn an_error_does_not_overtake_answers() {
    let Some(scene) = Scene::start("session::leaks::an_error_does_not_overtake_answers") else { return };
    let mut line = scene.line();
    insert(&mut line, 1, "canary-a");
    // A slow answer, a value that is refused here, something that is dropped then; all in one write, and another group.
    let mut bytes = group("SELECT pg_sleep(0.05), id FROM patients WHERE ssn = $1", &[], &[Some("canary-a")]);
    bytes.truncate(bytes.len() - 5);
    frontend::write_parse(&mut bytes, b"", b"UPDATE patients SET code = $1", &[]);
    bytes.extend_from_slice(&bind("", "", &[Some("canary-too-long")]));
    frontend::write_execute(&mut bytes, b"");
    bytes.extend_from_slice(&group("SELECT 3", &[], &[]));
    bytes.extend_from_slice(&group("SELECT 4", &[], &[]));
    line.send(&bytes);
    let heard = line.until_ready(2);
    assert_eq!(tags(&heard), "12TDC1EZ12TDCZ");
    assert_eq!(shown(&heard), ["|1", "SELECT 1", "error 22001", "4", "SELECT 1"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn what_is_refused_fails_the_transaction_as_well() {
    let Some(scene) = Scene::start("session::leaks::what_is_refused_fails_the_transaction_as_well") else { return };
    let mut line = scene.line();
    line.query("BEGIN");
    insert(&mut line, 1, "canary-a");
    assert_eq!(refused(&line.run("UPDATE patients SET code = $1", &[], &[Some("canary-long")])), "22001");
    assert_eq!(refused(&line.query("SELECT 1")), "25P02");
    assert_eq!(shown(&line.query("COMMIT")), ["ROLLBACK"]);
    assert_eq!(shown(&line.query("SELECT count(*) FROM patients")), ["0", "SELECT 1"]);
    scene.assert_nowhere(&line, &["canary-"]);
}

#[test]
fn metadata_that_was_changed_is_not_believed() {
    let Some(scene) = Scene::start("session::leaks::metadata_that_was_changed_is_not_believed") else { return };
    let mut line = scene.line();
    let sql = "INSERT INTO patients (id, ssn) VALUES ($1, $2)";
    assert_eq!(shown(&line.run(sql, &[], &[Some("1"), Some("canary-a")])), ["INSERT 0 1"]);
    line.query("SELECT ssn FROM patients");
    scene.stored("DELETE FROM patients; DROP INDEX patients_ssn; ALTER TABLE patients ALTER ssn TYPE text USING 'x'");
    // What this session knows: the cell is refused by PostgreSQL.
    assert_eq!(refused(&line.run(sql, &[], &[Some("2"), Some("canary-b")])), "42804");
    // What it would read is not what it was.
    assert_eq!(refused(&line.query("SELECT ssn FROM patients")), "0A000");
    assert_eq!(refused(&line.query("SELECT ssn FROM patients")), "42501");
    line.wanted.clear();
    // What it does not know yet, by parameters and by literals.
    let heard = line.run("UPDATE patients SET ssn = $1", &[], &[Some("canary-c")]);
    assert_eq!(refused(&heard), "42501");
    assert_eq!(line.wanted, ["catalogue"]);
    assert_eq!(refused(&line.query("UPDATE patients SET ssn = 'canary-d'")), "42501");
    assert_eq!(refused(&line.query("COPY patients (id, ssn) FROM STDIN")), "42501");
    scene.assert_nowhere(&line, &["canary-"]);
}
