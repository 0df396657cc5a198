//! A partitioned table: its rows are encrypted where they lie, under the writes of applications, and new partitions keep the class.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use strongroom_column_pg::catalogue::Loader;
use strongroom_column_pg::enable::{Direction, Observer, Options, Progress, Target, run};
use tokio_postgres::Client;

use super::scene::{Scene, options};

const TABLES: &str = "
create role clerk; create role auditor;
create table public.messages (id int, at date not null, body text not null, sender text, size int, primary key (id, at, size))
  partition by range (at);
create table public.messages_old (sender text, size int not null, gone text, body text not null, id int not null, at date not null);
alter table public.messages_old drop column gone;
alter table public.messages attach partition public.messages_old for values from (minvalue) to ('2024-01-01');
create table public.messages_2024 partition of public.messages for values from ('2024-01-01') to ('2025-01-01')
  partition by list (size);
create table public.messages_2024_even partition of public.messages_2024 for values in (0);
create table public.messages_2024_odd partition of public.messages_2024 default;
create table public.messages_rest partition of public.messages default;
grant select (body) on public.messages to clerk;
grant select (body) on public.messages_old to auditor;
comment on column public.messages.body is 'what was said';
comment on column public.messages_old.body is 'what was said long ago';
grant select (sender) on public.messages_2024 to auditor;
comment on column public.messages_2024.sender is 'who said it in 2024';
insert into public.messages select i, date '2023-06-01' + i % 800, 'body ' || i, case when i % 5 > 0 then 'sender ' || i end, i % 2
  from generate_series(1, 6000) i;
create view public.bodies as select id, body from public.messages;
";

const COLUMNS: &[&str] = &["public.messages.body:randomized", "public.messages.sender:deterministic"];

/// Changes rows, and moves them to other partitions, until it is to stop or the column takes no text any more; how often.
async fn write(client: Client, stop: Arc<AtomicBool>) -> i32 {
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let id = turn * 37 % 6000 + 1;
        let change = match turn % 3 {
            0 => format!("update messages set body = 'turn {turn}', sender = null where id = {id}"),
            1 => format!("update messages set at = date '2025-03-03' - size where id = {id}"),
            _ => format!("update messages set size = 1 - size, body = body where id = {id}"),
        };
        if client.batch_execute(&change).await.is_err() {
            break;
        }
    }
    turn
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_table_is_encrypted_and_decrypted_again() {
    let test = "a_partitioned_table_is_encrypted_and_decrypted_again";
    let Some(scene) = Scene::new(test, TABLES).await else { return };
    let scene = Arc::new(scene);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(scene.client().await, Arc::clone(&stop)));
    let options = Options { vacuum_full: true, ..options(Direction::Enable) };
    let outcome = scene.run(COLUMNS, &options).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let turns = writer.await.unwrap();
    assert!(turns > 0 && outcome.tables[0].rows > 3000 && outcome.tables[0].verified > 6000, "{outcome:?}");

    let client = scene.client().await;
    let catalogue = Loader::new(scene.keys.public()).load(&client).await.unwrap();
    assert_eq!(catalogue.refused(), None);
    for name in ["messages", "messages_old", "messages_2024", "messages_2024_odd", "bodies"] {
        assert!(catalogue.sensitive(name), "{name}");
    }
    // The columns of all of them stand in another order now.
    assert!(
        ["messages", "messages_old", "messages_2024_even", "messages_rest"]
            .iter()
            .all(|name| catalogue.is_reordered(name))
    );
    let in_clear =
        "select count(*) from messages where octet_length(body::bytea) < 65 or octet_length(sender::bytea) < 65";
    assert_eq!(scene.sql(in_clear), "0");
    assert_eq!(scene.sql("select count(*) from bodies"), "6000");
    let facts = "select string_agg(relname || '.' || attname || case when attnotnull then '!' else '' end, ' ' order by relname, attname)
        from pg_attribute a join pg_class c on c.oid = attrelid
        where relkind in ('r', 'p') and relname like 'messages%' and attname in ('body', 'sender') and atttypid::regtype::text like 'strongroom%'";
    assert_eq!(
        scene.sql(facts),
        "messages.body! messages.sender messages_2024.body! messages_2024.sender messages_2024_even.body! messages_2024_even.sender \
         messages_2024_odd.body! messages_2024_odd.sender messages_old.body! messages_old.sender messages_rest.body! messages_rest.sender"
    );
    let rights = "select has_column_privilege('clerk', 'messages', 'body', 'select'), has_column_privilege('auditor', 'messages_old', 'body', 'select'),
        has_column_privilege('auditor', 'messages', 'body', 'select'),
        col_description('messages'::regclass, (select attnum from pg_attribute where attrelid = 'messages'::regclass and attname = 'body')),
        col_description('messages_old'::regclass, (select attnum from pg_attribute where attrelid = 'messages_old'::regclass and attname = 'body'))";
    assert_eq!(scene.sql(rights), "t|t|f|what was said|what was said long ago");
    let inner = "select has_column_privilege('auditor', 'messages_2024', 'sender', 'select'), has_column_privilege('auditor', 'messages', 'sender', 'select'),
        col_description('messages_2024'::regclass, (select attnum from pg_attribute where attrelid = 'messages_2024'::regclass and attname = 'sender'))";
    assert_eq!(scene.sql(inner), "t|f|who said it in 2024");
    let left = "select (select count(*) from pg_class where relname like 'strongroom\\_%' and relnamespace = 'public'::regnamespace),
        (select count(*) from pg_trigger where tgname like '~strongroom%'),
        (select count(*) from pg_constraint where conname like 'strongroom%')";
    assert_eq!(scene.sql(left), "0|0|0");

    // A partition that is made later keeps the class, and its name is known.
    scene.sql("create table messages_2027 partition of messages for values from ('2027-01-01') to ('2028-01-01')");
    let catalogue = Loader::new(scene.keys.public()).load(&client).await.unwrap();
    assert!(
        catalogue.refused().is_none()
            && catalogue.sensitive("messages_2027")
            && catalogue.is_reordered("messages_2027")
    );

    let senders = "select count(sender), (select count(*) from (select distinct sender from messages) x) from messages";
    let before = scene.sql(senders);
    scene.disable(&["public.messages.body", "public.messages.sender"]).await.unwrap();
    assert_eq!(scene.sql(senders), before);
    let values = "select count(*) from messages where (body = 'body ' || id or body like 'turn %') and (sender is null or sender = 'sender ' || id)";
    assert_eq!(scene.sql(values), "6000");
    assert_eq!(scene.sql(left), "0|0|0");
}

