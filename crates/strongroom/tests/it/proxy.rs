//! The whole way, with the commands that an administrator types: keys in the server, a database set up and encrypted while it is
//! there, a proxy before it, an application that sees clear values; and the server of keys gone and back.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use strongroom_testkit::postgres::Postgres;

use crate::deployment::Deployment;

const TABLES: &str = "
create role anna login password 'anna-4711';
create role proxy login password 'proxy-4711';
create table patients (id int primary key, ssn text not null, note text);
insert into patients select i, 'ssn-' || i, 'note ' || i from generate_series(1, 1000) i;
grant all on patients to anna;
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
        postgres.psql("postgres", "create database app").unwrap();
        postgres.psql("app", TABLES).unwrap();
        let mut deployment = Deployment::small();
        deployment.start();
        Some(Self { deployment, postgres })
    }

    fn strongroom(&self, words: &[&str]) -> Output {
        let mut command = self.deployment.command(&self.deployment.program);
        command.arg("--data").arg(self.deployment.path("data")).args(words);
        command.env("PGPASSWORD", self.postgres.password()).stdin(Stdio::null()).output().unwrap()
    }

    fn done(&self, words: &[&str]) -> String {
        let output = self.strongroom(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn dsn(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/app", self.postgres.port())
    }

    /// A statement of the application, through the proxy at this address.
    fn psql(&self, address: &str, database: &str, statement: &str) -> (String, String) {
        let (_, port) = address.rsplit_once(':').unwrap();
        let mut psql = Command::new("psql");
        psql.args([
            "-XAt",
            "-v",
            "VERBOSITY=sqlstate",
            "-h",
            "127.0.0.1",
            "-p",
            port,
            "-U",
            "anna",
            "-c",
            statement,
            database,
        ]);
        let psql = psql.env_clear().env("PATH", "/usr/bin:/bin").env("PGPASSWORD", "anna-4711");
        let output = psql.env("HOME", self.deployment.folder.path()).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

/// A proxy as a process of its own.
struct Proxy {
    process: Child,
    address: String,
}

impl Proxy {
    fn start(scene: &Scene, words: &[&str]) -> Self {
        let mut command = scene.deployment.command(&scene.deployment.program);
        command.arg("--data").arg(scene.deployment.path("data")).args(["proxy", "--json", "--listen", "127.0.0.1:0"]);
        command.args(["--upstream", &format!("postgres://proxy@127.0.0.1:{}/app", scene.postgres.port())]);
        command.arg("--manifest-key").arg(scene.deployment.path("manifest.pem")).args(words);
        let log = std::fs::File::create(scene.deployment.path("proxy.log")).unwrap();
        command.env("PGPASSWORD", "proxy-4711").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("{line}{}", std::fs::read_to_string(scene.deployment.path("proxy.log")).unwrap())
        });
        Self { process, address: told["address"].as_str().unwrap().to_owned() }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

const ENABLED: &str = "dbname=app options='-c strongroom.column_encryption=enabled'";

#[test]
fn columns_are_encrypted_and_an_application_sees_them_in_clear() {
    let test = "columns_are_encrypted_and_an_application_sees_them_in_clear";
    let Some(mut scene) = Scene::new(test) else { return };
    let dsn = scene.dsn();
    scene.done(&["column", "keys", "create", "cmk1"]);
    scene.done(&["column", "setup", "--dsn", &dsn, "--proxy-role", "proxy"]);
    let columns = ["--column", "public.patients.ssn:deterministic", "--column", "public.patients.note:randomized"];
    scene.done(&[["column", "enable", "--dsn", &dsn].as_slice(), &columns].concat());
    let manifest = scene.done(&["key", "show", "columns-manifest", "--public-key"]);
    std::fs::write(scene.deployment.path("manifest.pem"), manifest).unwrap();
    scene.done(&["column", "status", "--dsn", &dsn]);

    let proxy = Proxy::start(&scene, &[]);
    let ask = |database: &str, statement: &str| scene.psql(&proxy.address, database, statement);
    assert_eq!(ask(ENABLED, "select * from patients where ssn = 'ssn-77'").0, "77|ssn-77|note 77");
    let update = "update patients set note = 'CANARY-note' where ssn = 'ssn-78' returning note";
    assert_eq!(ask("app!enabled", update).0, "CANARY-note\nUPDATE 1");
    // Who does not ask sees cells, of version 1.
    assert!(ask("app", "select ssn from patients where id = 77").0.starts_with("\\x01"));
    assert!(!scene.postgres.log().contains("CANARY"));
    // The process leaves no core file (getrlimit(2)) and shows its memory to nobody: what is undumpable belongs to root.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", proxy.process.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let check = scene.done(&["column", "check", "--dsn", &dsn, "--json"]);
    assert!(check.contains("cmk1#1"), "{check}");

    // Without the server the keys that are kept go on; a reload drops them; the server back, all is well without a restart.
    let read = "select note from patients where ssn = 'ssn-5'";
    assert_eq!(scene.deployment.stop(), Some(0));
    assert_eq!(scene.psql(&proxy.address, ENABLED, read).0, "note 5");
    proxy.signal(rustix::process::Signal::HUP);
    let mut without = scene.psql(&proxy.address, ENABLED, read);
    while without.0 == "note 5" {
        without = scene.psql(&proxy.address, ENABLED, read);
    }
    assert!(without.1.contains("08006"), "{without:?}");
    scene.deployment.start();
    assert_eq!(scene.psql(&proxy.address, ENABLED, read).0, "note 5");

    // And back: the table is in clear again, for everybody.
    scene.done(&[
        "column",
        "disable",
        "--dsn",
        &dsn,
        "--column",
        "public.patients.ssn",
        "--column",
        "public.patients.note",
    ]);
    let clear = scene.postgres.psql("app", "select ssn, note from patients where id in (77, 78) order by id").unwrap();
    assert_eq!(clear.trim(), "ssn-77|note 77\nssn-78|CANARY-note");
    // Which manifest was the newest is kept for the next start.
    let newest = scene.postgres.psql("app", "select max(sequence) from strongroom.manifest").unwrap();
    let newest = format!("\"sequence\": {},", newest.trim());
    let folder = scene.deployment.path(".local/state/strongroom");
    let seen = folder.join(format!("manifests-seen-127.0.0.1-{}.json", scene.postgres.port()));
    while !std::fs::read_to_string(&seen).unwrap().contains(&newest) {}
    proxy.signal(rustix::process::Signal::TERM);
    assert_eq!(scene.deployment.stop(), Some(0));
}

#[test]
fn a_proxy_that_would_give_values_away_does_not_start() {
    let deployment = Deployment::small();
    let run = |words: &[&str]| {
        let mut command = deployment.command(&deployment.program);
        let output = command.arg("--data").arg(deployment.path("data")).arg("proxy").args(words).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let upstream = ["--upstream", "postgres://127.0.0.1:1/app"];
    let (code, why) = run(&upstream);
    assert_eq!(code, Some(2));
    assert!(why.contains("--manifest-key"), "{why}");
    std::fs::write(deployment.path("key.pem"), "no key").unwrap();
    let key = deployment.path("key.pem").display().to_string();
    let (code, why) = run(&[&upstream, ["--manifest-key", &key].as_slice()].concat());
    assert_eq!(code, Some(1));
    assert!(why.contains("BEGIN PUBLIC KEY"), "{why}");
    let (code, why) = run(&[&upstream, ["--manifest-key", &key, "--listen", "0.0.0.0:0"].as_slice()].concat());
    assert_eq!(code, Some(2));
    assert!(why.contains("there is no TLS"), "{why}");
    // RFC 8410, section 10.1.
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    std::fs::write(deployment.path("key.pem"), public).unwrap();
    let (code, why) = run(&[&upstream, ["--manifest-key", &key, "--forget-manifest", "app"].as_slice()].concat());
    assert_eq!(code, Some(2));
    assert!(why.contains("no manifest of the database `app` was seen"), "{why}");
    let seen = deployment.path("seen.json").display().to_string();
    std::fs::write(&seen, "{}").unwrap();
    let (code, why) = run(&[&upstream, ["--manifest-key", &key, "--manifests-seen", &seen].as_slice()].concat());
    assert_eq!(code, Some(1));
    assert!(why.contains("seen.json does not say which manifests were seen"), "{why}");
}
