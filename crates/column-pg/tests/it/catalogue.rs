//! The catalogue of a real database: what it finds, and that whoever edits the database's metadata gets nothing served.

use strongroom_column::manifest::VerifyingKey;
use strongroom_column_pg::catalogue::{Catalogue, Loader, Shape};
use strongroom_column_pg::connect;
use strongroom_column_pg::enable::keys;
use strongroom_crypto::signature::SigningKey;
use strongroom_secret::SigningSeed;
use tokio_postgres::Client;

use crate::enable::scene::Scene;

const TABLES: &str = "
create table public.t (id int primary key, secret text unique, note text);
insert into public.t select i, 'secret ' || i, 'note ' || i from generate_series(1, 200) i;
";

async fn scene(test: &str) -> Option<(Scene, Client, Loader)> {
    let scene = Scene::new(test, TABLES).await?;
    scene.enable(&["public.t.secret:deterministic", "public.t.note:randomized"]).await.unwrap();
    let client = scene.client().await;
    let loader = Loader::new(scene.keys.public());
    Some((scene, client, loader))
}

/// Does something behind the manifest's back, and expects that nothing is served; then takes it back.
async fn refused_while(scene: &Scene, client: &Client, loader: &Loader, change: &str, undo: &str, why: &str) {
    let before = loader.load(client).await.unwrap();
    assert_eq!(before.refused(), None, "before {change}");
    assert!(differences(client, &before).await.is_empty(), "before {change}");
    scene.sql(change);
    let after = loader.load(client).await.unwrap();
    let refused = after.refused().unwrap_or_default();
    assert!(refused.contains(why), "{change}: {refused:?}");
    assert!(after.sensitive("t"), "{change}");
    scene.sql(undo);
}

/// The same for what the session of a client sees by itself, with a catalogue from before.
async fn seen_while(scene: &Scene, client: &Client, loader: &Loader, change: &str, undo: &str, why: &str) {
    let before = loader.load(client).await.unwrap();
    refused_while(scene, client, loader, change, undo, why).await;
    scene.sql(change);
    let seen = differences(client, &before).await;
    assert!(seen.iter().any(|line| line.contains(why)), "{change}: {seen:?}");
    scene.sql(undo);
}

