//! Probes against a real PostgreSQL that has encryption classes: which literals are values of encrypted columns, which statements
//! are refused, and that no question that was asked held a value of the client.

use strongroom_column_pg::sql::{Failure, Probe, Statement, Variant, classify, scan, splice};

use crate::oracle::{Oracle, Refused};

/// Base types on internal functions, with a domain on top: deterministic with equality and hashing, randomised without operators.
const CLASSES: &str = "
    CREATE SCHEMA strongroom;
    CREATE FUNCTION strongroom.shaped(bytea) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT length($1) >= 65';
    DO $$
    DECLARE cell text; name text;
    BEGIN
        FOREACH name IN ARRAY ARRAY['ssn', 'age', 'note', 'born'] LOOP
            cell := 'strongroom.' || name || '_cell';
            EXECUTE format('CREATE TYPE %s', cell);
            EXECUTE format('CREATE FUNCTION strongroom.%s_in(cstring) RETURNS %s LANGUAGE internal IMMUTABLE STRICT AS ''byteain''', name, cell);
            EXECUTE format('CREATE FUNCTION strongroom.%s_out(%s) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS ''byteaout''', name, cell);
            EXECUTE format('CREATE TYPE %s (INPUT = strongroom.%s_in, OUTPUT = strongroom.%s_out, STORAGE = external)', cell, name, name);
            IF name <> 'note' THEN
                EXECUTE format('CREATE FUNCTION strongroom.%s_eq(%s, %s) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS ''byteaeq''', name, cell, cell);
                EXECUTE format('CREATE FUNCTION strongroom.%s_ne(%s, %s) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS ''byteane''', name, cell, cell);
                EXECUTE format('CREATE FUNCTION strongroom.%s_hash(%s) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS ''hashvarlena''', name, cell);
                EXECUTE format('CREATE OPERATOR strongroom.<> (FUNCTION = strongroom.%s_ne, LEFTARG = %s, RIGHTARG = %s, COMMUTATOR = OPERATOR(strongroom.<>))', name, cell, cell);
                EXECUTE format('CREATE OPERATOR strongroom.= (FUNCTION = strongroom.%s_eq, LEFTARG = %s, RIGHTARG = %s, COMMUTATOR = OPERATOR(strongroom.=), NEGATOR = OPERATOR(strongroom.<>), HASHES, MERGES)', name, cell, cell);
                EXECUTE format('CREATE OPERATOR CLASS strongroom.%s_hash DEFAULT FOR TYPE %s USING hash AS OPERATOR 1 strongroom.=, FUNCTION 1 strongroom.%s_hash(%s)', name, cell, name, cell);
            END IF;
            EXECUTE format('CREATE DOMAIN strongroom.%s AS %s', name, cell);
        END LOOP;
    END $$;
    ALTER DATABASE postgres SET search_path = public, strongroom;
    SET search_path = public, strongroom;
    CREATE TABLE patients (id int, name text, ssn strongroom.ssn, age strongroom.age, note strongroom.note, born strongroom.born,
        price numeric(10,2), at timestamptz, active bool, doc jsonb, tags text[]);
    CREATE FUNCTION find(strongroom.ssn) RETURNS int LANGUAGE sql AS 'SELECT 1';
";

/// What became of a probe: the form that PostgreSQL took, or why it took none.
fn ask(oracle: &Oracle, text: &str) -> (Vec<(String, bool)>, Result<Variant, Refused>) {
    let tokens = scan(text).unwrap();
    let probe = Probe::new(text, &tokens);
    let classes: Vec<u32> = oracle
        .run("SELECT oid FROM pg_type WHERE typnamespace = 'strongroom'::regnamespace")
        .unwrap()
        .rows
        .into_iter()
        .map(|row| row[0].as_ref().unwrap().parse().unwrap())
        .collect();
    let mut variant = probe.first();
    let mut forms = 1;
    loop {
        match oracle.describe(&variant.sql) {
            Ok(types) => {
                let literal = |(at, literal): (usize, &strongroom_column_pg::sql::Literal)| {
                    let number = variant.numbers[at];
                    let class = number.is_some_and(|number| classes.contains(&types[number as usize - 1]));
                    (literal.span.of(text).to_owned(), class)
                };
                let found = probe.literals().iter().enumerate().map(literal).collect();
                return (found, Ok(variant));
            }
            Err(refused) => {
                let failure =
                    Failure { sqlstate: &refused.sqlstate, position: refused.position, message: &refused.message };
                match probe.next(&variant, &failure) {
                    Some(next) => variant = next,
                    None => return (Vec::new(), Err(refused)),
                }
                forms += 1;
                assert!(forms < 12, "{text}: it does not end: {refused:?}");
            }
        }
    }
}

