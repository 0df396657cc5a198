//! The proxy's door: who gets in, over what, and what goes through when nothing is encrypted.

use std::future::Future;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use strongroom_column::manifest::VerifyingKey;
use strongroom_column_pg::catalogue::{KeyValue, Loader, schema};
use strongroom_column_pg::connect::Dsn;
use strongroom_column_pg::proxy::door::ClientTls;
use strongroom_column_pg::proxy::keys::{NotUnwrapped, TIME_TO_LIVE, Unwrap};
use strongroom_column_pg::proxy::upstream::Upstream;
use strongroom_column_pg::proxy::{Proxy, Settings};
use strongroom_column_pg::session::Encryption;
use strongroom_secret::ColumnKey;
use strongroom_testkit::postgres::Postgres;

/// Has no keys: nothing is encrypted here.
struct NoKeys;

impl Unwrap for NoKeys {
    fn unwrap<'a>(
        &'a self,
        _: &'a KeyValue,
    ) -> Pin<Box<dyn Future<Output = Result<ColumnKey, NotUnwrapped>> + Send + 'a>> {
        Box::pin(async { Err(NotUnwrapped::refused("there are none".into())) })
    }
}

struct Scene {
    postgres: Postgres,
    folder: tempfile::TempDir,
}

impl Scene {
    /// A server with the schema, a role for the proxy, and `anna`, who has a password.
    fn new() -> Result<Self, String> {
        let postgres = Postgres::start()?;
        postgres.psql("postgres", "create database app")?;
        postgres.psql("app", &schema::script("public"))?;
        let password = postgres.password();
        let roles = format!(
            "create role proxy login password '{password}' in role strongroom_proxy;
             create role anna login password 'anna-4711'; create role nobody login;
             create table visits (id int primary key, who name default current_user); grant all on visits to anna"
        );
        postgres.psql("app", &roles)?;
        Ok(Self { postgres, folder: tempfile::tempdir().unwrap() })
    }

    fn settings(&self, client_tls: Option<ClientTls>) -> Settings {
        let control = Dsn::parse(&self.postgres.dsn("proxy", "app")).unwrap();
        // A key nobody has signed with: RFC 8410, section 10.1.
        let key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            socket_folder: None,
            require_tls: client_tls.is_some(),
            client_tls,
            upstream: Upstream::of(&control),
            control,
            loader: Loader::new(VerifyingKey::from_pem(key).unwrap()),
            encryption: Encryption::Disabled,
            key_time_to_live: TIME_TO_LIVE,
            connections: 20,
            metrics: Some("127.0.0.1:0".parse().unwrap()),
            name: "test".into(),
        }
    }

    /// psql through the proxy.
    async fn psql(&self, proxy: &Proxy, connection: &str, password: &str, script: &str) -> Output {
        let mut psql = Command::new("psql");
        psql.arg("-XAtq")
            .args(["-v", "ON_ERROR_STOP=1"])
            .arg(format!("host=127.0.0.1 port={} dbname=app user=anna {connection}", proxy.address().port()));
        psql.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("PGPASSWORD", password);
        psql.env("HOME", self.folder.path()).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || psql.output().unwrap()).await.unwrap()
    }
}

fn scene(name: &str) -> Option<Scene> {
    match Scene::new() {
        Ok(scene) => Some(scene),
        Err(why) => {
            println!("not run: {name}: {why}");
            None
        }
    }
}

