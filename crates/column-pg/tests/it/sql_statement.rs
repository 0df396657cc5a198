//! Kinds of statements, and the gate: names in any disguise. Where PostgreSQL can say the same, it is asked.

use strongroom_column_pg::sql::{
    self, CopyEndpoint, CopyFlow, CopyFormat, CopyHeader, CopyRefusal, CopySource, Listed, Setting, Statement,
    Transaction, classify, gate, mentions, scan,
};

use crate::oracle::Oracle;

fn check(text: &str, judge: impl Fn(Statement<'_, '_>) -> bool) {
    let tokens = scan(text).unwrap();
    let statement = classify(text, &tokens);
    let shown = format!("{statement:?}");
    assert!(judge(statement), "{text}: {shown}");
}

#[test]
fn kinds() {
    for text in [
        "SELECT 1",
        "(SELECT 1) UNION (SELECT 2)",
        "((select 1))",
        "WITH a AS (SELECT 1) SELECT 1",
        "VALUES (1)",
        "TABLE t",
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TEMP TABLE t (a) WITH (fillfactor = 10) AS (SELECT 1)",
        "CREATE UNLOGGED TABLE IF NOT EXISTS t AS TABLE u",
    ] {
        check(text, |statement| statement == Statement::Query);
    }
    for text in [
        "CREATE TABLE t (a int DEFAULT 1)",
        "CREATE TABLE t (a int GENERATED ALWAYS AS (b + 1) STORED)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ $$ LANGUAGE sql",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "CREATE RULE r AS ON INSERT TO t DO NOTHING",
        "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()",
        "CREATE INDEX ON t (a) WHERE b = 'x'",
        "CREATE POLICY p ON t USING (a = 'x')",
        "ALTER TABLE t ALTER a SET DEFAULT 'x'",
        "CREATE DOMAIN d AS text CHECK (value <> 'x')",
        "CREATE TABLE t PARTITION OF u FOR VALUES IN ('x')",
    ] {
        check(text, |statement| statement == Statement::Definition);
    }
    for text in [
        "VACUUM t",
        "CREATE ROLE r PASSWORD 'x'",
        "COMMENT ON TABLE t IS 'x'",
        "GRANT SELECT ON t TO r",
        "LOCK TABLE t",
        "SHOW x",
        "",
    ] {
        check(text, |statement| statement == Statement::Utility);
    }
    check("DO $$ BEGIN END $$", |statement| statement == Statement::Do);
    check("CALL p('x')", |statement| statement == Statement::Call);
}

#[test]
fn statements_in_statements() {
    let body = |text: &str| {
        let tokens = scan(text).unwrap();
        let body = match classify(text, &tokens) {
            Statement::Explain { body } | Statement::Declare { body, .. } | Statement::Prepare { body, .. } => body,
            other => panic!("{text}: {other:?}"),
        };
        sql::span_of(body).unwrap().of(text).to_owned()
    };
    assert_eq!(body("EXPLAIN SELECT 1"), "SELECT 1");
    assert_eq!(body("EXPLAIN ANALYZE VERBOSE UPDATE t SET a = 1"), "UPDATE t SET a = 1");
    assert_eq!(body("EXPLAIN (ANALYZE, FORMAT json) (SELECT 1)"), "(SELECT 1)");
    assert_eq!(body("EXPLAIN (SELECT 1) UNION SELECT 2"), "(SELECT 1) UNION SELECT 2");
    assert_eq!(
        body("DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR SELECT 'x' FOR UPDATE"),
        "SELECT 'x' FOR UPDATE"
    );
    assert_eq!(body("PREPARE p (int, numeric(10,2)) AS SELECT $1"), "SELECT $1");
    assert_eq!(body("PREPARE transaction AS SELECT 1"), "SELECT 1");
    let text = "PREPARE \"P\" (int, numeric(10, 2)) AS VALUES (1)";
    check(text, |statement| match statement {
        Statement::Prepare { name, types, .. } => {
            name == "P" && types.iter().map(|span| span.of(text)).eq(["int", "numeric(10, 2)"])
        }
        _ => false,
    });
    let text = "EXECUTE p ('a', f(1, 2), -3)";
    check(text, |statement| match statement {
        Statement::Execute { name, arguments } => {
            name == "p" && arguments.iter().map(|argument| argument.span.of(text)).eq(["'a'", "f(1, 2)", "-3"])
        }
        _ => false,
    });
    check(
        "CREATE TEMP TABLE t AS EXECUTE p('a')",
        |statement| matches!(statement, Statement::CreateAsExecute { name, arguments } if name == "p" && arguments.len() == 1),
    );
    check("EXECUTE p", |statement| matches!(statement, Statement::Execute { arguments, .. } if arguments.is_empty()));
    let named = |name: &str| Some(name.to_owned());
    for (text, name) in [
        ("DEALLOCATE p", named("p")),
        ("DEALLOCATE PREPARE p", named("p")),
        ("DEALLOCATE ALL", None),
        ("DEALLOCATE PREPARE ALL", None),
        ("DEALLOCATE prepare", named("prepare")),
        ("DEALLOCATE \"ALL\"", named("ALL")),
    ] {
        check(text, |statement| statement == Statement::Deallocate { name: name.clone() });
    }
    for text in ["FETCH c", "FETCH ALL FROM c", "FETCH FORWARD 5 IN c", "MOVE ABSOLUTE -1 FROM c", "FETCH NEXT c"] {
        check(text, |statement| statement == Statement::Fetch { cursor: "c".to_owned() });
    }
    check("CLOSE ALL", |statement| statement == Statement::Close { cursor: None });
    check("CLOSE \"C\"", |statement| statement == Statement::Close { cursor: named("C") });
}

