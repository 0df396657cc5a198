//! Where clear text is after a column was encrypted, and who may encrypt one.

use std::path::Path;

use strongroom_column_pg::connect::Dsn;
use strongroom_column_pg::enable::{Direction, EnableError, Target, run};

use super::scene::{Notes, Scene, options};

/// Files below a folder that hold these bytes.
fn files_with(folder: &Path, canary: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, canary));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(canary.len()).any(|window| window == canary)) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_the_database_hold_no_clear_text_afterwards() {
    // One short value that is stored in its row, one that is stored apart; both are in the statistics, one in an index.
    let script = "create table public.t (id int primary key, short text, long text);
                  create index on public.t (short);
                  insert into public.t select i, 'CANARY-8d1f-' || i, repeat(md5(i::text), 200) || 'CANARY-77ab' from generate_series(1, 500) i;
                  alter table public.t alter column long set storage external;
                  create table public.p (id int, part text) partition by hash (id);
                  create table public.p_0 partition of public.p for values with (modulus 2, remainder 0);
                  create table public.p_1 partition of public.p for values with (modulus 2, remainder 1);
                  insert into public.p select i, 'CANARY-c4rd' from generate_series(1, 100) i;
                  analyze public.t; checkpoint";
    let test = "the_files_of_the_database_hold_no_clear_text_afterwards";
    let Some(scene) = Scene::new(test, script).await else { return };
    scene.sql("update t set long = long || ''; checkpoint");
    let base = scene.postgres.data_dir().join("base");
    let canaries = [b"CANARY-8d1f", b"CANARY-77ab", b"CANARY-c4rd"];
    for canary in canaries {
        assert!(!files_with(&base, canary).is_empty());
    }
    let columns = ["public.t.short:deterministic", "public.t.long:randomized", "public.p.part:randomized"];
    scene.enable(&columns).await.unwrap();
    scene.sql("checkpoint");
    for canary in canaries {
        assert_eq!(files_with(&base, canary), [""; 0]);
    }
    // Neither does the server's log hold values of ours, cells apart.
    let log = scene.postgres.log();
    let after = log.split_once("strongroom.create_class").unwrap().1;
    assert!(!after.contains("CANARY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_no_superuser_can_encrypt() {
    let script = "create role owner login; grant create on schema public to owner; set role owner;
                  create table public.t (id int primary key, secret text not null unique);
                  create table public.noted (what text);
                  create function public.note() returns trigger language plpgsql as
                  'begin insert into public.noted values (TG_OP); return new; end';
                  create trigger note before insert on public.t for each row execute function public.note();
                  insert into public.t select i, 'secret ' || i from generate_series(1, 300) i";
    let Some(scene) = Scene::new("an_owner_who_is_no_superuser_can_encrypt", script).await else { return };
    scene.sql(&format!("alter role owner password '{}'", scene.postgres.password()));
    let dsn = Dsn::parse(&scene.postgres.dsn("owner", "app")).unwrap();
    let columns: Vec<Target> = vec!["public.t.secret:deterministic".parse().unwrap()];
    let options = options(Direction::Enable);
    let refused = run(&dsn, scene.keys.as_ref(), &columns, &options, &Notes::default()).await.unwrap_err();
    assert_eq!(refused.sqlstate(), Some("42501"), "{refused}");
    assert!(matches!(refused, EnableError::Database { .. }));
    scene.sql("grant strongroom_dba to owner");
    let outcome = run(&dsn, scene.keys.as_ref(), &columns, &options, &Notes::default()).await.unwrap();
    assert_eq!(outcome.tables[0].rows, 300);
    // What this role may not do is said.
    assert!(outcome.left.iter().any(|line| line.contains("as a superuser, VACUUM FULL pg_statistic")));
    assert_eq!(scene.sql("select count(*) from noted"), "300");
    // Somebody else's table is refused.
    scene.sql("create table public.other (a text)");
    let columns: Vec<Target> = vec!["public.other.a:randomized".parse().unwrap()];
    let refused = run(&dsn, scene.keys.as_ref(), &columns, &options, &Notes::default()).await.unwrap_err();
    match refused {
        EnableError::Refused(preflight) => assert!(preflight.refusals[0].reason.contains("owner")),
        other => panic!("{other}"),
    }
}
