//! The same statements on a plain table and through the proxy: the same rows, the same tags, the same SQLSTATEs.

use strongroom_column_pg::session::Encryption;

use super::stage::{Stage, run, text};

const TABLES: &str = "
create table people (
  id int primary key, ssn text not null, note text, born date, weight numeric(6,2), active boolean, score float8, tag uuid,
  seen timestamptz, raw bytea, small int2, label varchar(12));
create table visits (id int primary key, person int, ssn text, reason text);
create table other (id int, name text);
insert into people values (1, 'seed-1', 'first', '1970-01-01', 70.5, true, 1.5, '00000000-0000-0000-0000-000000000001',
  '2020-02-03 04:05:06+00', '\\x01ff', 7, 'one'), (2, 'seed-2', null, null, null, null, null, null, null, null, null, null);
insert into visits values (1, 1, 'seed-1', 'check');
insert into other values (1, 'plain');
create table letters (id int, body text) partition by hash (id);
create table letters_0 partition of letters for values with (modulus 2, remainder 0);
create table letters_1 partition of letters for values with (modulus 2, remainder 1);
create view adults as select id, ssn, born from people where id < 1000;
create view visitors as select a.ssn as who, v.reason from adults a join visits v on v.person = a.id;
";

const COLUMNS: &[&str] = &[
    "public.people.ssn:deterministic",
    "public.people.note:randomized",
    "public.people.born:randomized",
    "public.people.weight:randomized",
    "public.people.active:randomized",
    "public.people.score:randomized",
    "public.people.tag:deterministic",
    "public.people.seen:randomized",
    "public.people.raw:randomized",
    "public.people.small:randomized",
    "public.people.label:randomized",
    "public.visits.reason:randomized",
    "public.letters.body:randomized",
];