#[test]
fn transactions_and_settings() {
    let name = || "s".to_owned();
    let cases = [
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", Transaction::Begin),
        ("START TRANSACTION READ ONLY", Transaction::Begin),
        ("COMMIT", Transaction::Commit { chain: false }),
        ("END WORK AND NO CHAIN", Transaction::Commit { chain: false }),
        ("COMMIT TRANSACTION AND CHAIN", Transaction::Commit { chain: true }),
        ("ROLLBACK AND CHAIN", Transaction::Rollback { chain: true }),
        ("ABORT", Transaction::Rollback { chain: false }),
        ("SAVEPOINT s", Transaction::Savepoint { name: name() }),
        ("RELEASE s", Transaction::Release { name: name() }),
        ("RELEASE SAVEPOINT \"s\"", Transaction::Release { name: name() }),
        ("RELEASE savepoint", Transaction::Release { name: "savepoint".to_owned() }),
        ("ROLLBACK TO s", Transaction::RollbackTo { name: name() }),
        ("ROLLBACK WORK TO SAVEPOINT s", Transaction::RollbackTo { name: name() }),
        ("PREPARE TRANSACTION 'x'", Transaction::Prepare),
        ("COMMIT PREPARED 'x'", Transaction::FinishPrepared),
        ("ROLLBACK PREPARED 'x'", Transaction::FinishPrepared),
    ];
    for (text, expected) in cases {
        check(text, |statement| statement == Statement::Transaction(expected.clone()));
    }
    let set = |name: &str, local: bool, value: Option<&str>| Setting::Set {
        name: name.to_owned(),
        local,
        value: value.map(str::to_owned),
    };
    let cases = [
        ("SET search_path = a, b", set("search_path", false, None)),
        ("SET search_path TO A", set("search_path", false, Some("a"))),
        ("SET LOCAL \"Search_Path\" TO 'A'", set("search_path", true, Some("A"))),
        ("SET SESSION strongroom.column_encryption = on", set("strongroom.column_encryption", false, Some("on"))),
        ("SET extra_float_digits = -3", set("extra_float_digits", false, Some("-3"))),
        ("SET TIME ZONE 'UTC'", set("timezone", false, Some("UTC"))),
        ("SET NAMES 'LATIN1'", set("client_encoding", false, Some("LATIN1"))),
        ("SET SCHEMA 'x'", set("search_path", false, Some("x"))),
        ("SET datestyle TO DEFAULT", set("datestyle", false, None)),
        ("SET x.y FROM CURRENT", set("x.y", false, None)),
        ("SET ROLE postgres", Setting::Role),
        ("SET LOCAL ROLE NONE", Setting::Role),
        ("SET SESSION AUTHORIZATION DEFAULT", Setting::Role),
        ("SET SESSION SESSION AUTHORIZATION postgres", Setting::Role),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", Setting::Transaction),
        ("SET TRANSACTION READ ONLY", Setting::Transaction),
        ("SET CONSTRAINTS ALL DEFERRED", Setting::Transaction),
        ("RESET ALL", Setting::ResetAll),
        ("RESET ROLE", Setting::Role),
        ("RESET SESSION AUTHORIZATION", Setting::Role),
        ("RESET TIME ZONE", Setting::Reset { name: "timezone".to_owned() }),
        ("RESET Search_Path", Setting::Reset { name: "search_path".to_owned() }),
        ("DISCARD ALL", Setting::DiscardAll),
        ("DISCARD PLANS", Setting::Discard),
    ];
    for (text, expected) in cases {
        check(text, |statement| statement == Statement::Setting(expected.clone()));
    }
}

