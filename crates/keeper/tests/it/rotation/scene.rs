//! An instance with secrets, the rotation of their key, and who looks at the rows of the store.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use strongroom_engine::job::{self, JobState, JobView};
use strongroom_engine::key::{self, KeyView, RotateReply};
use strongroom_engine::secret::SecretVersionBody;
use strongroom_envelope::{Id, RecordKind, body, value};
use strongroom_keeper::facade::Failure;
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, Settings};
use strongroom_store::{DataDirectory, Store};
use strongroom_testkit::store::MemoryStore;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::insider::Insider;
use crate::rows::{Row, Rows};
use crate::site::{Events, Site, admin, name, put, value};
use crate::trail;

/// The name of the key that secrets are sealed under.
pub const KEY: &str = "secrets";

/// A site, and who is woken by what its keeper tells.
pub struct Scene {
    pub site: Site,
    pub told: Arc<Told>,
}

/// The system log of a site, which can be waited for.
pub struct Told {
    events: Arc<Events>,
    changed: Notify,
}

impl Journal for Told {
    fn event(&self, severity: Severity, code: &str, message: &str) {
        self.events.event(severity, code, message);
        self.changed.notify_waiters();
    }
}

impl Told {
    /// Waits until it is so; looked at whenever something is told.
    pub async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}

impl Scene {
    pub fn new() -> Self {
        let site = Site::new();
        let told = Arc::new(Told { events: Arc::clone(&site.events), changed: Notify::new() });
        Self { site, told }
    }

    pub fn settings(&self) -> Settings {
        Settings { journal: Arc::clone(&self.told) as Arc<dyn Journal>, ..self.site.settings() }
    }

    /// Starts it over its own files.
    pub fn start(&self) -> Keeper {
        let (keeper, report) = Keeper::open(self.settings()).unwrap();
        assert_eq!(report.locked, None, "{:?}", report.explanation);
        keeper
    }

    /// Starts it over this store.
    pub fn start_over(&self, store: impl Store + 'static) -> Keeper {
        let directory = DataDirectory::open_or_create(self.site.path("data")).unwrap();
        let (keeper, report) = Keeper::open_with(self.settings(), directory, Arc::new(store)).unwrap();
        assert_eq!(report.locked, None, "{:?}", report.explanation);
        keeper
    }

    /// The job when it does not run any more.
    pub async fn over(&self, keeper: &Keeper, id: Id) -> JobView {
        loop {
            let mut changed = pin!(self.told.changed.notified());
            changed.as_mut().enable();
            match job(keeper, id).await {
                Ok(view) if view.state == JobState::Running => changed.await,
                Ok(view) => return view,
                // The trail may be out of order for a moment; what it tells next is that it is not.
                Err(Failure::AuditUnavailable) => changed.await,
                Err(failure) => panic!("{failure}"),
            }
        }
    }

    /// How many lines prove that nothing is left under a version of the key for secrets.
    pub fn proofs(&self, version: u32) -> usize {
        let proves = |line: &strongroom_envelope::audit_line::Line| {
            line.operation == "key.reencrypted"
                && line.outcome == "none_left"
                && line.target == KEY
                && line.key_version == Some(version)
        };
        trail::lines(&self.site).iter().filter(|line| proves(line)).count()
    }
}

/// The value of secret `number` after `counter` changes, followed by as much as makes it long.
pub fn content(number: usize, counter: u64, length: usize) -> Vec<u8> {
    let mut content = format!("{number}/{counter}/").into_bytes();
    content.resize(content.len().max(length), b'x');
    content
}

/// Who the value belongs to, and how often it was changed.
pub fn parsed(content: &[u8]) -> (usize, u64) {
    let text = std::str::from_utf8(content).unwrap();
    let mut parts = text.split('/');
    (parts.next().unwrap().parse().unwrap(), parts.next().unwrap().parse().unwrap())
}

pub fn secret(number: usize) -> String {
    format!("s/{number}")
}

/// Stores so many secrets with values of this length, many at once.
pub async fn fill(keeper: &Keeper, secrets: usize, length: usize) {
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let keeper = keeper.clone();
        tasks.spawn(async move {
            for number in (task..secrets).step_by(32) {
                put(&keeper, &secret(number), &content(number, 0, length)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// Every secret is served as it was filled.
pub async fn assert_filled(keeper: &Keeper, secrets: usize, length: usize) {
    for number in 0..secrets {
        assert_eq!(value(keeper, &secret(number)).await, content(number, 0, length), "{}", secret(number));
    }
}

pub fn rotation() -> key::Rotate {
    key::Rotate { selector: name(KEY), reencrypt: true, expected_version: None, rate: None }
}

pub async fn rotate(keeper: &Keeper) -> Result<RotateReply, Failure> {
    keeper.execute(admin(), rotation()).await
}

pub async fn job(keeper: &Keeper, id: Id) -> Result<JobView, Failure> {
    keeper.execute(admin(), job::Show { id }).await
}

pub async fn jobs(keeper: &Keeper) -> Vec<JobView> {
    keeper.execute(admin(), job::List).await.unwrap().jobs
}

pub async fn key_view(keeper: &Keeper) -> KeyView {
    keeper.execute(admin(), key::Show { selector: name(KEY) }).await.unwrap()
}

/// Destroys a version of the key for secrets without a time to wait.
pub async fn destroy(keeper: &Keeper, version: u32) -> Result<KeyView, Failure> {
    keeper.execute(admin(), key::Destroy { selector: name(KEY), version, wait: Some(0) }).await
}

/// How many values the key says are stored under each of its versions.
pub async fn counted(keeper: &Keeper) -> BTreeMap<u32, u64> {
    let versions = key_view(keeper).await.versions.into_iter();
    versions.filter(|version| version.stored > 0).map(|version| (version.number, version.stored)).collect()
}

/// How many values really are sealed under each version, as the values themselves say: every row is opened without the server.
pub fn found(site: &Site, rows: &[Row]) -> BTreeMap<u32, u64> {
    let insider = Insider::among(site, rows);
    let mut found = BTreeMap::new();
    for row in rows.iter().filter(|(key, _)| key[0] == RecordKind::SecretVersion.byte()) {
        *found.entry(version_of(&insider, row)).or_default() += 1;
    }
    found
}

/// The key version that the value of a row is sealed under.
pub fn version_of(insider: &Insider, row: &Row) -> u32 {
    let stored: SecretVersionBody = body::decode_strict(insider.opened(row).expose()).unwrap();
    let header = value::parse(&stored.value).unwrap();
    assert_eq!((header.key_id, header.key_version), (stored.key_id, stored.key_version));
    header.key_version
}

pub fn rows(store: &MemoryStore) -> Vec<Row> {
    store.records().into_iter().collect()
}

pub fn found_in(site: &Site, store: &MemoryStore) -> BTreeMap<u32, u64> {
    found(site, &rows(store))
}

pub fn found_in_file(site: &Site) -> BTreeMap<u32, u64> {
    found(site, &Rows::open(site).all())
}