/// One statement each; `CANARY` marks values that must not reach the server.
const STATEMENTS: &[&str] = &[
    "select id, ssn, note, born, weight, active, score, tag, seen, raw, small, label from people order by id",
    "insert into people (id, ssn, note, born, weight, active, score, tag, seen, raw, small, label) values (10, 'CANARY-ssn-10', 'CANARY it''s', '1980-12-31', 12.34, false, 2.25, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-01-02 03:04:05.678+02', '\\xdeadbeef', 12, 'CANARY-lbl')",
    "select note, born, weight, active, score, tag, seen, raw, small, label from people where ssn = 'CANARY-ssn-10'",
    "select id from people where 'CANARY-ssn-10' = ssn",
    "select id from people where ssn in ('CANARY-ssn-10', 'CANARY-none') order by id",
    "select id from people where ssn <> 'CANARY-ssn-10' order by id",
    "select id from people where ssn is not distinct from 'CANARY-ssn-10'",
    "insert into people (id, ssn) values (11, 'CANARY-ssn-11'), (12, 'CANARY-ssn-12') returning id, ssn",
    "update people set note = E'CANARY tab\\there', weight = -0.5 where ssn = 'CANARY-ssn-11' returning note, weight",
    "update people set (note, born) = ($$CANARY dollar$$, '0001-01-01') where id = 12 returning note, born",
    "insert into people (id, ssn, note) values (12, 'CANARY-up', 'CANARY-conflict') on conflict (id) do update set note = excluded.note, ssn = 'CANARY-up-2' returning ssn, note",
    "select p.ssn, v.reason from people p join visits v on v.person = p.id order by v.id",
    "select id from people where ssn = any ('{CANARY-ssn-10,seed-1}') order by id",
    "select id from people where ssn = any (array['CANARY-ssn-10', 'seed-1', null]) order by id",
    "select id from people where ssn <> all (array['CANARY-ssn-10', E'CANARY \\\\ \"', $$CANARY {,}$$]) order by id",
    "update people set note = 'CANARY-any' where ssn = some(ARRAY['seed-1']) returning id",
    "select count(*) from people where id = any (array[1, 2, 10]) and tag = '00000000-0000-0000-0000-000000000001'",
    "select count(*) from other where name = any (array['plain', 'other']) and 'plain' = any (array['plain'])",
    "insert into letters values (1, 'CANARY-letter-1'), (2, 'CANARY-letter-2'), (3, null) returning id, body",
    "update letters set id = id + 1, body = 'CANARY-moved' where id < 3 returning id, body",
    "select id, body from letters order by id",
    "select count(body) from letters_0",
    "delete from letters_1 where id > 1 and body is not null returning body",
    "select count(*) from (select distinct ssn from people where id < 3) x",
    "select count(*), ssn from people where id < 3 group by ssn having ssn = 'seed-1'",
    "select coalesce(note, 'CANARY-coalesce') from people where id = 2",
    "select id, ssn from adults where ssn = 'CANARY-ssn-10'",
    "select who, reason from visitors where who = 'CANARY-none' or reason is not null order by reason is null limit 1",
    "insert into adults (id, ssn, born) values (30, 'CANARY-view', '1999-09-09') returning ssn, born",
    "with x as (select ssn from people where id = 10) select ssn from x where ssn = 'CANARY-ssn-10'",
    "insert into visits (id, person, ssn, reason) values (2, 10, 'open', 'CANARY-reason') returning id, reason",
    "insert into people (id, ssn, note) select 20, 'CANARY-sel', 'CANARY-sel-note' returning ssn, note",
    "select case when ssn = 'CANARY-ssn-10' then 'yes' else 'no' end from people where id = 10",
    "select * from other where name = 'plain'",
    "delete from people where ssn = 'CANARY-sel' returning id",
    "begin; insert into people (id, ssn) values (30, 'CANARY-tx'); select ssn from people where id = 30; rollback",
    "select count(*) from people where ssn = 'CANARY-tx'",
    "insert into people (id, ssn, small) values (40, 'x', 99999)",
    "insert into people (id, ssn, born) values (41, 'x', '2021-02-30')",
    "insert into people (id, ssn, weight) values (42, 'x', 123456.7)",
    "insert into people (id, ssn, label) values (43, 'x', 'much too long a label')",
    "insert into people (id, ssn, tag) values (44, 'x', 'no uuid')",
    "insert into people (id, ssn) values (10, 'CANARY-dup')",
    "insert into people (id, ssn) values (45, null)",
    "select nosuch from people where ssn = 'CANARY-x'",
    "prepare p1 as select id from people where ssn = $1; execute p1 ('CANARY-ssn-10'); deallocate p1",
    "begin; declare c cursor for select ssn from people where id in (1, 10) order by id; fetch 1 from c; fetch all from c; close c; commit",
    "truncate visits",
    "select 1; select ssn from people where id = 1; select 2",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_psql_shows_is_what_a_plain_table_shows() {
    let test = "what_psql_shows_is_what_a_plain_table_shows";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Enabled).await else { return };
    let mut different = Vec::new();
    for statement in STATEMENTS {
        let mut shown = Vec::new();
        for mut psql in [stage.direct("psql"), stage.through("psql")] {
            psql.args(["-XAt", "-v", "VERBOSITY=sqlstate", "-c", statement]);
            let output = run(psql).await;
            shown.push((text(&output.stdout), text(&output.stderr)));
        }
        if shown[0] != shown[1] {
            different.push(format!("{statement}\n  plain   {:?}\n  through {:?}", shown[0], shown[1]));
        }
    }
    assert!(different.is_empty(), "{} of {}:\n{}", different.len(), STATEMENTS.len(), different.join("\n"));
    // The plain database has them, of course.
    stage.scene.postgres.psql("postgres", "drop database plain").unwrap();
    assert!(!stage.tap.holds(b"CANARY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_asking_for_it_cells_are_seen_and_a_dump_restores() {
    let test = "without_asking_for_it_cells_are_seen_and_a_dump_restores";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Disabled).await else { return };
    let mut psql = stage.through("psql");
    psql.args(["-XAt", "-c", "select ssn from people where id = 1"]);
    let seen = text(&run(psql).await.stdout);
    assert!(seen.starts_with("\\x01") && seen.len() == 2 + 2 * 65, "{seen}");
    // Asked for, by each connection.
    for asked in ["dbname=app!enabled", "dbname=app options='-c strongroom.column_encryption=enabled'"] {
        let mut psql = stage.through("psql");
        psql.args(["-XAt", "-c", "select ssn from people where id = 1", asked]);
        assert_eq!(text(&run(psql).await.stdout), "seed-1", "{asked}");
    }
    let dump = stage.folder().join("dump.sql");
    let mut pg_dump = stage.through("pg_dump");
    pg_dump.args(["-t", "people", "-a", "--no-owner", "-f"]).arg(&dump);
    let dumped = run(pg_dump).await;
    assert!(dumped.status.success(), "{}", text(&dumped.stderr));
    stage.scene.sql("create table kept as select id, ssn from people; truncate people");
    let mut psql = stage.through("psql");
    psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&dump);
    let restored = run(psql).await;
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let same = stage.scene.sql("select count(*) from people p join kept k using (id) where p.ssn = k.ssn");
    assert_eq!(same.trim(), "2");
}