#[test]
fn copies() {
    let copy = |text: &str, judge: &dyn Fn(sql::CopyStatement<'_, '_>) -> bool| {
        check(text, |statement| matches!(statement, Statement::Copy(Ok(copy)) if judge(copy.clone())));
    };
    copy("COPY public.\"T\" (a, \"B\") FROM STDIN WITH (FORMAT csv, HEADER match, NULL 'x') WHERE a > 1", &|copy| {
        let CopySource::Table { relation, columns } = copy.source else { return false };
        relation.schema.as_deref() == Some("public")
            && relation.name == "T"
            && columns == Some(vec!["a".to_owned(), "B".to_owned()])
            && copy.flow == CopyFlow::From
            && copy.endpoint == CopyEndpoint::Client
            && copy.options.header == CopyHeader::Match
            && (copy.options.delimiter, copy.options.quote, copy.options.escape) == (b',', b'"', b'"')
            && copy.options.null == "x"
            && copy.filter.is_some_and(|filter| filter.len() == 3)
    });
    copy("COPY BINARY t TO STDOUT", &|copy| copy.options.format == CopyFormat::Binary);
    copy("COPY binary FROM STDIN", &|copy| copy.options.format == CopyFormat::Text);
    copy("COPY t FROM STDIN USING DELIMITERS '|' WITH NULL AS 'n' CSV QUOTE AS '''' FORCE NOT NULL a, b", &|copy| {
        copy.options.delimiter == b'|' && copy.options.quote == b'\'' && copy.options.force_not_null.holds("b")
    });
    copy("COPY t TO STDOUT CSV FORCE QUOTE *", &|copy| copy.options.force_quote == Listed::All);
    copy(
        "COPY (SELECT (1) FROM t) TO STDOUT",
        &|copy| matches!(copy.source, CopySource::Query(query) if query.len() == 6),
    );
    copy("COPY t FROM '/etc/x'", &|copy| copy.endpoint == CopyEndpoint::File);
    copy("COPY t TO PROGRAM 'cat'", &|copy| copy.endpoint == CopyEndpoint::Program);
    copy("COPY t FROM STDIN (ENCODING 'utf-8', FREEZE, DEFAULT '\\D')", &|copy| {
        copy.options.default.as_deref() == Some("\\D")
    });
    let refused = |text: &str| {
        let tokens = scan(text).unwrap();
        match classify(text, &tokens) {
            Statement::Copy(Err(refusal)) => refusal,
            other => panic!("{text}: {other:?}"),
        }
    };
    assert_eq!(refused("COPY t FROM STDIN (ENCODING latin1)"), CopyRefusal::Encoding);
    assert_eq!(refused("COPY t FROM STDIN (NEWS 'x')"), CopyRefusal::Option { name: "news".to_owned() });
    assert_eq!(refused("COPY t FROM STDIN CSV CSV"), CopyRefusal::Twice { name: "format".to_owned() });
    for text in
        ["COPY t", "COPY t FROM", "COPY t FROM STDIN nonsense", "COPY t (a FROM STDIN", "COPY (SELECT 1 TO STDOUT"]
    {
        assert_eq!(refused(text), CopyRefusal::Form, "{text}");
    }
}

/// Options that do not fit together are refused where PostgreSQL refuses them.
#[test]
fn options_of_copy_that_do_not_fit() {
    let Some(oracle) = Oracle::start("options_of_copy_that_do_not_fit") else { return };
    oracle.run("CREATE TABLE t (a text)").unwrap();
    for options in [
        "(DELIMITER 'ab')",
        "(DELIMITER 'a')",
        "(DELIMITER '.')",
        "(DELIMITER '\\')",
        "(DELIMITER E'\\n')",
        "(FORMAT csv, DELIMITER '\"')",
        "(FORMAT binary, DELIMITER ',')",
        "(FORMAT binary, NULL 'x')",
        "(FORMAT binary, HEADER)",
        "(QUOTE 'x')",
        "(ESCAPE 'x')",
        "(FORMAT csv, QUOTE 'xy')",
        "(NULL E'a\\nb')",
        "(NULL 'a|b', DELIMITER '|')",
        "(FORMAT csv, NULL 'a\"')",
        "(HEADER nonsense)",
        "(FORMAT nonsense)",
        "(FORMAT CSV)",
        "(FORMAT \"CSV\")",
        "(FORMAT csv, FORMAT csv)",
        "(FORCE_NOT_NULL (a))",
        "(HEADER 2)",
        "(NULL 'x', HEADER on)",
        "(FORMAT csv, DELIMITER 'a', QUOTE 'b', ESCAPE 'c')",
        "(FORMAT csv, FORCE_NULL (a))",
        "(DELIMITER 'é')",
        "(FORMAT csv, HEADER match)",
        "(HEADER 'TRUE')",
        "(FORMAT text, DELIMITER 'Z', NULL '')",
    ] {
        let text = format!("COPY t FROM STDIN {options}");
        let tokens = scan(&text).unwrap();
        let Statement::Copy(ours) = classify(&text, &tokens) else { panic!("{text}") };
        let stream: &[u8] = if options.contains("match") { b"a\n" } else { b"z\n" };
        let theirs = oracle.copy_in("t", stream, options);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{options}: {:?} {theirs:?}", ours.err());
    }
}