fn said(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_is_itself_at_the_server() {
    let Some(scene) = scene("each_client_is_itself_at_the_server") else { return };
    let proxy = Proxy::start(scene.settings(None), Arc::new(NoKeys)).await.unwrap();
    let inserted = scene.psql(&proxy, "", "anna-4711", "insert into visits values (1) returning who").await;
    assert_eq!(said(&inserted), (true, "anna".into(), String::new()));
    // The wrong password, a role without one, and a role that is none are told the same.
    for (user, password) in [("anna", "anna-4712"), ("nobody", "x"), ("notthere", "x")] {
        let (through, _, why) = said(&scene.psql(&proxy, &format!("user={user}"), password, "select 1").await);
        assert!(!through && why.contains(&format!("password authentication failed for user \"{user}\"")), "{why}");
    }
    let (through, _, why) = said(&scene.psql(&proxy, "dbname=nosuch", "anna-4711", "select 1").await);
    assert!(!through && why.contains("database \"nosuch\" does not exist"), "{why}");
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_log_in_is_bound_to_the_certificate() {
    let Some(scene) = scene("over_tls_the_log_in_is_bound_to_the_certificate") else { return };
    let (file, key) = certificate(&scene);
    let tls = ClientTls::read(&file, &key).unwrap();
    let proxy = Proxy::start(scene.settings(Some(tls)), Arc::new(NoKeys)).await.unwrap();
    let full = format!(
        "host=localhost hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={} channel_binding=require",
        shown(&file)
    );
    let bound = scene.psql(&proxy, &full, "anna-4711", "select current_user").await;
    assert_eq!(said(&bound), (true, "anna".into(), String::new()));
    let (through, _, why) = said(&scene.psql(&proxy, "sslmode=disable", "anna-4711", "select 1").await);
    assert!(!through && why.contains("takes connections with TLS only"), "{why}");
    proxy.stop().await;
}

/// A certificate and its key.
fn certificate(scene: &Scene) -> (PathBuf, PathBuf) {
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let write = |name: &str, text: String| {
        let path = scene.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    (write("certificate.pem", certificate.cert.pem()), write("key.pem", certificate.signing_key.serialize_pem()))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_same_host_find_its_socket() {
    let Some(scene) = scene("clients_of_the_same_host_find_its_socket") else { return };
    let (certificate, key) = certificate(&scene);
    let folder = tempfile::tempdir().unwrap();
    let with_socket = || {
        let tls = ClientTls::read(&certificate, &key).unwrap();
        let settings = scene.settings(Some(tls));
        Settings { socket_folder: Some(folder.path().to_owned()), ..settings }
    };
    let proxy = Proxy::start(with_socket(), Arc::new(NoKeys)).await.unwrap();
    let socket = proxy.socket().unwrap().to_owned();
    assert_eq!(socket, folder.path().join(format!(".s.PGSQL.{}", proxy.address().port())));
    // TLS is asked of those who come over the network.
    let here = format!("host={}", folder.path().display());
    let who = "insert into visits values (1); select current_user, inet_client_addr() is not null";
    let (done, out, complaint) = said(&scene.psql(&proxy, &here, "anna-4711", who).await);
    assert!(done && out == "anna|t", "{out}{complaint}");
    let (done, _, complaint) = said(&scene.psql(&proxy, "sslmode=disable", "anna-4711", "select 1").await);
    assert!(!done && complaint.contains("with TLS only"), "{complaint}");
    let (done, _, complaint) = said(&scene.psql(&proxy, &here, "wrong", "select 1").await);
    assert!(!done && complaint.contains("password authentication failed"), "{complaint}");

    // Whoever listens is not pushed aside; what a killed one left behind is; what is no socket stays.
    let at = proxy.address();
    let taken = UnixListener::bind(folder.path().join(".s.PGSQL.1")).unwrap();
    let bind = async |file: &str| {
        std::fs::rename(folder.path().join(file), &socket).unwrap();
        Proxy::start(Settings { listen: at, ..with_socket() }, Arc::new(NoKeys)).await
    };
    proxy.stop().await;
    assert!(!socket.exists());
    let refused = bind(".s.PGSQL.1").await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains(socket.to_str().unwrap()) && refused.contains("in use"), "{refused}");
    drop(taken);
    std::fs::rename(&socket, folder.path().join(".s.PGSQL.1")).unwrap();
    let proxy = bind(".s.PGSQL.1").await.unwrap();
    assert!(said(&scene.psql(&proxy, &here, "anna-4711", "select 1").await).0);
    proxy.stop().await;
    std::fs::write(folder.path().join("file"), "text").unwrap();
    assert!(bind("file").await.is_err());
    assert_eq!(std::fs::read(&socket).unwrap(), b"text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_cancelled_through_the_proxy() {
    let Some(scene) = scene("a_statement_is_cancelled_through_the_proxy") else { return };
    let proxy = Proxy::start(scene.settings(None), Arc::new(NoKeys)).await.unwrap();
    let dsn =
        Dsn::parse(&format!("postgres://anna:anna-4711@127.0.0.1:{}/app?sslmode=disable", proxy.address().port()))
            .unwrap();
    let (client, connection) = strongroom_column_pg::connect::open(&dsn).await.unwrap();
    let driven = tokio::spawn(connection);
    let cancel = client.cancel_token();
    let slow = client.simple_query("select pg_sleep(600)");
    let cancelled = async {
        let running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'";
        while scene.postgres.psql("postgres", running).unwrap().trim() != "1" {}
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (slow, ()) = tokio::join!(slow, cancelled);
    assert_eq!(slow.unwrap_err().code().unwrap().code(), "57014");
    // The session goes on. (A client that still waits for the end of its statement would take the farewell for part of it.)
    client.simple_query("select 1").await.unwrap();
    // Those who are there when the proxy stops are told.
    proxy.stop().await;
    let ended = driven.await.unwrap().unwrap_err();
    assert_eq!(ended.code().map(|code| code.code()), Some("57P01"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_client_of_postgresql_is_put_off_and_metrics_count() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    let Some(scene) = scene("what_is_no_client_of_postgresql_is_put_off_and_metrics_count") else { return };
    let proxy = Proxy::start(scene.settings(None), Arc::new(NoKeys)).await.unwrap();
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 4096], vec![0xff; 9], vec![0, 0, 0, 9, 0, 3, 0, 0, 0]] {
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let _ = stream.write_all(&garbage).await;
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        assert!(heard.is_empty() || heard.first() == Some(&b'E'), "{heard:?}");
    }
    scene.psql(&proxy, "", "wrong", "select 1").await;
    let mut metrics = TcpStream::connect(proxy.metrics_address().unwrap()).await.unwrap();
    metrics.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut page = String::new();
    metrics.read_to_string(&mut page).await.unwrap();
    assert!(page.contains("\nstrongroom_proxy_log_ins_denied_total 1\n"), "{page}");
    proxy.stop().await;
}
