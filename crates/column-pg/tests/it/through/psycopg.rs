//! psycopg 3: prepared statements, pipelines, executemany, COPY, cursors; the same story on a plain table and through the proxy.

use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom_column_pg::session::Encryption;

use super::stage::{PASSWORD, Stage, run, text};

const TABLES: &str = "
create table people (id int primary key, ssn text, born date, weight numeric(6,2), seen timestamptz, tag uuid, raw bytea);
";

const COLUMNS: &[&str] = &[
    "public.people.ssn:deterministic",
    "public.people.born:randomized",
    "public.people.weight:randomized",
    "public.people.seen:randomized",
    "public.people.tag:randomized",
    "public.people.raw:randomized",
];

/// Python with psycopg, which `cargo xtask check` installs below the build directory.
fn python() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    test.ancestors().map(|folder| folder.join("psycopg/bin/python")).find(|python| python.exists())
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg_sees_what_it_sees_on_a_plain_table() {
    let test = "psycopg_sees_what_it_sees_on_a_plain_table";
    let Some(python) = python() else {
        println!("not run: {test}: psycopg is not there; `cargo xtask check` installs it");
        return;
    };
    let Some(stage) = Stage::new(test, TABLES, COLUMNS, Encryption::Disabled).await else { return };
    let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/psycopg/story.py");
    let mut seen = Vec::new();
    for (port, database, options) in [
        (stage.scene.postgres.port(), "plain", ""),
        (stage.proxy.address().port(), "app", " options='-c strongroom.column_encryption=enabled'"),
    ] {
        let connection = format!("host=127.0.0.1 port={port} dbname={database} user=anna password={PASSWORD}{options}");
        let mut command = Command::new(&python);
        command.arg(&story).arg(connection).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", stage.folder());
        let output = run(command).await;
        // On its standard error psycopg also remarks on pipelines that ended in an error, now and then.
        assert!(output.status.success(), "{database}: {}", text(&output.stderr));
        seen.push(text(&output.stdout));
    }
    for (plain, through) in seen[0].lines().zip(seen[1].lines()) {
        assert_eq!(plain, through);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].lines().count() > 20, "{}", seen[0]);
    stage.scene.postgres.psql("postgres", "drop database plain").unwrap();
    assert!(!stage.tap.holds(b"CANARY"));
}
