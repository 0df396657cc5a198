//! What encrypting a column in use costs: rows in a second on a real database, narrow rows, one column of 11 characters.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/it/enable/scene.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod scene;

use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_column_pg::enable::Direction;

use scene::{Scene, options};

const ROWS: u64 = 1_000_000;
/// Rows in a second.
const LEAST: u64 = 50_000;

fn enable(_: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let script = format!(
        "create table public.accounts (id int primary key, secret text);
         insert into public.accounts select i, lpad(i::text, 11, '0') from generate_series(1, {ROWS}) i;
         vacuum analyze public.accounts"
    );
    runtime.block_on(async {
        let Some(scene) = Scene::new("enable", &script).await else { return };
        for mode in ["deterministic", "randomized"] {
            let column = format!("public.accounts.secret:{mode}");
            let outcome = scene.enable(&[&column]).await.unwrap();
            let Some(table) = outcome.tables.first() else { return };
            assert_eq!(table.rows, ROWS);
            let (rate, met) = (table.per_second, if table.per_second >= LEAST { "yes" } else { "no" });
            let locked = table.locked_milliseconds;
            println!("figure: column enable, {mode} | {rate} rows/s | locked for {locked} ms | {LEAST} rows/s | {met}");
            scene.run(&["public.accounts.secret"], &options(Direction::Disable)).await.unwrap();
        }
    });
}

criterion_group!(benches, enable);
criterion_main!(benches);