/// Statements, and which of their literals belong to encrypted columns.
const STATEMENTS: &[(&str, &[&str])] = &[
    // What is stored.
    (
        "INSERT INTO patients (id, name, ssn, age) VALUES (1, 'Ann', '123', 42), (2, 'Bob', '456', -43)",
        &["'123'", "42", "'456'", "-43"],
    ),
    ("INSERT INTO patients VALUES (1, 'x', '123', 42, 'n', DATE '1980-01-01')", &[]),
    ("INSERT INTO patients (ssn) VALUES ('1') ON CONFLICT DO NOTHING RETURNING id + 1, ssn = '1'", &["'1'", "'1'"]),
    ("INSERT INTO patients (ssn, id) SELECT '1', 5 / 2", &["'1'"]),
    (
        "UPDATE patients SET ssn = '1', id = id + 1, note = E'it\\'s', price = 5.5 WHERE ssn <> '2' AND id > 3",
        &["'1'", "E'it\\'s'", "'2'"],
    ),
    ("UPDATE patients SET (ssn, id) = ('1', 2) WHERE id = -1", &["'1'"]),
    (
        "WITH w AS (UPDATE patients SET age = 44 WHERE id = 1 RETURNING *) SELECT * FROM w WHERE w.ssn = 'q' LIMIT 10",
        &["44", "'q'"],
    ),
    ("DELETE FROM patients WHERE ssn IN ('1', '2') AND name LIKE 'a%' ESCAPE '!'", &["'1'", "'2'"]),
    // Predicates.
    ("SELECT * FROM patients WHERE '1' = ssn", &["'1'"]),
    ("SELECT * FROM patients WHERE ssn='1'AND id=1", &["'1'"]),
    ("SELECT * FROM patients WHERE ssn = ANY ('{a,b}') AND tags && '{x}'", &["'{a,b}'"]),
    ("SELECT * FROM patients WHERE ssn IS NOT DISTINCT FROM $$1$$ OR (ssn) = ('1')", &["$$1$$", "'1'"]),
    ("SELECT * FROM patients WHERE ssn OPERATOR(strongroom.=) '1'", &["'1'"]),
    ("SELECT * FROM patients WHERE ssn = $1 AND age = 42 AND name = $2", &["42"]),
    ("SELECT * FROM patients WHERE ssn = coalesce('a', ssn) AND age = 1_0", &["'a'", "1_0"]),
    ("SELECT find('1'), nullif(ssn, '2') FROM patients", &["'1'", "'2'"]),
    (
        "SELECT CASE WHEN ssn = 'x' THEN 'hit' ELSE 'no' END, 1 + CASE ssn WHEN 'y' THEN 1 ELSE 0 END FROM patients",
        &["'x'", "'y'"],
    ),
    ("SELECT count(*) FROM patients GROUP BY ssn HAVING ssn = '1'", &["'1'"]),
    ("SELECT p.* FROM patients p JOIN (VALUES (1, 'a'), (2, 'b')) v(k, n) ON v.k = p.id WHERE age = 7", &["7"]),
    // What is no value of an encrypted column and must not stand in the way.
    ("SELECT id FROM patients WHERE ssn = '1' ORDER BY 1, id + 1 LIMIT 5 OFFSET 1", &["'1'"]),
    (
        "SELECT name, count(*) FROM patients WHERE ssn = '1' GROUP BY 1 ORDER BY 2 DESC NULLS LAST FETCH FIRST 3 ROWS ONLY",
        &["'1'"],
    ),
    ("SELECT DISTINCT ON (1) id FROM patients WHERE ssn = '1' ORDER BY 1", &["'1'"]),
    ("SELECT date_trunc('day', at), count(*) FROM patients WHERE ssn = '1' GROUP BY date_trunc('day', at)", &["'1'"]),
    ("SELECT name || 'x' FROM patients WHERE ssn = '1' GROUP BY name || 'x'", &["'1'"]),
    ("SELECT '1' || name, ssn = '1' FROM patients GROUP BY '1' || name, ssn", &["'1'"]),
    ("SELECT DISTINCT name || 'x' FROM patients WHERE ssn = '1' ORDER BY name || 'x'", &["'1'"]),
    (
        "SELECT price::numeric(12,3), CAST(name AS varchar(20)), name::pg_catalog.varchar(3), '1'::char(2) FROM patients WHERE age = 5",
        &["5"],
    ),
    (
        "SELECT * FROM patients WHERE at > now() - interval '1 day' AND at < timestamp with time zone '2020-01-01' AND ssn = '1'",
        &["'1'"],
    ),
    (
        "SELECT interval '1' day, interval(3) '1 s', interval '1-2' year to month, time(3) without time zone '10:00' FROM patients WHERE ssn = 'b'",
        &["'b'"],
    ),
    (
        "SELECT double precision '1.5', character varying(5) 'ab', numeric(5,2) '1.5', pg_catalog.date '2020-01-01', N'q', national character 'y', bit varying(3) '101' FROM patients WHERE ssn = 'c'",
        &["'c'"],
    ),
    (
        "SELECT at AT TIME ZONE 'UTC', extract('year' FROM at), extract(month FROM at) FROM patients WHERE ssn = 'd'",
        &["'d'"],
    ),
    (
        "SELECT format('%s', 'x'), concat('a', 1, true), 'y' IS NULL, json_build_object('k', 'v') FROM patients WHERE ssn = 'e'",
        &["'e'"],
    ),
    (
        "SELECT round(1.005, 2), generate_series(1, 3), 7 / 2, 2 ^ 3, -id, - 5 + id, abs(-3), @ -4 FROM patients WHERE age = 6",
        &["6"],
    ),
    (
        "SELECT * FROM patients WHERE ssn = ANY (ARRAY['canary', E'can\\'\"ary', NULL])",
        &["ARRAY['canary', E'can\\'\"ary', NULL]"],
    ),
    ("SELECT * FROM patients WHERE age <> ALL (array [ 7, 8 ]) AND id = ANY (ARRAY[1])", &["array [ 7, 8 ]"]),
    ("SELECT * FROM patients WHERE id = ANY (ARRAY[1, 2]) AND age = 8 AND (ARRAY[[1],[2]])[1][1] = 1", &["8"]),
    (
        "SELECT substring(name FROM 1 FOR 2), overlay(name PLACING 'x' FROM 1), trim(both ' ' from name), position('a' in name) FROM patients WHERE ssn = 'f'",
        &["'f'"],
    ),
    (
        "SELECT doc -> 'a' ->> 0, doc #>> '{a,b}', doc['x'], doc @> '{\"a\": 1}', doc ? 'k' FROM patients WHERE ssn = 'g'",
        &["'g'"],
    ),
    ("SELECT * FROM patients WHERE active = true AND active IS NOT FALSE AND true AND ssn = 'h'", &["'h'"]),
    ("SELECT X'1F', B'101' & b'100' FROM patients WHERE ssn = 'i'", &["'i'"]),
    (
        "SELECT sum(id) OVER (ORDER BY id ROWS 2 PRECEDING), ntile(4) OVER (PARTITION BY 1 ORDER BY id) FROM patients WHERE ssn = 'j'",
        &["'j'"],
    ),
    ("SELECT '2020-01-01'::date + 5, 'x'::text, '5'::int FROM patients WHERE ssn = 'k'", &["'k'"]),
    ("SELECT * FROM patients TABLESAMPLE bernoulli (10) REPEATABLE (5) WHERE ssn = 'l'", &["'l'"]),
    ("SELECT xmlroot(xml '<a/>', version '1.0', standalone yes) FROM patients WHERE ssn = 'm'", &["'m'"]),
    (
        "SELECT GROUPING(name), count(*) FROM patients WHERE ssn = 'n' GROUP BY ROLLUP (1, name), GROUPING SETS ((name), ())",
        &[],
    ),
    (
        "SELECT make_interval(days => 5), lpad(name, 5, 'x'), 1 = 1, 'a' || 'b', 'a' || 5, coalesce(id, 0) FROM patients WHERE ssn = 'o'",
        &["'o'"],
    ),
    (
        "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t, patients WHERE ssn = 'p'",
        &["'p'"],
    ),
    ("CREATE TABLE found AS SELECT * FROM patients WHERE ssn = 'q' AND id = 4", &["'q'"]),
    ("TABLE patients LIMIT 3", &[]),
];

