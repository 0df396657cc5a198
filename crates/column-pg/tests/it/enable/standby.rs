//! A standby that falls behind is waited for.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_column_pg::enable::{Direction, Observer, Options, Progress, Target, run};

use super::scene::{Scene, options};

#[derive(Default)]
struct Ears {
    remarks: Mutex<Vec<String>>,
    phases: Mutex<Vec<(&'static str, u64)>>,
}

impl Observer for Ears {
    fn remark(&self, text: &str) {
        self.remarks.lock().push(text.to_owned());
    }

    fn progress(&self, progress: &Progress) {
        self.phases.lock().push((progress.phase, progress.done));
    }
}

const MOST: u64 = 2 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_behind_is_waited_for() {
    let test = "a_standby_that_is_behind_is_waited_for";
    let script = "create table public.t (id int primary key, secret text);
                  insert into public.t select i, repeat('s', 100) || i from generate_series(1, 40000) i";
    let Some(scene) = Scene::new(test, script).await else { return };
    let standby = match scene.postgres.standby() {
        Ok(standby) => standby,
        Err(why) => return println!("not run: {test}: {why}"),
    };
    standby.psql("app", "select pg_wal_replay_pause()").unwrap();
    let ears = Arc::new(Ears::default());
    let running = tokio::spawn({
        let (dsn, keys, ears) = (scene.dsn(), Arc::clone(&scene.keys), Arc::clone(&ears));
        async move {
            let targets: Vec<Target> = vec!["public.t.secret:randomized".parse().unwrap()];
            let options = Options { max_standby_lag: Some(MOST), ..options(Direction::Enable) };
            run(&dsn, keys.as_ref(), &targets, &options, ears.as_ref()).await
        }
    });
    // It is seen to wait ten times over, and writes nothing meanwhile.
    let waits = || {
        let phases = ears.phases.lock();
        phases.iter().filter(|(phase, _)| *phase == "wait for standbys").map(|(_, done)| *done).collect::<Vec<_>>()
    };
    while waits().len() < 10 {
        assert!(!running.is_finished(), "it did not wait");
        tokio::task::yield_now().await;
    }
    assert!(waits().windows(2).all(|pair| pair[0] == pair[1]), "{:?}", waits());
    assert!(waits()[0] < 40_000);
    let behind = "select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) from pg_stat_replication";
    let behind: u64 = scene.sql(behind).parse().unwrap();
    // What a page of rows writes, above the limit.
    assert!((MOST..MOST + (16 << 20)).contains(&behind), "{behind}");
    let remarks = ears.remarks.lock().clone();
    assert!(
        remarks.iter().any(|remark| remark.contains("public.t waits now and then for standbys: walreceiver is")),
        "{remarks:?}"
    );

    standby.psql("app", "select pg_wal_replay_resume()").unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(scene.sql("select count(*) from t where octet_length(secret::bytea) >= 65"), "40000");
}