async fn differences(client: &Client, catalogue: &Catalogue) -> Vec<String> {
    let rows = client.query(catalogue.check(), &[]).await.unwrap();
    let text = |number: usize, row: &tokio_postgres::Row| row.get::<_, String>(number);
    rows.iter().map(|row| (0..4).map(|number| text(number, row)).collect::<Vec<_>>().join("/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_edits_columns_or_types_is_found_out() {
    let Some((scene, client, loader)) = scene("whoever_edits_columns_or_types_is_found_out").await else { return };
    let class = "strongroom.t_secret_text_det";
    let cases = [
        (
            "alter table t alter column note type text using note::text",
            "alter table t alter column note type strongroom.t_note_text_rnd using note::strongroom.t_note_text_rnd",
            "not of its encrypted type",
        ),
        (
            "alter table t rename column secret to old; alter table t add column secret text",
            "alter table t drop column secret; alter table t rename column old to secret",
            "not of its encrypted type",
        ),
        ("alter table t rename column note to other", "alter table t rename column other to note", "the column is missing"),
        ("alter table t rename to u", "alter table u rename to t", "the table is missing"),
        (
            "alter table t rename to u; create table t (id int, secret text, note text)",
            "drop table t; alter table u rename to t",
            "not of its encrypted type",
        ),
        ("create schema s; alter table t set schema s", "alter table s.t set schema public; drop schema s", "the table is missing"),
        (
            "alter type strongroom.t_secret_text_det rename to x; alter type strongroom.t_note_text_rnd rename to t_secret_text_det;
             alter type strongroom.x rename to t_note_text_rnd",
            "alter type strongroom.t_secret_text_det rename to x; alter type strongroom.t_note_text_rnd rename to t_secret_text_det;
             alter type strongroom.x rename to t_note_text_rnd",
            "the type",
        ),
        // An operator or a cast of this kind would have PostgreSQL take a parameter for text.
        (
            "create function f(strongroom.t_secret_text_det_cell, text) returns boolean language sql as 'select true';
             create operator public.= (leftarg = strongroom.t_secret_text_det_cell, rightarg = text, function = f)",
            "drop operator public.= (strongroom.t_secret_text_det_cell, text); drop function f",
            "operator between an encrypted type and another",
        ),
        (
            "create cast (text as strongroom.t_secret_text_det_cell) with inout as implicit",
            "drop cast (text as strongroom.t_secret_text_det_cell)",
            "cast of an encrypted type",
        ),
    ];
    for (change, undo, why) in cases {
        seen_while(&scene, &client, &loader, change, undo, why).await;
    }
    assert_eq!(
        scene.sql(&format!("select pg_typeof(secret) from t where id = 1 and secret::{class} is not null")),
        class
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_edits_the_tables_of_the_schema_is_found_out() {
    let Some((scene, client, loader)) = scene("whoever_edits_the_tables_of_the_schema_is_found_out").await else {
        return;
    };
    let cases = [
        (
            "update strongroom.encryption_class set encryption_type = 3 - encryption_type where name like 't_note%'",
            "update strongroom.encryption_class set encryption_type = 3 - encryption_type where name like 't_note%'",
            "another class or mode",
        ),
        (
            "create table kept as select * from strongroom.encrypted_column; delete from strongroom.encrypted_column",
            "insert into strongroom.encrypted_column select * from kept; drop table kept",
            "does not list public.t.",
        ),
        (
            "insert into strongroom.column_master_key (name, key_store_provider_name, key_path) values ('mine', 'MINE', 'x');
             insert into strongroom.column_encryption_key_value
             select k.column_encryption_key_id, m.column_master_key_id, 2, 'mine', 'RSA_OAEP'
               from strongroom.column_encryption_key k, strongroom.column_master_key m where m.name = 'mine' and k.name = 't_note'",
            "delete from strongroom.column_encryption_key_value where slot = 2;
             delete from strongroom.column_master_key where name = 'mine'",
            "a value that the manifest does not name",
        ),
        (
            "update strongroom.column_master_key set key_path = 'cmk2#1'",
            "update strongroom.column_master_key set key_path = 'cmk1#1'",
            "not under the master keys that the manifest names",
        ),
        (
            "update strongroom.manifest set document = replace(document, 'randomized', 'deterministic')",
            "update strongroom.manifest set document = replace(document, 'deterministic', 'randomized') where false",
            "not signed",
        ),
    ];
    let saved = scene.sql("select document from strongroom.manifest order by sequence desc limit 1");
    for (change, undo, why) in cases {
        refused_while(&scene, &client, &loader, change, undo, why).await;
    }
    scene.sql(&format!("update strongroom.manifest set document = $m${saved}$m$ where sequence = 3"));
    assert_eq!(loader.load(&client).await.unwrap().refused(), None);

    // Another key under the name: the check value of the manifest tells.
    let keys_before = loader.load(&client).await.unwrap();
    keys::open(scene.keys.as_ref(), keys_before.key("t_note").unwrap()).await.unwrap();
    scene.sql(
        "update strongroom.column_encryption_key_value v set encrypted_value = w.encrypted_value
           from strongroom.column_encryption_key_value w where v.column_encryption_key_id <> w.column_encryption_key_id",
    );
    let swapped = loader.load(&client).await.unwrap();
    let error = keys::open(scene.keys.as_ref(), swapped.key("t_note").unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("another key than the manifest's"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_gone_older_or_anothers_is_not_trusted() {
    let test = "a_manifest_that_is_gone_older_or_anothers_is_not_trusted";
    let Some((scene, client, loader)) = scene(test).await else { return };
    let catalogue = loader.load(&client).await.unwrap();
    assert_eq!((catalogue.refused(), catalogue.sequence()), (None, 3));

    let other = SigningKey::from_seed(&SigningSeed::from_slice(&[8; 32]).unwrap()).public();
    let spki = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], other.as_slice()].concat();
    let stranger = Loader::new(VerifyingKey::from_spki(&spki).unwrap()).load(&client).await.unwrap();
    assert!(stranger.refused().unwrap().contains("not signed by the key given"));
    assert!(stranger.sensitive("any_name"));

    let expect = async |change: &str, why: &str| {
        scene.sql(change);
        assert_eq!(differences(&client, &catalogue).await.len(), 1, "{change}");
        let refusing = loader.load(&client).await.unwrap();
        let refused = refusing.refused().unwrap_or_default();
        assert!(refused.contains(why), "{change}: {refused}");
        assert!(refusing.sensitive("any_name") && refusing.class_of(0).is_none());
    };
    scene.sql("create table kept as select * from strongroom.manifest");
    expect("delete from strongroom.manifest where sequence = 3", "went back from sequence 3 to 2").await;
    expect("delete from strongroom.manifest", "gone").await;
    scene.sql("insert into strongroom.manifest select * from kept");
    assert_eq!(loader.load(&client).await.unwrap().refused(), None);
    scene.sql("update strongroom.database set id = gen_random_uuid()");
    assert!(loader.load(&client).await.unwrap().refused().unwrap().contains("another database"));
    scene.sql("revoke select on strongroom.manifest from public");
    scene.sql("drop schema strongroom cascade");
    let refusing = loader.load(&client).await.unwrap();
    assert!(refusing.refused().unwrap().contains("gone"), "{:?}", refusing.refused());
    // A session that asks itself gets an error, which refuses as well.
    assert!(client.query(catalogue.check(), &[]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_means_another_table_in_this_session_is_seen() {
    let Some((scene, client, loader)) = scene("a_name_that_means_another_table_in_this_session_is_seen").await else {
        return;
    };
    let catalogue = loader.load(&client).await.unwrap();
    client.batch_execute("create temp table t (id int, secret text)").await.unwrap();
    let seen = differences(&client, &catalogue).await;
    assert!(seen.len() == 1 && seen[0].contains("/t/secret/in this session"), "{seen:?}");
    client.batch_execute("drop table t").await.unwrap();
    scene.sql("create schema s; create table s.t (id int, secret text)");
    assert!(differences(&client, &catalogue).await.is_empty());
    client.batch_execute("set search_path = s, public").await.unwrap();
    assert_eq!(differences(&client, &catalogue).await.len(), 1);
    // A schema in front of PostgreSQL's own cannot lie to the query: every name in it has its schema.
    client
        .batch_execute(
            "create function s.never(name, name) returns boolean language sql as 'select false';
             create operator s.= (leftarg = name, rightarg = name, function = s.never);
             create view s.pg_class as select * from pg_catalog.pg_class where false;
             set search_path = s, pg_catalog, public",
        )
        .await
        .unwrap();
    assert_eq!(differences(&client, &catalogue).await.len(), 1);
    // Two tables of one name: which one is meant has to be said.
    client.batch_execute("reset search_path").await.unwrap();
    let both = loader.load(&client).await.unwrap();
    assert_eq!(both.refused(), None);
    assert!(both.columns_of(None, "t").is_none());
    assert_eq!(both.columns_of(Some("s"), "t").unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_leads_to_cells_is_known() {
    let Some((scene, client, loader)) = scene("every_name_that_leads_to_cells_is_known").await else { return };
    scene.sql(
        "create view v1 as select secret from t; create view \"V 2\" as select * from v1;
         create materialized view m as select id from t;
         create function atomic_one() returns bigint begin atomic select count(*) from v1; end;
         create view over_function as select atomic_one();
         create function takes(strongroom.t_secret_text_det) returns int language sql as 'select 1';
         create table copied as select * from t;
         create table parent (id int, note strongroom.t_note_text_rnd) partition by range (id);
         create table child partition of parent for values from (0) to (9);
         create table plain (id int); create view plain_view as select * from plain",
    );
    let catalogue = loader.load(&client).await.unwrap();
    assert_eq!(catalogue.refused(), None);
    for name in [
        "t",
        "v1",
        "V 2",
        "m",
        "atomic_one",
        "over_function",
        "takes",
        "copied",
        "parent",
        "child",
        "t_secret_text_det",
        "t_secret_text_det_cell",
        "t_note_text_rnd",
        "secret",
        "note",
    ] {
        assert!(catalogue.sensitive(name), "{name}");
    }
    for name in ["plain", "plain_view", "id", "now", "strongroom"] {
        assert!(!catalogue.sensitive(name), "{name}");
    }
    let oid: u32 = client.query_one("select 'strongroom.t_secret_text_det'::regtype::oid", &[]).await.unwrap().get(0);
    let (class, shape) = catalogue.class_of(oid).unwrap();
    assert_eq!((shape, class.sql_name.as_str()), (Shape::Domain, "\"strongroom\".\"t_secret_text_det\""));
    assert!(
        catalogue.is_ours(class.cell_array_oid) && catalogue.is_ours(class.domain_array_oid) && !catalogue.is_ours(25)
    );
    let columns = catalogue.columns_of(Some("public"), "child").unwrap();
    assert_eq!(
        columns.iter().map(|(name, class)| (name.as_str(), class.is_some())).collect::<Vec<_>>(),
        [("id", false), ("note", true)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_carries_everything() {
    let Some((scene, client, _)) = scene("a_dump_carries_everything").await else { return };
    let cells = "select id, secret::bytea, note::bytea from t order by id";
    let before = scene.sql(cells);
    let file = scene.postgres.socket_dir().join("dump");
    let run = |program: &str, arguments: &[&str]| {
        let output = scene.postgres.command(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let file = file.to_str().unwrap();
    drop(client);
    run("pg_dump", &["--format=custom", "--file", file, "app"]);
    run("createdb", &["restored"]);
    run("pg_restore", &["--exit-on-error", "--dbname=restored", file]);
    run("pg_dump", &["--format=plain", "--file", file, "restored"]);
    run("createdb", &["again"]);
    run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "again", "-f", file]);
    for database in ["restored", "again"] {
        assert_eq!(scene.postgres.psql(database, cells).unwrap(), before);
        let (client, connection) = connect::open(&scene.dsn().with_database(database)).await.unwrap();
        tokio::spawn(connection);
        let catalogue = Loader::new(scene.keys.public()).load(&client).await.unwrap();
        assert_eq!(catalogue.refused(), None);
        assert!(differences(&client, &catalogue).await.is_empty());
        let plan = "set enable_seqscan = off; prepare q as select id from t where secret = $1;
                    set plan_cache_mode = force_generic_plan; explain execute q (null)";
        let plan = scene.postgres.psql(database, plan).unwrap();
        assert!(plan.contains("Index Scan using t_secret_key"), "{plan}");
        let epoch =
            "update strongroom.column_encryption_key set modify_date = now(); select epoch from strongroom.epoch";
        assert_ne!(scene.postgres.psql(database, epoch).unwrap(), catalogue.epoch().to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_may_do_what_they_are_for() {
    let Some((scene, _, _)) = scene("roles_may_do_what_they_are_for").await else { return };
    scene.sql("create role app_user; create role gate; grant strongroom_proxy to gate; create role dba; grant strongroom_dba to dba;
               create role anna login password 'pencil'; create role late login password 'x' valid until '2000-01-01'");
    let as_role = |role: &str, sql: &str| scene.postgres.psql("app", &format!("set role {role}; {sql}"));
    as_role("app_user", "select count(*) from strongroom.columns").unwrap();
    for (role, sql) in [
        ("app_user", "select strongroom.scram_verifier('anna')"),
        ("dba", "select strongroom.scram_verifier('anna')"),
        ("app_user", "select strongroom.create_class('x', true, true)"),
        ("gate", "select strongroom.create_class('x', true, true)"),
        ("app_user", "delete from strongroom.manifest"),
        ("gate", "delete from strongroom.manifest"),
        ("app_user", "insert into strongroom.proxy_heartbeat values ('p', '1', 'l', 1)"),
        ("dba", "create table strongroom.t (a int)"),
    ] {
        let refused = as_role(role, sql).unwrap_err();
        assert!(refused.contains("permission denied"), "{role}: {sql}: {refused}");
    }
    assert!(as_role("gate", "select strongroom.scram_verifier('anna')").unwrap().starts_with("SCRAM-SHA-256$"));
    assert_eq!(as_role("gate", "select coalesce(strongroom.scram_verifier('late'), 'none')").unwrap(), "none");
    assert_eq!(as_role("gate", "select coalesce(strongroom.scram_verifier('nobody'), 'none')").unwrap(), "none");
    as_role("gate", "insert into strongroom.proxy_heartbeat values ('p', '1', 'l', 1)").unwrap();
    as_role("dba", "select strongroom.create_class('x', true, true)").unwrap();
    for name in ["", "x; drop", "X", &"x".repeat(53)] {
        assert!(as_role("dba", &format!("select strongroom.create_class('{name}', true, true)")).is_err());
    }
    // A class of the longest name has all of its parts under names of their own.
    let name = "y".repeat(52);
    as_role("dba", &format!("select strongroom.create_class('{name}', true, true)")).unwrap();
    let cell =
        format!("select '\\x01{}'::strongroom.{name} = '\\x01{}'::strongroom.{name}", "00".repeat(64), "00".repeat(64));
    assert_eq!(scene.sql(&cell), "t");
    for junk in ["abc", "\\x01", &format!("\\x02{}", "00".repeat(64)), &format!("\\x01{}", "00".repeat(65))] {
        let refused = scene.postgres.psql("app", &format!("select '{junk}'::strongroom.{name}")).unwrap_err();
        assert!(refused.contains("violates check constraint"), "{refused}");
    }
}
