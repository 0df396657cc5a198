//! A table is encrypted under the writes of pgbench while the program that does it is killed: no change is lost, none is made up.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Scene;

/// How often the program is killed; `STRONGROOM_TORTURE` says another number, and then there are [`MANY_ROWS`].
const KILLS: u64 = 2;
const ROWS: u32 = 20_000;
const MANY_ROWS: u32 = 1_000_000;

const CLIENTS: &str = "4";
/// Transactions in a second, so that the work beside them gets on.
const RATE: &str = "1000";

/// The same changes to two tables, of which one is encrypted.
const SCRIPT: &str = "
\\set id random(1, :rows)
\\set n random(1, 1000000000)
\\set fresh :rows + :n
\\set what random(1, 10)
begin;
\\if :what <= 6
update app.mirror set secret = 'value ' || :n where id = :id;
update app.accounts set secret = 'value ' || :n where id = :id;
\\elif :what = 7
update app.mirror set secret = null where id = :id;
update app.accounts set secret = null where id = :id;
\\elif :what = 8
delete from app.mirror where id = :id;
delete from app.accounts where id = :id;
\\elif :what = 9
insert into app.mirror values (:fresh, 'new ' || :n) on conflict do nothing;
insert into app.accounts values (:fresh, 'new ' || :n) on conflict do nothing;
\\else
update app.accounts set secret = 'taken back' where id = :id;
rollback;
begin;
\\endif
commit;
";

fn tables(rows: u32) -> String {
    format!(
        "create table app.accounts (id int primary key, secret text);
         create table app.mirror (id int primary key, secret text);
         insert into app.accounts select i, 'first ' || i from generate_series(1, {rows}) i;
         insert into app.mirror select * from app.accounts"
    )
}

/// The same sequence for the same seed.
struct Moments(u64);

impl Moments {
    /// Between 100 milliseconds and what a run of so many rows may take, about.
    fn next(&mut self, rows: u32) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(100 + (self.0 >> 33) % (600 + u64::from(rows) / 250))
    }
}

fn writers(scene: &Scene, rows: u32) -> Child {
    let script = scene.deployment.path("script.sql");
    std::fs::write(&script, SCRIPT).unwrap();
    let mut pgbench = scene.postgres.command("pgbench");
    pgbench.args(["-n", "-M", "prepared", "-c", CLIENTS, "-R", RATE, "-T", "100000"]);
    pgbench.arg("-D").arg(format!("rows={rows}")).arg("-f").arg(script).arg("postgres");
    pgbench.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs it until `moment`, then kill -9; whether it had ended by then.
fn killed(scene: &Scene, words: &[&str], moment: Duration) -> bool {
    let mut program = scene.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + moment;
    while Instant::now() < until {
        if let Some(status) = program.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return true;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    program.kill().unwrap();
    program.wait().unwrap();
    false
}

#[test]
fn nothing_is_lost_under_pgbench() {
    let Some(scene) = Scene::new("nothing_is_lost_under_pgbench") else { return };
    let kills = std::env::var("STRONGROOM_TORTURE").ok().map(|count| count.parse::<u64>().unwrap());
    let rows = if kills.is_some() { MANY_ROWS } else { ROWS };
    let kills = kills.unwrap_or(KILLS);
    scene.postgres.psql("postgres", &tables(rows)).unwrap();
    scene.done(&["column", "setup"]);
    scene.done(&["column", "keys", "create", "cmk1"]);
    let mut writing = writers(&scene, rows);

    let enable = ["column", "enable", "--yes", "--column", "app.accounts.secret:randomized"];
    let (mut moments, mut count, mut ended) = (Moments(7), 0, false);
    while count < kills && !ended {
        ended = killed(&scene, &enable, moments.next(rows));
        count += u64::from(!ended);
    }
    let enabled = scene.done(&enable);
    let table = &enabled["tables"][0];
    println!(
        "killed {count} times; {rows} rows; the last run wrote {}, locked for {} ms",
        table["rows"], table["locked_milliseconds"]
    );

    // What the column is now takes no text: that is how the writers end, and nothing else.
    let mut said = String::new();
    writing.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    writing.wait().unwrap();
    let errors: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len().to_string(), CLIENTS, "{said}");
    let expected = |line: &&str| {
        ["column \"secret\" is of type strongroom.", "value for domain strongroom."]
            .iter()
            .any(|text| line.contains(text))
    };
    assert!(errors.iter().all(expected), "{said}");

    let changed = "select count(*) > 0 from app.mirror where secret like 'value %' or secret like 'new %'";
    assert_eq!(scene.postgres.psql("postgres", changed).unwrap(), "t");
    let in_clear = "select count(*) from app.accounts where octet_length(secret::bytea) < 65";
    assert_eq!(scene.postgres.psql("postgres", in_clear).unwrap(), "0");
    scene.done(&["column", "disable", "--yes", "--column", "app.accounts.secret"]);
    let differences = "select count(*) from app.accounts a full join app.mirror m using (id)
                       where a.secret is distinct from m.secret or a.id is null or m.id is null";
    assert_eq!(scene.postgres.psql("postgres", differences).unwrap(), "0");
}
