//! What the proxy takes of a real database's speed: `pgbench` with prepared statements directly, through PgBouncer where that is
//! installed (which only hands bytes on), and through the proxy, one after the other in the same run.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/it/enable/scene.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod scene;
/// Where the stage looks for the scene.
mod enable {
    pub(crate) use crate::scene;
}
#[path = "../tests/it/through/stage.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod stage;

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_column_pg::proxy::Proxy;
use strongroom_column_pg::proxy::keys::Unwrap;
use strongroom_column_pg::session::Encryption;

use stage::{PASSWORD, Stage};

const TABLES: &str = "
create table accounts (aid int primary key, filler text, owner text);
insert into accounts select i, 'f', lpad(i::text, 11, '0') from generate_series(1, 100000) i;
create table other (aid int primary key, filler text, owner text);
insert into other select * from accounts";

/// What is asked, by which script, and how much of the direct speed is to be left, percent.
const SCRIPTS: [(&str, &str, f64); 3] = [
    ("select of an encrypted column", "select owner from accounts where aid = :aid;", 70.0),
    ("update of an encrypted column", "update accounts set owner = :owner where aid = :aid;", 70.0),
    ("select on a plain table", "select owner from other where aid = :aid;", 80.0),
];

const CLIENTS: [u32; 3] = [1, 8, 64];
const SECONDS: &str = "5";
const ROUNDS: usize = 2;
const BOUNCER: &str = "/usr/sbin/pgbouncer";

fn proxy(_: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let columns = ["public.accounts.owner:randomized"];
        let Some(stage) = Stage::new("proxy", TABLES, &columns, Encryption::Enabled).await else { return };
        stage.scene.sql("alter system set log_statement to 'none'");
        stage.scene.sql("select pg_reload_conf(); vacuum analyze");
        stage.scene.postgres.psql("plain", "vacuum analyze").unwrap();
        let keys = Arc::clone(&stage.keys) as Arc<dyn Unwrap>;
        let proxy = Proxy::start(stage::settings(&stage.scene, Encryption::Enabled), keys).await.unwrap();
        let bouncer = Bouncer::start(&stage).await;
        for (what, statement, least) in SCRIPTS {
            let script = stage.folder().join("script.sql");
            let variables = "\\set aid random(1, 100000)\n\\set owner random(10000000000, 99999999999)\n";
            std::fs::write(&script, format!("{variables}{statement}\n")).unwrap();
            for clients in CLIENTS {
                let places = [
                    Some((stage.scene.postgres.port(), "plain")),
                    bouncer.as_ref().map(|bouncer| (bouncer.port, "plain")),
                    Some((proxy.address().port(), "app")),
                ];
                let mut best = [(0.0, 0.0); 3];
                for _ in 0..ROUNDS {
                    for (place, best) in places.iter().zip(&mut best) {
                        let Some((port, database)) = *place else { continue };
                        let measured = measure(&stage, (port, database), &script, clients).await;
                        if measured.0 > best.0 {
                            *best = measured;
                        }
                    }
                }
                report(what, clients, best, least);
            }
        }
        proxy.stop().await;
    });
}

/// Statements in a second, and the mean time of one in milliseconds.
async fn measure(stage: &Stage, (port, database): (u16, &str), script: &Path, clients: u32) -> (f64, f64) {
    let mut pgbench = stage.led("pgbench", port, database);
    pgbench.args(["-n", "-M", "prepared", "-j", "1", "-T", SECONDS, "-c", &clients.to_string(), "-f"]).arg(script);
    let output = stage::run(pgbench).await;
    let said = stage::text(&output.stdout);
    assert!(output.status.success(), "{said}{}", stage::text(&output.stderr));
    let number = |prefix: &str| -> f64 {
        let line = said.lines().find_map(|line| line.strip_prefix(prefix)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("tps = "), number("latency average = "))
}

fn report(what: &str, clients: u32, [direct, bouncer, proxy]: [(f64, f64); 3], least: f64) {
    let share = |part: f64| 100.0 * part / direct.0;
    let (measured, met) = (share(proxy.0), if share(proxy.0) >= least { "yes" } else { "no" });
    let beside = if bouncer.0 > 0.0 {
        format!("PgBouncer {:.0} % of direct", share(bouncer.0))
    } else {
        format!("PgBouncer not run: there is no {BOUNCER}")
    };
    println!(
        "figure: {what}, {clients} clients | {:.0}/s, {measured:.0} % of direct, {:+.2} ms | direct {:.0}/s; {beside} | {least} % | {met}",
        proxy.0,
        proxy.1 - direct.1,
        direct.0
    );
}

/// PgBouncer with one session of the server's for each of a client's, as the proxy has.
struct Bouncer {
    process: Child,
    port: u16,
}

impl Bouncer {
    async fn start(stage: &Stage) -> Option<Self> {
        if !Path::new(BOUNCER).exists() {
            return None;
        }
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let server = stage.scene.postgres.port();
        let settings = format!(
            "[databases]\nplain = host=127.0.0.1 port={server} dbname=plain user=anna password={PASSWORD}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = session\nunix_socket_dir =\n\
             max_client_conn = 200\ndefault_pool_size = 100\n"
        );
        let file = stage.scene.postgres.socket_dir().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = stage.scene.postgres.command_as_server(Path::new(BOUNCER));
        command.arg("--quiet").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < until, "PgBouncer does not listen");
            tokio::task::yield_now().await;
        }
        Some(Self { process, port })
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

criterion_group!(benches, proxy);
criterion_main!(benches);
