//! A database that is set up, keys in memory, and somebody who watches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use strongroom_column::cell::{CellKey, key_check};
use strongroom_column::manifest::VerifyingKey;
use strongroom_column::master::{PROVIDER, SEALED};
use strongroom_column_pg::catalogue::KeyValue;
use strongroom_column_pg::connect::{self, Dsn};
use strongroom_column_pg::enable::{
    ColumnKeySource, Direction, EnableError, KeySourceError, MadeKey, Observer, Options, Outcome, Progress, Target,
    Verification, run, setup::Setup,
};
use strongroom_crypto::signature::SigningKey;
use strongroom_secret::{ColumnKey, SigningSeed};
use strongroom_testkit::postgres::Postgres;
use tokio_postgres::Client;

/// Keys in memory: an envelope is a number.
pub struct MemoryKeys {
    keys: Mutex<HashMap<Vec<u8>, [u8; 32]>>,
    signing: SigningKey,
    made: AtomicU8,
}

impl MemoryKeys {
    pub fn new() -> Self {
        let signing = SigningKey::from_seed(&SigningSeed::from_slice(&[9; 32]).unwrap());
        Self { keys: Mutex::new(HashMap::new()), signing, made: AtomicU8::new(0) }
    }

    pub fn public(&self) -> VerifyingKey {
        // SubjectPublicKeyInfo of Ed25519 (RFC 8410) is this and the key.
        let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        VerifyingKey::from_spki(&[prefix.as_slice(), &self.signing.public()].concat()).unwrap()
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signing.sign(message).to_vec()
    }

    /// The key whose check value this is.
    pub fn cell_key(&self, check: &[u8; 16]) -> CellKey {
        let keys = self.keys.lock();
        let found =
            keys.values().map(|bytes| ColumnKey::from_slice(bytes).unwrap()).find(|key| key_check(key) == *check);
        CellKey::derive(&found.unwrap())
    }
}

impl ColumnKeySource for MemoryKeys {
    async fn make(&self, master: &str) -> Result<MadeKey, KeySourceError> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let envelope = format!("envelope {number}").into_bytes();
        self.keys.lock().insert(envelope.clone(), [number; 32]);
        let (provider, path, algorithm) = (PROVIDER.to_owned(), format!("{master}#1"), SEALED.to_owned());
        let value = KeyValue { provider, path, algorithm, envelope };
        Ok(MadeKey { key: ColumnKey::from_slice(&[number; 32]).unwrap(), value })
    }

    async fn unwrap(&self, value: &KeyValue) -> Result<ColumnKey, KeySourceError> {
        let bytes = self.keys.lock().get(&value.envelope).copied();
        let bytes = bytes.ok_or_else(|| KeySourceError("no such envelope".into()))?;
        Ok(ColumnKey::from_slice(&bytes).unwrap())
    }

    async fn sign_manifest(&self, message: &[u8]) -> Result<Vec<u8>, KeySourceError> {
        Ok(self.sign(message))
    }

    async fn manifest_key(&self) -> Result<VerifyingKey, KeySourceError> {
        Ok(self.public())
    }

    async fn sign_master(&self, _: &str) -> Result<Vec<u8>, KeySourceError> {
        Ok(vec![1; 384])
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Notes {
    pub phases: Mutex<Vec<&'static str>>,
}

impl Observer for Notes {
    fn remark(&self, _: &str) {}

    fn progress(&self, progress: &Progress) {
        self.phases.lock().push(progress.phase);
    }
}

/// A server with the database `app`, set up.
pub struct Scene {
    pub postgres: Postgres,
    pub keys: Arc<MemoryKeys>,
}

impl Scene {
    /// With these statements run first; `None` where there is no PostgreSQL, which is said.
    pub async fn new(test: &str, script: &str) -> Option<Self> {
        let postgres = match Postgres::start() {
            Ok(postgres) => postgres,
            Err(why) => {
                println!("not run: {test}: {why}");
                return None;
            }
        };
        postgres.psql("postgres", "create database app").unwrap();
        postgres.psql("app", script).unwrap();
        let scene = Self { postgres, keys: Arc::new(MemoryKeys::new()) };
        Setup::default().run(&scene.dsn(), Some((scene.keys.as_ref(), "columns-manifest"))).await.unwrap();
        Some(scene)
    }

    pub fn dsn(&self) -> Dsn {
        Dsn::parse(&self.postgres.dsn("postgres", "app")).unwrap()
    }

    pub async fn client(&self) -> Client {
        let (client, connection) = connect::open(&self.dsn()).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub fn sql(&self, script: &str) -> String {
        self.postgres.psql("app", script).unwrap()
    }

    pub async fn enable(&self, columns: &[&str]) -> Result<Outcome, EnableError> {
        self.run(columns, &options(Direction::Enable)).await
    }

    pub async fn disable(&self, columns: &[&str]) -> Result<Outcome, EnableError> {
        self.run(columns, &options(Direction::Disable)).await
    }

    pub async fn run(&self, columns: &[&str], options: &Options) -> Result<Outcome, EnableError> {
        let targets: Vec<Target> = columns.iter().map(|column| column.parse().unwrap()).collect();
        run(&self.dsn(), self.keys.as_ref(), &targets, options, &Notes::default()).await
    }
}

pub fn options(direction: Direction) -> Options {
    Options {
        direction,
        key: None,
        master: "cmk1".into(),
        manifest_key: "columns-manifest".into(),
        accept_frequency_leakage: false,
        keep_plain: false,
        vacuum_full: true,
        verification: Verification::All,
        max_standby_lag: None,
    }
}