/// Told of each phase, does something to the database in its midst.
struct Meddler {
    postgres: Arc<Scene>,
    done: Mutex<Vec<&'static str>>,
}

const MEDDLING: &[(&str, &str)] = &[
    // What is changed while nothing watches; a partition that is gone; one that comes with rows.
    (
        "verify",
        "alter table messages detach partition messages_old; update messages_old set body = 'changed apart' where id % 7 = 0;
         alter table messages attach partition messages_old for values from (minvalue) to ('2024-01-01')",
    ),
    ("changed rows", "drop table messages_2024_odd"),
    (
        "changed rows",
        "create table messages_2030 (like messages including defaults); insert into messages_2030 (id, at, body, sender, size)
         select i, '2030-01-01', 'body ' || i, null, 0 from generate_series(100001, 103000) i;
         alter table messages attach partition messages_2030 for values from ('2030-01-01') to ('2031-01-01')",
    ),
];

impl Observer for Meddler {
    fn remark(&self, _: &str) {}

    fn progress(&self, progress: &Progress) {
        let mut done = self.done.lock();
        for (phase, script) in MEDDLING {
            if *phase == progress.phase && !done.contains(script) {
                done.push(script);
                self.postgres.sql(script);
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_come_and_go_meanwhile() {
    let test = "partitions_come_and_go_meanwhile";
    let Some(scene) = Scene::new(test, TABLES).await else { return };
    let scene = Arc::new(scene);
    let left = scene.sql("select count(*) from messages").parse::<i64>().unwrap()
        - scene.sql("select count(*) from messages_2024_odd").parse::<i64>().unwrap();
    let targets: Vec<Target> = COLUMNS.iter().map(|column| column.parse().unwrap()).collect();
    let meddler = Meddler { postgres: Arc::clone(&scene), done: Mutex::default() };
    run(&scene.dsn(), scene.keys.as_ref(), &targets, &options(Direction::Enable), &meddler).await.unwrap();
    assert_eq!(meddler.done.lock().len(), MEDDLING.len());
    scene.disable(&["public.messages.body", "public.messages.sender"]).await.unwrap();
    let values = "select count(*), count(*) filter (where body = 'changed apart'), count(*) filter (where id > 100000) from messages
        where body = case when id % 7 = 0 and at < '2024-01-01' then 'changed apart' else 'body ' || id end";
    let apart = "select count(*) from messages where id % 7 = 0 and at < '2024-01-01'";
    assert_eq!(scene.sql(values), format!("{}|{}|3000", left + 3000, scene.sql(apart)));
    let notes = "select count(*) from pg_description where description like 'strongroom %'";
    assert_eq!(scene.sql(notes), "0");
}
