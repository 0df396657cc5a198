//! Who does not keep to the rules: an administrator of the database, statements that fail, a key server that is away.

use std::sync::atomic::Ordering;

use strongroom_column_pg::session::Encryption;

use super::stage::{Stage, run, text};

const TABLES: &str = "
create table secrets (id int primary key, value text not null, kind text);
insert into secrets values (1, 'seed-1', 'a'), (2, 'seed-2', 'b');
";

const COLUMNS: &[&str] = &["public.secrets.value:deterministic", "public.secrets.kind:randomized"];

async fn psql(stage: &Stage, statement: &str) -> (String, String) {
    let mut psql = stage.through("psql");
    psql.args(["-XAt", "-v", "VERBOSITY=sqlstate", "-c", statement]);
    let output = run(psql).await;
    (text(&output.stdout), text(&output.stderr))
}

const READ: &str = "select value from secrets where id = 1";

/// What is done, how, and how it is taken back.
const CHANGES: &[(&str, &str, Option<&str>)] = &[
    (
        "the table replaced by a plain one",
        "alter table secrets rename to hidden; create table secrets (id int, value text, kind text);
         grant all on secrets to anna",
        Some("drop table secrets; alter table hidden rename to secrets"),
    ),
    (
        "columns changed for one another",
        "alter table secrets rename value to x; alter table secrets rename kind to value; alter table secrets rename x to kind",
        Some(
            "alter table secrets rename value to x; alter table secrets rename kind to value;
             alter table secrets rename x to kind",
        ),
    ),
    (
        "wrapped keys changed for one another",
        "create table kept_values as select * from strongroom.column_encryption_key_value;
         update strongroom.column_encryption_key_value v set encrypted_value =
           (select k.encrypted_value from kept_values k where k.column_encryption_key_id <> v.column_encryption_key_id)",
        Some(
            "update strongroom.column_encryption_key_value v set encrypted_value = k.encrypted_value from kept_values k
              where k.column_encryption_key_id = v.column_encryption_key_id",
        ),
    ),
    (
        "the manifest dropped",
        "create table kept_manifest as select * from strongroom.manifest; delete from strongroom.manifest",
        Some("insert into strongroom.manifest select * from kept_manifest"),
    ),
    (
        "the manifest edited",
        "update strongroom.manifest set document = replace(document, 'deterministic', 'randomized')",
        Some("delete from strongroom.manifest; insert into strongroom.manifest select * from kept_manifest"),
    ),
    (
        "a plain column beside it that takes its place",
        "alter table secrets rename value to gone; alter table secrets add value text",
        Some("alter table secrets drop value; alter table secrets rename gone to value"),
    ),
    (
        "the column made text",
        "alter table secrets alter value drop not null; alter table secrets alter value type text using value::bytea::text",
        None,
    ),
    ("the schema dropped", "drop schema strongroom cascade", None),
];

