//! Nothing is lost while applications write and the program that encrypts is killed again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strongroom_column_pg::catalogue::Loader;
use strongroom_column_pg::enable::{Direction, EnableError, Outcome};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::scene::{Scene, options};

const ROWS: i32 = 5_000;
const WRITERS: i32 = 3;
/// How often the run is killed; `STRONGROOM_TORTURE` says another number.
const KILLS: u64 = 8;

const ACCOUNTS: &str = "
create table public.accounts (id int primary key, secret text, other int not null default 0);
insert into public.accounts select i, 'first ' || i from generate_series(1, 5000) i;
";

/// What the rows of one writer hold.
type Model = BTreeMap<i32, Option<String>>;

/// The same sequence of numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Writes the rows whose number leaves `me` when divided, until the column takes clear text no more.
async fn write(client: Client, me: i32) -> Model {
    let mut numbers = Numbers(u64::from(me.unsigned_abs()) + 7);
    let mut model: Model =
        (1..=ROWS).filter(|id| id % WRITERS == me).map(|id| (id, Some(format!("first {id}")))).collect();
    // Applications keep their statements; these take text, whatever becomes of the column.
    let (text, int) = (Type::TEXT, Type::INT4);
    let types = [int, text];
    let update = client.prepare_typed("update accounts set secret = $2 where id = $1", &types).await.unwrap();
    let insert = client.prepare_typed("insert into accounts (id, secret) values ($1, $2)", &types).await.unwrap();
    let mut next = ROWS + me + (WRITERS - ROWS % WRITERS);
    for turn in 0.. {
        let id = i32::try_from(numbers.below(u64::from(ROWS.unsigned_abs()))).unwrap() / WRITERS * WRITERS + me;
        let value = Some(format!("writer {me} turn {turn}"));
        let done = match numbers.below(10) {
            0..5 => {
                let done = client.execute(&update, &[&id, &value]).await;
                done.map(|_| replace(&mut model, id, value))
            }
            5 => client.execute("update accounts set other = other + 1 where id = $1", &[&id]).await.map(|_| ()),
            6 => {
                let done = client.execute("update accounts set secret = null where id = $1", &[&id]).await;
                done.map(|_| replace(&mut model, id, None))
            }
            7 => client.execute("delete from accounts where id = $1", &[&id]).await.map(|_| drop(model.remove(&id))),
            8 => {
                let done = client.batch_execute("begin; update accounts set secret = 'never'; rollback").await;
                // All rows at once is now and then a deadlock with another writer; then nothing was done either.
                match done {
                    Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {
                        client.batch_execute("rollback").await
                    }
                    done => done,
                }
            }
            _ => {
                next += WRITERS;
                let done = client.execute(&insert, &[&next, &value]).await;
                done.map(|_| drop(model.insert(next, value)))
            }
        };
        match done {
            Ok(()) => {}
            // The column is encrypted now, and takes no text.
            Err(error) if error.code() == Some(&SqlState::DATATYPE_MISMATCH) => break,
            Err(error) if error.code() == Some(&SqlState::CHECK_VIOLATION) => break,
            Err(error) => panic!("writer {me}: {error:?}"),
        }
    }
    model
}

/// A row that was deleted is not there to be changed.
fn replace(model: &mut Model, id: i32, value: Option<String>) {
    if let Some(held) = model.get_mut(&id) {
        *held = value;
    }
}

/// Kills the run at moments that are spread over all of its phases; how often it was killed, and how it ended.
async fn run_and_kill(scene: &Scene, direction: Direction) -> (u64, Result<Outcome, EnableError>) {
    let mut numbers = Numbers(42);
    let mut options = options(direction);
    // Without this a killed run leaves nothing to kill behind the swap.
    options.vacuum_full = true;
    let column = match direction {
        Direction::Enable => "public.accounts.secret:deterministic",
        Direction::Disable => "public.accounts.secret",
    };
    let mut killed = 0;
    let kills = std::env::var("STRONGROOM_TORTURE").map_or(KILLS, |count| count.parse().unwrap());
    while killed < kills {
        let moment = Duration::from_millis(20 + numbers.below(40 * (killed % 20 + 1)));
        match timeout(moment, scene.run(&[column], &options)).await {
            Ok(Ok(outcome)) => return (killed, Ok(outcome)),
            Ok(Err(error)) => return (killed, Err(error)),
            Err(_) => killed += 1,
        }
    }
    (killed, scene.run(&[column], &options).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_and_a_killed_run_goes_on() {
    let test = "no_update_is_lost_and_a_killed_run_goes_on";
    let Some(scene) = Scene::new(test, ACCOUNTS).await else { return };
    let scene = Arc::new(scene);
    let mut writers: Vec<JoinHandle<Model>> = Vec::new();
    for me in 0..WRITERS {
        writers.push(tokio::spawn(write(scene.client().await, me)));
    }
    let (killed, outcome) = run_and_kill(&scene, Direction::Enable).await;
    let outcome = outcome.unwrap();
    let mut expected = Model::new();
    for writer in writers {
        expected.extend(writer.await.unwrap());
    }
    let locked = outcome.tables.iter().map(|table| table.locked_milliseconds).max();
    println!("killed {killed} times, {} rows, locked for {locked:?} ms", expected.len());

    let client = scene.client().await;
    let catalogue = Loader::new(scene.keys.public()).load(&client).await.unwrap();
    assert_eq!(catalogue.refused(), None);
    let key = scene.keys.cell_key(&catalogue.keys()[0].check);
    let mut found = Model::new();
    for row in client.query("select id, secret::bytea from accounts", &[]).await.unwrap() {
        let cell: Option<Vec<u8>> = row.get(1);
        let value = cell.map(|cell| {
            let mut plain = Vec::new();
            key.open(&cell, &mut plain).unwrap();
            String::from_utf8(plain).unwrap()
        });
        found.insert(row.get(0), value);
    }
    assert_eq!(found.len(), expected.len());
    for (id, value) in &expected {
        assert_eq!(found.get(id), Some(value), "row {id}");
    }
    // Nothing of the way is left behind.
    let left = "select (select count(*) from pg_class where relname like 'strongroom\\_%' and relnamespace = 'public'::regnamespace),
                       (select count(*) from pg_trigger where tgname like '~strongroom%'),
                       (select count(*) from pg_attribute where attname like '%\\_\\_strongroom' and not attisdropped),
                       (select count(*) from strongroom.migration_job where finished is null)";
    assert_eq!(scene.sql(left), "0|0|0|0");

    let (_, outcome) = run_and_kill(&scene, Direction::Disable).await;
    outcome.unwrap();
    for row in client.query("select id, secret from accounts", &[]).await.unwrap() {
        assert_eq!(expected.get(&row.get::<_, i32>(0)), Some(&row.get(1)));
    }
    assert_eq!(scene.sql(left), "0|0|0|0");
}