#[test]
fn literals_of_encrypted_columns_are_found() {
    let Some(oracle) = Oracle::start("literals_of_encrypted_columns_are_found") else { return };
    oracle.run(CLASSES).unwrap();
    // Operators of the classes are found in any search path, but these statements name other types first.
    let mut wrong = Vec::new();
    for (text, expected) in STATEMENTS {
        let (found, outcome) = ask(&oracle, text);
        let classes: Vec<&str> = found.iter().filter(|(_, class)| *class).map(|(text, _)| text.as_str()).collect();
        if classes != *expected || (outcome.is_err() && !expected.is_empty()) {
            wrong.push(format!("{text}\n  expected {expected:?}\n  found {classes:?}\n  {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Statements that PostgreSQL refuses for a plain literal beside an encrypted column, or that make no sense: whatever is tried, no
/// value reaches the server's log.
const REFUSED: &[&str] = &[
    "SELECT * FROM patients WHERE ssn = upper('canary')",
    "SELECT * FROM patients WHERE ssn = 'canary'::text",
    "SELECT * FROM patients WHERE ssn LIKE 'canary%'",
    "SELECT * FROM patients WHERE ssn > 'canary'",
    "SELECT * FROM patients WHERE note = 'canary'",
    "SELECT * FROM patients WHERE ssn BETWEEN 'canary' AND 'canary'",
    "INSERT INTO patients (ssn) VALUES (coalesce('canary', 'canary'))",
    "INSERT INTO patients (ssn) VALUES 'canary'",
    "INSERT INTO patients (ssn) VALUES ('canary',)",
    "INSERT INTO patients (ssn, nothing) VALUES ('canary', 'canary')",
    "INSERT INTO patients (born) VALUES (date '1999-canary')",
    "SELECT * FROM patients WHERE born = date '1999-canary'",
    "SELECT * FROM patients WHERE ssn = ANY (ARRAY['canary', 'canary']::text[])",
    "SELECT * FROM patients WHERE ssn = ANY (ARRAY['canary' || 'canary'])",
    "SELECT * FROM patients WHERE ARRAY[ssn] = ARRAY['canary']",
    "INSERT INTO patients (ssn) SELECT ALL (ARRAY['canary', 'canary'])",
    "SELECT * FROM patients WHERE ssn = 'canary' 'canary'",
    "SELECT * FROM patients WHERE age = 4711 + 4711",
    "SELECT * FROM patients WHERE age > 4711",
    "SELECT * FROM patients WHERE x = 4711 AND age = 4711",
    "UPDATE patients SET age = 4711::int",
    "UPDATE patients SET age = age + 4711",
    "UPDATE patients SET age = 4711 WHERE",
    "INSERT INTO patients (age) VALUES (4711) (4711)",
    "SELECT * FROM patients WHERE (ssn, age) < ('canary', 4711)",
    "SELECT ssn FROM patients UNION SELECT upper('canary')",
    "SELECT 'canary'",
    "SELECT ''canary",
    "SELEC 'canary' 4711",
    "INSERT INTO patients (ssn) VALUES (E'cana\\x72y') GROUP",
    "SELECT * FROM patients WHERE ssn = U&'\\0063anary' AND ssn > U&'\\0063anary'",
    "SELECT * FROM patients WHERE age = 0.4711 AND age::int > 0.4711 LIMIT (",
];

#[test]
fn what_is_refused_is_not_shown_to_the_server() {
    let Some(oracle) = Oracle::start("what_is_refused_is_not_shown_to_the_server") else { return };
    oracle.run(CLASSES).unwrap();
    for text in REFUSED {
        let (found, outcome) = ask(&oracle, text);
        assert!(outcome.is_err() || found.iter().all(|(_, class)| !class), "{text}: {found:?}");
    }
    let log = oracle.postgres.log();
    assert!(log.contains("upper( $1 )"), "the log holds what was asked: {log}");
    let leak = log.lines().find(|line| line.contains("canary") || line.contains("4711") || line.contains("0063"));
    assert_eq!(leak, None);
}

/// What is sent in the end is the client's text but for the literals of encrypted columns, and PostgreSQL takes it.
#[test]
fn a_spliced_statement_runs() {
    let Some(oracle) = Oracle::start("a_spliced_statement_runs") else { return };
    oracle.run(CLASSES).unwrap();
    let text = "INSERT INTO patients(id,ssn,age,name)VALUES(1,'1',-42,'1'),(2,E'\\062',+7,'é')/* '1' */RETURNING id;";
    let tokens = scan(text).unwrap();
    let probe = Probe::new(text, &tokens[..tokens.len() - 1]);
    let variant = probe.first();
    let types = oracle.describe(&variant.sql).unwrap();
    let (mut parts, mut sealed) = (Vec::new(), Vec::new());
    for (literal, number) in probe.literals().iter().zip(&variant.numbers) {
        let oid = types[number.unwrap() as usize - 1];
        let class = oracle.value(&format!("SELECT format_type({oid}, NULL)"));
        if class == "ssn" || class == "age" {
            sealed.push(literal.value.as_ref().unwrap().text().to_owned());
            parts.push((literal.span, format!("'\\x{}'::strongroom.{class}", "01".repeat(65))));
        }
    }
    assert_eq!(sealed, ["1", "-42", "2", "+7".trim_start_matches('+')]);
    let spliced = splice(text, &parts);
    assert_eq!(spliced.matches("\\x01").count(), 4);
    let rows = oracle.run(&spliced).unwrap().rows;
    assert_eq!(rows, [[Some("1".to_owned())], [Some("2".to_owned())]]);
    assert_eq!(oracle.value("SELECT string_agg(name, ',' ORDER BY id) FROM patients"), "1,é");
}

/// The position PostgreSQL gives in a form is that of the same thing in the client's text.
#[test]
fn positions_are_those_of_the_clients_text() {
    let Some(oracle) = Oracle::start("positions_are_those_of_the_clients_text") else { return };
    let cases = [
        "SELECT 'é', nothing FROM pg_class",
        "SELECT 'a', 'bcd' + nothing, date '2020-01-01' FROM pg_class",
        "SELECT 1, 'x' FROM pg_class WHERE relname = 'é' AND nothing",
    ];
    for text in cases {
        let tokens = scan(text).unwrap();
        let probe = Probe::new(text, &tokens);
        let variant = probe.first();
        let direct = oracle.describe(text).unwrap_err();
        let asked = oracle.describe(&variant.sql).unwrap_err();
        assert_eq!(direct.sqlstate, asked.sqlstate, "{text}");
        assert_eq!(variant.original_position(&probe, asked.position.unwrap()), direct.position, "{text}");
    }
}

/// One parameter more than two bytes can count does not fit.
#[test]
fn many_literals() {
    let fits = |count: usize| {
        let text = format!("INSERT INTO t VALUES ($2{})", ", 'x'".repeat(count));
        let tokens = scan(&text).unwrap();
        Probe::new(&text, &tokens).fits()
    };
    assert!(fits(65_533));
    assert!(!fits(65_534));
}

/// The queries of psql's own commands and of pg_dump, which are long and written by hand: every one that PostgreSQL takes as it is
/// has a form with parameters that it takes, too.
#[test]
fn queries_of_other_programs_have_forms() {
    let Some(oracle) = Oracle::start("queries_of_other_programs_have_forms") else { return };
    oracle.run(CLASSES).unwrap();
    let commands = "\\d\n\\d patients\n\\dt+ *.*\n\\df *.*\n\\du+\n\\l+\n\\dn+\n\\dT+ *.*\n\\do *.*\n\\dx\n\\dy\n\\db+\n\\dd\n\\ddp\n\\des\n\\dF\n\\di+ *.*\n\\dp\n\\dRp\n\\drds\n\\dAc\n\\dAf\n\\dC\n\\dD+\n\\dL\n\\dm\n\\dO\n\\dP\n\\dv+ *.*\n\\sf find\n\\dconfig\n";
    oracle.postgres.psql("postgres", commands).unwrap();
    let dump = oracle.postgres.command("pg_dump").args(["--inserts", "postgres"]).output().unwrap();
    assert!(dump.status.success(), "{dump:?}");
    let mut texts: Vec<String> = statements_in(&oracle.postgres.log());
    texts.sort();
    texts.dedup();
    let (mut asked, mut wrong) = (0, Vec::new());
    for text in texts {
        let tokens = scan(&text).unwrap();
        if classify(&text, &tokens) != Statement::Query || oracle.describe(&text).is_err() {
            continue;
        }
        asked += 1;
        if let (_, Err(refused)) = ask(&oracle, &text) {
            wrong.push(format!("{text}\n{refused:?}"));
        }
    }
    assert!(asked > 100, "{asked} queries");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// The statements of a server's log; those of several lines are indented there.
fn statements_in(log: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut within = false;
    for line in log.lines() {
        if let Some((_, text)) = line.split_once("statement: ") {
            found.push(text.to_owned());
            within = true;
        } else if let (true, Some(rest), Some(last)) = (within, line.strip_prefix('\t'), found.last_mut()) {
            last.push('\n');
            last.push_str(rest);
        } else {
            within = false;
        }
    }
    found
}
