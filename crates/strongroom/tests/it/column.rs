//! The commands on columns of a database, as an administrator types them: a file of columns, refusals, a run that is killed,
//! findings, and back.

mod killed;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use strongroom_testkit::postgres::Postgres;

use crate::deployment::Deployment;

const TABLES: &str = "
create schema app;
create table app.people (id int primary key, ssn text not null, email text, note text default 'none');
insert into app.people select i, 'ssn-' || i, 'mail' || i || '@example.org' from generate_series(1, 30000) i;
";

struct Scene {
    deployment: Deployment,
    postgres: Postgres,
}

impl Scene {
    fn new(test: &str) -> Option<Self> {
        let postgres = match Postgres::start() {
            Ok(postgres) => postgres,
            Err(why) => {
                println!("not run: {test}: {why}");
                return None;
            }
        };
        postgres.psql("postgres", TABLES).unwrap();
        let mut deployment = Deployment::small();
        deployment.start();
        // The password is in a file as psql has it; a colon in another line's password is no separator.
        let pass = format!("other:1:x:y:a\\:b\n*:{}:postgres:postgres:{}\n", postgres.port(), postgres.password());
        std::fs::write(deployment.path(".pgpass"), pass).unwrap();
        std::fs::set_permissions(deployment.path(".pgpass"), std::fs::Permissions::from_mode(0o600)).unwrap();
        Some(Self { deployment, postgres })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.deployment.command(&self.deployment.program);
        command.arg("--data").arg(self.deployment.path("data")).args(words).stdin(Stdio::null());
        command.env("STRONGROOM_DSN", format!("postgres://postgres@127.0.0.1:{}/postgres", self.postgres.port()));
        command
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn done(&self, words: &[&str]) -> Value {
        let (code, stdout, stderr) = self.run(&[words, &["--json"]].concat());
        assert_eq!(code, 0, "{words:?}: {stderr}");
        serde_json::from_str(&stdout).unwrap()
    }
}

#[test]
fn columns_of_a_file_are_encrypted_even_if_the_program_is_killed() {
    let test = "columns_of_a_file_are_encrypted_even_if_the_program_is_killed";
    let Some(scene) = Scene::new(test) else { return };
    let before = scene.postgres.psql("postgres", "select * from app.people order by id").unwrap();

    // What is printed is what is run.
    let (code, script, _) = scene.run(&["column", "setup", "--dry-run"]);
    assert!(code == 0 && script.contains("CREATE SCHEMA IF NOT EXISTS strongroom;"), "{script}");
    scene.postgres.psql("postgres", &script).unwrap();
    assert_eq!(scene.done(&["column", "setup"])["created"], false);
    scene.done(&["column", "keys", "create", "cmk1"]);

    let file = scene.deployment.path("people.toml");
    let mut columns = std::fs::File::create(&file).unwrap();
    columns.write_all(b"columns = [\"app.people.ssn:deterministic\", \"app.people.note:randomized\"]\n").unwrap();
    let enable = ["column", "enable", "--yes", "--application", file.to_str().unwrap()];
    let (code, _, stderr) = scene.run(&enable);
    assert!(code == 8 && stderr.contains("app.people.note: default value for column note"), "{code} {stderr}");
    scene.postgres.psql("postgres", "alter table app.people alter column note drop default").unwrap();

    // kill -9 as soon as the table is being filled; then once more, and to the end.
    for _ in 0..2 {
        let mut killed = scene.command(&enable).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = "select count(*) from pg_attribute where attname = 'ssn__strongroom'";
        while scene.postgres.psql("postgres", begun).unwrap() == "0" && killed.try_wait().unwrap().is_none() {}
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    let enabled = scene.done(&enable);
    assert!(enabled["clear_text_is_left"].as_array().unwrap().len() >= 3, "{enabled}");
    let cells = "select count(*) from app.people where octet_length(ssn::bytea) = 65 and note is null or note::bytea is not null";
    assert_eq!(scene.postgres.psql("postgres", cells).unwrap(), "30000");

    // The address looks like one that should be encrypted; a list of one's own says otherwise.
    let (code, status, _) = scene.run(&["column", "status", "--json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (code, status["columns"].as_array().unwrap().len(), status["jobs"].as_array().unwrap().len()),
        (8, 2, 0)
    );
    assert!(status["findings"][0].as_str().unwrap().contains("app.people.email"), "{status}");
    assert_eq!(status["reordered"], serde_json::json!(["people"]));
    columns.write_all(b"[pattern]\nsensitive = [\"*ssn*\"]\n").unwrap();
    assert_eq!(scene.run(&["column", "status", "--application", file.to_str().unwrap()]).0, 0);
    let check = scene.done(&["column", "check"]);
    assert!(check["here"].as_array().unwrap().iter().all(|key| key["wrong"].is_null()), "{check}");
    assert_eq!(check["here"].as_array().unwrap().len(), 2);

    scene.done(&["column", "disable", "--yes", "--column", "app.people.ssn", "--column", "app.people.note"]);
    let after = "select id, ssn, email, note from app.people order by id";
    assert_eq!(scene.postgres.psql("postgres", after).unwrap(), before);
    // No value, and no key, was in what the programs or the server of keys said.
    let log = std::fs::read_to_string(scene.deployment.path("server.log")).unwrap();
    assert!(!log.contains("ssn-7"));
}
