//! Real clients: tokio-postgres, pgbench in its three modes.

use strongroom_column_pg::connect::{self, Dsn};
use strongroom_column_pg::session::Encryption;

use super::stage::{Stage, run, text};

const TABLES: &str = "
create table accounts (aid int primary key, filler text, owner text not null, balance int);
insert into accounts select i, 'f', 'owner-' || i, 0 from generate_series(1, 500) i;
";

const COLUMNS: &[&str] = &["public.accounts.owner:deterministic", "public.accounts.balance:randomized"];

#[tokio::test(flavor = "multi_thread")]
async fn tokio_postgres_prepares_binds_pipelines_and_copies() {
    let test = "tokio_postgres_prepares_binds_pipelines_and_copies";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Enabled).await else { return };
    let (mut client, connection) = connect::open(&Dsn::parse(&stage.url()).unwrap()).await.unwrap();
    tokio::spawn(connection);

    let insert = client.prepare("insert into accounts values ($1, $2, $3, $4) returning owner, balance").await.unwrap();
    let types: Vec<&str> = insert.params().iter().map(tokio_postgres::types::Type::name).collect();
    assert_eq!(types, ["int4", "text", "text", "int4"]);
    let row = client.query_one(&insert, &[&1000, &"f", &"CANARY-owner", &77_777]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("CANARY-owner", 77_777));
    let row = client.query_one(&insert, &[&1001, &"f", &"CANARY-2", &None::<i32>]).await.unwrap();
    assert_eq!(row.get::<_, Option<i32>>(1), None);

    let find = client.prepare("select aid from accounts where owner = any ($1) order by aid").await.unwrap();
    let found = client.query(&find, &[&vec!["CANARY-owner", "owner-7"]]).await.unwrap();
    assert_eq!(found.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [7, 1000]);

    // Many at once, answered in order; one of them fails and harms no other.
    let one = client.prepare("select owner from accounts where aid = $1").await.unwrap();
    let asks = (1..=50).map(|aid| {
        let (client, one) = (&client, &one);
        async move { client.query_one(one, &[&aid]).await.unwrap().get::<_, String>(0) }
    });
    let names = join(asks).await;
    assert!(names.iter().zip(1..).all(|(name, aid)| *name == format!("owner-{aid}")));
    let wrong =
        client.query_one("select aid from accounts where owner = $1 and 1 / (aid - aid) = 1", &[&"CANARY-zero"]).await;
    assert!(wrong.is_err());

    let transaction = client.transaction().await.unwrap();
    transaction.execute("update accounts set balance = $1 where owner = $2", &[&5, &"CANARY-2"]).await.unwrap();
    let portal = transaction.bind("select owner from accounts order by aid", &[]).await.unwrap();
    assert_eq!(transaction.query_portal(&portal, 3).await.unwrap().len(), 3);
    assert_eq!(transaction.query_portal(&portal, 1000).await.unwrap().len(), 499);
    transaction.commit().await.unwrap();
    let balance = client.query_one("select balance from accounts where owner = 'CANARY-2'", &[]).await.unwrap();
    assert_eq!(balance.get::<_, i32>(0), 5);
    stage.assert_nowhere(&["CANARY", "77777"]);
}

async fn join<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in &mut all {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(done) => *output = Some(done),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    all.into_iter().map(|(_, output)| output.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbench_runs_in_its_three_modes() {
    let test = "pgbench_runs_in_its_three_modes";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Enabled).await else { return };
    let script = stage.folder().join("script.sql");
    std::fs::write(
        &script,
        "\\set aid random(1, 500)\n\\set delta random(1, 1000)\nupdate accounts set balance = :delta where aid = :aid;\n\
         select owner, balance from accounts where aid = :aid;\n",
    )
    .unwrap();
    for mode in ["simple", "extended", "prepared"] {
        let mut pgbench = stage.through("pgbench");
        pgbench.args(["-n", "-M", mode, "-c", "4", "-t", "50", "-f"]).arg(&script);
        let output = run(pgbench).await;
        let said = text(&output.stdout);
        assert!(output.status.success(), "{mode}: {}", text(&output.stderr));
        assert!(said.contains("number of transactions actually processed: 200/200"), "{mode}: {said}");
    }
    let changed = stage.scene.sql("select count(*) from accounts where balance is not null");
    assert_eq!(changed.trim(), "500");
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_copies_in_and_out() {
    let test = "psql_copies_in_and_out";
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Enabled).await else { return };
    let file = |name: &str| stage.folder().join(name);
    let rows = "2000\tx\tCANARY-copy\\tin\t42\n2001\ty\tCANARY-two\t\\N\n";
    std::fs::write(file("in.txt"), rows).unwrap();
    for (number, options) in ["", "with (format csv, header)", "with (format binary)"].iter().enumerate() {
        let out = file(&format!("out-{number}"));
        let script = format!(
            "\\copy accounts from '{}'\n\\copy (select * from accounts where aid >= 2000 order by aid) to '{}' {options}\n\
             delete from accounts where aid >= 2000;\n\\copy accounts from '{}' {options}\n\
             \\copy (select aid, filler, owner, balance from accounts where aid >= 2000 order by aid) to '{}'\n\
             delete from accounts where owner in (E'CANARY-copy\\tin', 'CANARY-two');\n",
            file("in.txt").display(),
            out.display(),
            out.display(),
            file("back.txt").display(),
        );
        std::fs::write(file("script.sql"), script).unwrap();
        let mut psql = stage.through("psql");
        psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f"]).arg(file("script.sql"));
        let output = run(psql).await;
        assert!(output.status.success(), "{options}: {}", text(&output.stderr));
        assert_eq!(std::fs::read_to_string(file("back.txt")).unwrap(), rows, "{options}");
        assert!(memchr::memmem::find(&std::fs::read(&out).unwrap(), b"CANARY-two").is_some());
    }
    assert_eq!(stage.scene.sql("select count(*) from accounts where aid >= 2000").trim(), "0");
    stage.assert_nowhere(&["CANARY"]);
}