#[test]
fn the_gate_sees_names_in_any_disguise() {
    let sensitive = |name: &str| ["patients", "Patients", "größe"].contains(&name);
    let open = |text: &str| gate(text, &scan(text).unwrap(), &sensitive);
    for text in [
        "SELECT * FROM patients",
        "SELECT * FROM PATIENTS",
        "SELECT * FROM x.Patients",
        "TABLE \"Patients\"",
        "SELECT patients.a",
        "SELECT * FROM U&\"p\\0061tients\"",
        "SELECT * FROM U&\"p!0061tients\" UESCAPE '!'",
        "SELECT 1 FROM/**/patients--",
        "SELECT \"größe\"",
        "SELECT größe",
        "SELECT GRößE",
        "SELECT 1 AS patients",
        "SELECT patients('x')",
        "DO $$ BEGIN UPDATE patients SET a = 'x'; END $$",
        "DO LANGUAGE plpgsql 'BEGIN PERFORM 1 FROM PATIENTS; END'",
        "DO $$ BEGIN EXECUTE 'UPDATE pat' || 'ients'; PERFORM U&\"p\\0061tients\"(); END $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM \"Patients\"'",
        "CREATE OR REPLACE PROCEDURE p() LANGUAGE plpython3u AS $f$ plpy.execute(\"select * from patients where a = 'x'\") $f$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 FROM patients; END",
    ] {
        assert!(open(text), "{text}");
    }
    for text in [
        "SELECT 'patients'",
        "SELECT $$ patients $$",
        "SELECT 1 -- patients",
        "/* patients */ SELECT 1",
        "SELECT * FROM \"PATIENTS\"",
        "SELECT patient",
        "SELECT patients_2",
        "SELECT GRÖSSE",
        "SELECT U&\"\\0050atient\"",
        "SELECT $1",
    ] {
        assert!(!open(text), "{text}");
    }
    // PostgreSQL cuts names to 63 bytes.
    let long = "a".repeat(63);
    let text = format!("SELECT * FROM {long}bcd");
    assert!(gate(&text, &scan(&text).unwrap(), &|name| name == long));
    assert!(gate(&text, &scan(&text).unwrap(), &|name| name.ends_with("bcd")));
    let text = "SELECT pg_catalog.set_config('a', 'b', false)";
    assert!(mentions(&scan(text).unwrap(), "set_config"));
}

#[test]
fn values_in_code() {
    let holds = |text: &str| sql::code_holds_values(text, &scan(text).unwrap());
    assert!(holds("DO $$ BEGIN UPDATE t SET a = 'x'; END $$"));
    assert!(holds("DO $$ BEGIN UPDATE t SET a = 5; END $$ LANGUAGE plpgsql"));
    assert!(holds("DO 'BEGIN UPDATE t SET a = ''x''; END'"));
    assert!(holds("DO $$ it's not SQL $$"));
    assert!(holds("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"));
    assert!(holds("CREATE FUNCTION f(a text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT a'"));
    assert!(holds("CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'x'; END"));
    assert!(!holds("DO $$ BEGIN DELETE FROM t; END $$"));
    assert!(!holds(
        "CREATE FUNCTION f(a text) RETURNS int LANGUAGE 'sql' COST 10 AS $$ SELECT count(*) FROM t WHERE b = a $$"
    ));
    assert!(!holds("CREATE FUNCTION f(a numeric(10,2)) RETURNS varchar(20) LANGUAGE sql ROWS 5 AS 'SELECT a'"));
    assert!(!holds("SELECT 'x'"));
}

/// The lists of keywords against those of the server.
#[test]
fn reserved_keywords_are_those_of_postgresql() {
    let Some(oracle) = Oracle::start("reserved_keywords_are_those_of_postgresql") else { return };
    let rows = oracle.run("SELECT word, catcode FROM pg_get_keywords()").unwrap().rows;
    for row in rows {
        let (word, code) = (row[0].clone().unwrap(), row[1].clone().unwrap());
        // Before a reserved word no string has a type: `word 'x'` stands for the string alone.
        let text = format!("SELECT {word} 'x'");
        let tokens = scan(&text).unwrap();
        let probe = sql::Probe::new(&text, &tokens);
        let literal = probe.literals().last().unwrap().span.of(&text).to_owned();
        if code == "R" {
            assert_eq!(literal, "'x'", "{word}");
        } else if oracle.describe(&text).is_ok() {
            // PostgreSQL takes the word for a type.
            assert_eq!(literal, format!("{word} 'x'"));
        }
    }
}
