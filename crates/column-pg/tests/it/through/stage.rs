//! A database with encrypted columns, a proxy before it, and between the two a tap that remembers every byte.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use strongroom_column_pg::catalogue::{KeyValue, Loader};
use strongroom_column_pg::connect::Dsn;
use strongroom_column_pg::enable::ColumnKeySource;
use strongroom_column_pg::proxy::keys::{NotUnwrapped, Unwrap};
use strongroom_column_pg::proxy::upstream::{Place, Upstream};
use strongroom_column_pg::proxy::{Proxy, Settings};
use strongroom_column_pg::session::Encryption;
use strongroom_secret::ColumnKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::enable::scene::{MemoryKeys, Scene};

/// The keys of the scene, which can be out of reach.
pub struct Keys {
    keys: Arc<MemoryKeys>,
    pub down: AtomicBool,
}

impl Unwrap for Keys {
    fn unwrap<'a>(
        &'a self,
        value: &'a KeyValue,
    ) -> Pin<Box<dyn Future<Output = Result<ColumnKey, NotUnwrapped>> + Send + 'a>> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(NotUnwrapped::unreachable("the key server cannot be reached".into()));
            }
            self.keys.as_ref().unwrap(value).await.map_err(|error| NotUnwrapped::refused(error.to_string()))
        })
    }
}

/// Everything that went to the server.
pub struct Tap {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

impl Tap {
    async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, Arc::clone(&heard)));
        Self { address, heard, _tasks: tasks }
    }

    pub fn holds(&self, canary: &[u8]) -> bool {
        memchr::memmem::find(&self.heard.lock(), canary).is_some()
    }
}

async fn accept(listener: TcpListener, server: u16, heard: Arc<Mutex<Vec<u8>>>) {
    let mut sessions = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let heard = Arc::clone(&heard);
        sessions.spawn(async move {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let forth = async {
                let mut chunk = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = from_client.read(&mut chunk).await {
                    heard.lock().extend_from_slice(&chunk[..count]);
                    if to_server.write_all(&chunk[..count]).await.is_err() {
                        break;
                    }
                }
                let _ = to_server.shutdown().await;
            };
            let back = async {
                let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
                let _ = to_client.shutdown().await;
            };
            tokio::join!(forth, back);
        });
    }
}

pub struct Stage {
    pub scene: Scene,
    pub tap: Tap,
    pub proxy: Proxy,
    pub keys: Arc<Keys>,
    folder: tempfile::TempDir,
}

/// The password of `anna`, the application's role.
pub const PASSWORD: &str = "anna-4711";

impl Stage {
    /// With this script run in the databases `app` and `plain`, and these columns of `app` encrypted.
    pub async fn new(test: &str, script: &str, columns: &[&str], encryption: Encryption) -> Option<Self> {
        let scene = Scene::new(test, script).await?;
        let password = scene.postgres.password();
        scene.sql(&format!(
            "create role proxy login password '{password}' in role strongroom_proxy; create role anna login password '{PASSWORD}'"
        ));
        scene.postgres.psql("postgres", "create database plain").unwrap();
        scene.postgres.psql("plain", script).unwrap();
        scene.enable(columns).await.unwrap();
        for database in ["app", "plain"] {
            let rights = "grant all on all tables in schema public to anna; grant create on schema public to anna";
            scene.postgres.psql(database, rights).unwrap();
        }
        let tap = Tap::before(scene.postgres.port()).await;
        let keys = Arc::new(Keys { keys: Arc::clone(&scene.keys), down: AtomicBool::new(false) });
        let mut stage_settings = settings(&scene, encryption);
        stage_settings.upstream.place = Place::Tcp(tap.address.ip().to_string(), tap.address.port());
        let proxy = Proxy::start(stage_settings, Arc::clone(&keys) as Arc<dyn Unwrap>).await.unwrap();
        Some(Self { scene, tap, proxy, keys, folder: tempfile::tempdir().unwrap() })
    }

    /// A program of PostgreSQL's, led to the proxy as `anna`.
    pub fn through(&self, program: &str) -> Command {
        self.led(program, self.proxy.address().port(), "app")
    }

    /// The same, led to the server and the plain table.
    pub fn direct(&self, program: &str) -> Command {
        self.led(program, self.scene.postgres.port(), "plain")
    }

    /// A program of PostgreSQL's, led to this port and database as `anna`.
    pub fn led(&self, program: &str, port: u16, database: &str) -> Command {
        let mut command = self.scene.postgres.command(program);
        command.env("PGHOST", "127.0.0.1").env("PGPORT", port.to_string()).env("PGDATABASE", database);
        command.env("PGUSER", "anna").env("PGPASSWORD", PASSWORD).env("HOME", self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// An address for a driver, through the proxy.
    pub fn url(&self) -> String {
        format!("postgres://anna:{PASSWORD}@127.0.0.1:{}/app?sslmode=disable", self.proxy.address().port())
    }

    /// None of these is anywhere at the server: not on the wire to it, not in its log, not in its files.
    pub fn assert_nowhere(&self, canaries: &[&str]) {
        self.scene.sql("checkpoint");
        let log = self.scene.postgres.log();
        for canary in canaries {
            assert!(!self.tap.holds(canary.as_bytes()), "`{canary}` went over the wire");
            assert!(!log.contains(canary), "`{canary}` is in the server's log");
        }
        let mut folders = vec![self.scene.postgres.data_dir()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                } else if let Ok(bytes) = std::fs::read(entry.path()) {
                    for canary in canaries {
                        let found = memchr::memmem::find(&bytes, canary.as_bytes()).is_some();
                        assert!(!found, "`{canary}` is in {}", entry.path().display());
                    }
                }
            }
        }
    }
}

/// For a proxy right before the server.
pub fn settings(scene: &Scene, encryption: Encryption) -> Settings {
    let control = Dsn::parse(&scene.postgres.dsn("proxy", "app")).unwrap();
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        socket_folder: None,
        require_tls: false,
        client_tls: None,
        upstream: Upstream::of(&control),
        control,
        loader: Loader::new(scene.keys.public()),
        encryption,
        key_time_to_live: Duration::from_secs(3600),
        connections: 200,
        metrics: None,
        name: "test".into(),
    }
}

/// Runs a program without holding the runtime up.
pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}