/// B21: whatever the administrator changes, the next statement is refused, and nothing of it was sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_changes_metadata_gets_no_value() {
    let test = "an_administrator_who_changes_metadata_gets_no_value";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Enabled).await else { return };
    assert_eq!(psql(&stage, READ).await.0, "seed-1");
    for (number, (what, change, back)) in CHANGES.iter().enumerate() {
        stage.scene.sql(change);
        if what.starts_with("wrapped keys") {
            // A key that is kept is right, whatever the database says since.
            while psql(&stage, READ).await.0 == "seed-1" {
                stage.proxy.reload(None);
            }
        }
        let canary = format!("CANARY-{number}-value");
        for statement in [
            format!("insert into secrets (id, value) values ({}, '{canary}')", 100 + number),
            format!("select id from secrets where value = '{canary}'"),
        ] {
            let (shown, why) = psql(&stage, &statement).await;
            assert!(
                shown.is_empty() && (why.contains("ERROR") || why.contains("FATAL")),
                "{what}: {statement}: {shown} {why}"
            );
        }
        assert!(!stage.tap.holds(canary.as_bytes()), "{what}: the value was sent");
        if let Some(back) = back {
            stage.scene.sql(back);
            // What was put right is believed as soon as the proxy has looked again.
            let mut shown = psql(&stage, READ).await;
            for _ in 0..50 {
                if shown.0 == "seed-1" {
                    break;
                }
                shown = psql(&stage, READ).await;
            }
            assert_eq!(shown, ("seed-1".to_owned(), String::new()), "after {what}");
        }
    }
    stage.assert_nowhere(&["CANARY"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_server_the_proxy_uses_the_keys_it_has() {
    let test = "without_its_key_server_the_proxy_uses_the_keys_it_has";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Enabled).await else { return };
    let read = "select value, kind from secrets where id = 1";
    assert_eq!(psql(&stage, read).await.0, "seed-1|a");
    stage.keys.down.store(true, Ordering::SeqCst);
    assert_eq!(psql(&stage, read).await.0, "seed-1|a");
    // As when the time of the keys is over.
    stage.proxy.reload(None);
    let (shown, why) = psql(&stage, read).await;
    assert!(shown.is_empty() && why.contains("08006"), "{shown} {why}");
    stage.keys.down.store(false, Ordering::SeqCst);
    assert_eq!(psql(&stage, read).await.0, "seed-1|a");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_cannot_be_sure_are_refused_before_anything_is_sent() {
    let test = "statements_that_cannot_be_sure_are_refused_before_anything_is_sent";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Enabled).await else { return };
    for statement in [
        "select id from secrets where value like 'CANARY%'",
        "select id from secrets where value < 'CANARY'",
        "select id from secrets where value between 'CANARY-a' and 'CANARY-b'",
        "select id from secrets where kind = 'CANARY'",
        "select id from secrets where value || 'CANARY' = 'CANARY'",
        "select id from secrets where upper(value) = 'CANARY'",
        "select id from secrets where value = lower('CANARY')",
        "insert into secrets values (7, 'CANARY' || 'x', 'CANARY')",
        "insert into secrets values (7, concat('CANARY', 'x'), 'b')",
        "do $$ begin insert into secrets values (8, 'CANARY', 'x'); end $$",
        "create function f() returns void language sql as $$ insert into secrets values (9, 'CANARY', 'x') $$",
        "insert into secrets (id, value) select 10, 'CANARY' union all select 11, 'CANARY'",
        "insert into secrets values (12, 'CANARY'::text, 'x')",
        "insert into secrets values (13, 'CANARY'",
        "update secrets set value = 'CANARY' where nosuch = 1",
        "copy secrets from program 'echo CANARY'",
        "insert into secrets values (14, B'1010', 'CANARY')",
        "select 'CANARY' as x from secrets order by value",
        "explain analyze insert into secrets values (15, 'CANARY', 'x'); select * from nosuch where value = 'CANARY'",
    ] {
        let (_, why) = psql(&stage, statement).await;
        let sent = stage.tap.holds(b"CANARY");
        assert!(!sent, "sent: {statement}: {why}");
        assert!(!why.contains("CANARY"), "{why}");
    }
    // The session is as it was before.
    assert_eq!(psql(&stage, "select value from secrets order by id").await.0, "seed-1\nseed-2");
    stage.assert_nowhere(&["CANARY"]);
}

/// A row or a document may hold a value of any column: what is in it is not looked at, so it does not go.
#[tokio::test(flavor = "multi_thread")]
async fn rows_and_documents_carry_no_values() {
    let test = "rows_and_documents_carry_no_values";
    let tables = format!(
        "{TABLES}; create domain only_secrets as secrets; create type pair as (s secrets, n int);
         create function kind_of(s secrets) returns text language sql as 'select $1.kind::text';
         create table plain (id int, name text); insert into plain values (1, 'x')"
    );
    let Some(stage) = Stage::new(test, &tables, COLUMNS, Encryption::Enabled).await else { return };
    for statement in [
        "insert into secrets select ('(7,CANARY-row,x)'::secrets).*",
        "insert into secrets select (('(\"(7,CANARY-row,x)\",1)'::pair).s).*",
        "insert into secrets select (s).* from unnest('{\"(7,CANARY-row,x)\"}'::secrets[]) s",
        "insert into secrets select (('(7,CANARY-row,x)'::only_secrets)::secrets).*",
        "select kind_of('(7,x,CANARY-argument)')",
        "insert into secrets select * from json_populate_recordset(null::secrets, '[{\"id\": 7, \"value\": \"CANARY-json\"}]')",
        "insert into secrets select * from jsonb_populate_record(null::secrets, '{\"id\": 7, \"value\": \"CANARY-json\"}')",
        "select 1 from secrets where (value, id) = '(CANARY-record,1)'",
        "select 1 from secrets where (value, id) = any (array['(CANARY-record,1)'])",
        "select 1 from secrets s where s = any (array['(1,CANARY-record,x)'])",
        "prepare p as select kind_of($1); execute p('(7,x,CANARY-argument)')",
    ] {
        let (out, complaint) = psql(&stage, statement).await;
        let refused = complaint.contains("0A000") || complaint.contains("42883") || complaint.contains("42804");
        assert!(out.lines().all(|line| line == "PREPARE") && refused, "{statement}: {out}{complaint}");
    }
    // Rows of other tables go as they are, also beside an encrypted one.
    let others =
        "insert into plain select * from json_to_recordset('[{\"id\": 2, \"name\": \"y\"}]') as x(id int, name text);
        select p.name from secrets s join plain p using (id) where (p.id, p.name) in ((2, 'y')) and s.value = 'seed-2'";
    assert_eq!(psql(&stage, others).await, ("INSERT 0 1\ny".into(), String::new()));
    stage.assert_nowhere(&["CANARY"]);
}
