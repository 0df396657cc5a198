//! What comes later in a session's or a database's life: encryption asked for, a backup restored.

use std::process::Output;
use std::sync::Arc;

use strongroom_column_pg::catalogue::{Loader, Memory};
use strongroom_column_pg::proxy::Proxy;
use strongroom_column_pg::proxy::keys::Unwrap;
use strongroom_column_pg::proxy::upstream::Place;
use strongroom_column_pg::session::Encryption;

use super::stage::{Stage, run, settings, text};

const TABLES: &str = "
create table secrets (id int primary key, value text not null, kind text);
insert into secrets values (1, 'seed-1', 'a'), (2, 'seed-2', 'b');
";

const VALUE: &str = "public.secrets.value:deterministic";

async fn psql(stage: &Stage, proxy: &Proxy, statements: &str) -> (String, String) {
    let mut psql = stage.led("psql", proxy.address().port(), "app");
    psql.current_dir(stage.folder());
    let script = stage.folder().join("later.sql");
    std::fs::write(&script, statements).unwrap();
    psql.args(["-XAtq", "-f"]).arg(&script);
    let Output { stdout, stderr, .. } = run(psql).await;
    (text(&stdout), text(&stderr))
}

/// What the database has for a role takes more care than the listener, or does not count; the client's own word does.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_be_set_to_ask_for_encryption() {
    let test = "a_role_may_be_set_to_ask_for_encryption";
    let Some(stage) = Stage::new(test, TABLES, &[VALUE], Encryption::Disabled).await else { return };
    // A value, or a cell as bytes.
    let seen = async || psql(&stage, &stage.proxy, "select value from secrets where id = 1").await.0[..4].to_owned();
    let set = |place: &str, word: &str| {
        stage.scene.sql(&format!("alter {place} set strongroom.column_encryption = {word}"));
    };
    assert_eq!(seen().await, "\\x01");
    // All roles, the database, the role, the role in the database: the later counts.
    set("role all", "enabled");
    assert_eq!(seen().await, "seed");
    set("database app", "disabled");
    assert_eq!(seen().await, "\\x01");
    set("role anna", "resultsetonly");
    assert_eq!(seen().await, "seed");
    let compared = "select value from secrets where value = 'CANARY-seven'";
    let (said, complaints) = psql(&stage, &stage.proxy, compared).await;
    assert!(said.is_empty() && complaints.contains("resultsetonly"), "{said}{complaints}");
    set("role anna in database app", "enabled");
    let (said, complaints) = psql(&stage, &stage.proxy, compared).await;
    assert_eq!((said.as_str(), complaints.as_str()), ("", ""));
    let there_and_back =
        "set strongroom.column_encryption = disabled; select left(value::text, 4) from secrets where id = 1;
        reset strongroom.column_encryption; select value from secrets where id = 2";
    let (said, complaints) = psql(&stage, &stage.proxy, there_and_back).await;
    assert_eq!(said, "\\x01\nseed-2", "{complaints}");

    // Whoever administers the database cannot have values sent in clear: what the listener does counts then.
    let keys = Arc::clone(&stage.keys) as Arc<dyn Unwrap>;
    let careful = Proxy::start(settings(&stage.scene, Encryption::Enabled), keys).await.unwrap();
    set("role anna in database app", "disabled");
    let careful_too = "select id from secrets where value = 'CANARY-eight' union select 9";
    assert_eq!(psql(&stage, &careful, careful_too).await.0, "9");
    set("role anna in database app", "perhaps");
    let (said, complaints) = psql(&stage, &careful, "select 1").await;
    assert!(said.is_empty() && complaints.contains("ALTER ROLE or ALTER DATABASE"), "{complaints}");
    careful.stop().await;
    stage.assert_nowhere(&["CANARY"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_asks_for_encryption_when_it_likes() {
    let test = "a_session_asks_for_encryption_when_it_likes";
    let Some(stage) = Stage::new(test, TABLES, &[VALUE], Encryption::Disabled).await else { return };
    let statements = "
        select substr(value::text, 1, 4) from secrets where id = 1;
        begin;
        set strongroom.column_encryption = enabled;
        insert into secrets (id, value) values (3, 'CANARY-three');
        select value from secrets where value = 'CANARY-three';
        rollback;
        select substr(value::text, 1, 4) from secrets where id = 1;
        set strongroom.column_encryption to 'resultsetonly';
        select value from secrets where id = 1;
        insert into secrets (id, value) values (4, 'CANARY-four');
        set strongroom.column_encryption = enabled;
        prepare find as select id from secrets where value = $1;
        execute find('seed-2');
        reset strongroom.column_encryption;
        select substr(value::text, 1, 4) from secrets where id = 2;
        set strongroom.column_encryption = perhaps;
        set local strongroom.column_encryption = enabled;
        select set_config('strongroom.column_encryption', 'enabled', false);
        select 'still here'";
    let (said, complaints) = psql(&stage, &stage.proxy, statements).await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines, ["\\x01", "CANARY-three", "\\x01", "seed-1", "2", "\\x01", "still here"], "{complaints}");
    let complained: Vec<&str> = complaints.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(complained.len(), 4, "{complaints}");
    assert!(complained[0].contains("resultsetonly"), "{complaints}");
    assert!(complained[1].contains("one of enabled, resultsetonly, disabled"), "{complaints}");
    assert!(complained[3].contains("changed by SET, not by set_config"), "{complaints}");
    stage.assert_nowhere(&["CANARY"]);
}

/// To the server it is a setting, which a rollback takes back: what comes after that is not sent in clear.
#[tokio::test(flavor = "multi_thread")]
async fn encryption_that_was_put_off_is_back_after_a_rollback() {
    let test = "encryption_that_was_put_off_is_back_after_a_rollback";
    let Some(stage) = Stage::new(test, TABLES, &[VALUE], Encryption::Enabled).await else { return };
    let off = "set strongroom.column_encryption = disabled";
    let statements = format!(
        "begin; {off}; rollback;
        insert into secrets (id, value) values (5, 'CANARY-five');
        begin; savepoint a; {off}; rollback to a; insert into secrets (id, value) values (6, 'CANARY-six'); commit;
        {off}\\; select 1 / 0;
        insert into secrets (id, value) values (7, 'CANARY-seven');
        begin; {off}; select 1 / 0; commit;
        insert into secrets (id, value) values (8, 'CANARY-eight');
        select count(*) from secrets where value like 'CANARY%';
        select count(*) from secrets where value in ('CANARY-five', 'CANARY-six', 'CANARY-seven', 'CANARY-eight');
        begin; {off}; commit;
        select substr(value::text, 1, 4) from secrets where id = 1;
        begin; set strongroom.column_encryption = enabled; savepoint a; select 1 / 0; rollback to a; commit;
        select value from secrets where id = 1"
    );
    let (said, complaints) = psql(&stage, &stage.proxy, &statements).await;
    assert_eq!(said.lines().collect::<Vec<_>>(), ["4", "\\x01", "seed-1"], "{complaints}");
    stage.assert_nowhere(&["CANARY-"]);
}

/// Where strings end is a setting, too, of which the server says nothing when a rollback has left it as it was.
#[tokio::test(flavor = "multi_thread")]
async fn strings_are_read_as_the_server_reads_them_after_a_rollback() {
    let test = "strings_are_read_as_the_server_reads_them_after_a_rollback";
    let Some(stage) = Stage::new(test, TABLES, &[VALUE], Encryption::Enabled).await else { return };
    // To PostgreSQL the first string ends behind `CANARY-two` when backslashes escape, and before it when they do not.
    let insert = "insert into secrets (id, kind, value) values (7, 'a\\', 'CANARY-one'), (8, ', --', 'CANARY-two')";
    let (off, on) = ("set standard_conforming_strings = off", "set standard_conforming_strings = on");
    for before in [
        format!("{off}; {on}\\; select 1 / 0;"),
        format!("{off}; begin; {on}; rollback;"),
        format!("{off}; begin; savepoint a; {on}; rollback to a;"),
        format!("{on}; begin; set local standard_conforming_strings = off;"),
    ] {
        let (said, why) = psql(&stage, &stage.proxy, &format!("{before}\n{insert}")).await;
        assert!(said.is_empty() && why.contains("standard_conforming_strings"), "{before}: {said}{why}");
    }
    let bytes = "select E'\\\\x41'::bytea";
    let script = format!("begin; set bytea_output = escape; {bytes}; rollback; {bytes}; {on}; {insert} returning id");
    let (said, why) = psql(&stage, &stage.proxy, &script).await;
    assert_eq!(said, "A\n\\x41\n7\n8", "{why}");
    stage.assert_nowhere(&["CANARY"]);
}

/// A backup from before a column was encrypted is signed and in order; but what is written to it now would be written in clear.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_backup_is_not_taken_for_the_database_after_a_restart() {
    let test = "an_older_backup_is_not_taken_for_the_database_after_a_restart";
    let Some(stage) = Stage::new(test, TABLES, &[VALUE], Encryption::Enabled).await else { return };
    let backup = stage.scene.postgres.socket_dir().join("backup");
    let programs = |program: &str, words: &[&str]| {
        let mut command = stage.scene.postgres.command(program);
        command.args(words).arg(&backup);
        async move {
            let output = run(command).await;
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
    };
    programs("pg_dump", &["--format=custom", "--dbname=app", "--file"]).await;
    let seen = stage.folder().join("seen.json");
    let proxy = |forget: bool| {
        let memory = Memory::in_file(seen.clone()).unwrap();
        assert!(!forget || memory.forget("app").unwrap());
        let loader = Loader::new(stage.scene.keys.public()).remembering(memory);
        let mut with_memory = settings(&stage.scene, Encryption::Enabled);
        with_memory.loader = loader;
        with_memory.upstream.place = Place::Tcp(stage.tap.address.ip().to_string(), stage.tap.address.port());
        Proxy::start(with_memory, Arc::clone(&stage.keys) as Arc<dyn Unwrap>)
    };
    let before = proxy(false).await.unwrap();
    stage.scene.enable(&["public.secrets.kind:randomized"]).await.unwrap();
    let newest = format!("\"sequence\": {},", stage.scene.sql("select max(sequence) from strongroom.manifest"));
    while !std::fs::read_to_string(&seen).is_ok_and(|text| text.contains(&newest)) {
        assert_eq!(psql(&stage, &before, "select kind from secrets where id = 2").await.0, "b");
    }
    before.stop().await;

    stage.scene.postgres.psql("postgres", "drop database app with (force)").unwrap();
    stage.scene.postgres.psql("postgres", "create database app").unwrap();
    programs("pg_restore", &["--dbname=app"]).await;
    let insert = "insert into secrets (id, value, kind) values (3, 'x', 'CANARY-kind') returning id";
    let after = proxy(false).await.unwrap();
    let (said, why) = psql(&stage, &after, insert).await;
    assert!(said.is_empty() && why.contains("went back") && why.contains("--forget-manifest app"), "{said}{why}");
    assert!(!stage.tap.holds(b"CANARY-kind"));
    after.stop().await;
    // It may have been on purpose.
    let forgetful = proxy(true).await.unwrap();
    assert_eq!(psql(&stage, &forgetful, insert).await, ("3".to_owned(), String::new()));
    forgetful.stop().await;
}

/// The order of columns changes, and what was meant for an encrypted one would be sent for another.
#[tokio::test(flavor = "multi_thread")]
async fn rows_without_names_are_refused_where_columns_stand_elsewhere_now() {
    let test = "rows_without_names_are_refused_where_columns_stand_elsewhere_now";
    let tables = format!("{TABLES} create table tidy (id int, value text); insert into tidy values (1, 'x');");
    let columns = [VALUE, "public.tidy.value:randomized"];
    let Some(stage) = Stage::new(test, &tables, &columns, Encryption::Enabled).await else { return };
    let refused = [
        "insert into secrets values (3, 'CANARY-a', 'c')",
        "insert into public.secrets as s select 3, 'CANARY-b', 'c'",
        "with one as (insert into secrets values (3, 'CANARY-c', 'c') returning id) select * from one",
        "explain insert into secrets values (3, 'CANARY-d', 'c')",
        "prepare p as insert into secrets values ($1, 'CANARY-e', $2)",
        "merge into secrets s using tidy t on s.id = 9 when not matched then insert values (3, 'CANARY-f', 'c')",
        "\\copy secrets from 'rows'",
    ];
    std::fs::write(stage.folder().join("rows"), "3\tCANARY-g\tc\n").unwrap();
    for statement in refused {
        let (said, why) = psql(&stage, &stage.proxy, statement).await;
        assert!(said.is_empty() && why.contains("Name the columns"), "{statement}: {said}{why}");
    }
    let (client, connection) =
        strongroom_column_pg::connect::open(&strongroom_column_pg::connect::Dsn::parse(&stage.url()).unwrap())
            .await
            .unwrap();
    tokio::spawn(connection);
    let why = client.prepare("insert into secrets values ($1, $2, $3)").await.unwrap_err();
    assert_eq!(why.code().unwrap().code(), "0A000");
    assert_eq!(stage.scene.sql("select count(*) from secrets"), "2");
    // Where the order is as it was, and where columns are named, nothing is in the way.
    let allowed = "insert into tidy values (2, 'CANARY-h');
        insert into secrets (id, value, kind) values (3, 'CANARY-i', 'c');
        copy secrets (id, value, kind) from stdin;\n4\tCANARY-j\td\n\\.
        select value, kind from secrets order by id offset 2; select value from tidy where id = 2";
    let (said, why) = psql(&stage, &stage.proxy, &allowed.replace("        ", "")).await;
    assert_eq!((said.as_str(), why.as_str()), ("CANARY-i|c\nCANARY-j|d\nCANARY-h", ""));
    stage.assert_nowhere(&["CANARY"]);
    // Encrypted no more: nothing to be careful with.
    stage.scene.disable(&["public.secrets.value"]).await.unwrap();
    while psql(&stage, &stage.proxy, "insert into secrets values (5, 'kind', 'value') returning id").await.0 != "5" {}
}
