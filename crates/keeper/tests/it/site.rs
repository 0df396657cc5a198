//! One instance in folders of its own, and what a test does with it: start, use, copy, put back, look into the trail.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Get, GetReply, Put, PutReply};
use strongroom_envelope::Id;
use strongroom_keeper::facade::{Caller, Failure, KeyProtector, QuarantineView, RetryKey};
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, OpenError, Settings, StartReport};
use strongroom_secret::{Passphrase, SecretBytes};

/// The folders that make up an instance; the trail has one of its own, so that it can stay when the data goes back.
pub const FOLDERS: [&str; 5] = ["data", "audit", "anchor", "account", "machine"];

/// Folders of one instance, gone with the value.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub events: Arc<Events>,
    pub machine_protector: bool,
    /// How often old things are looked for.
    pub look_every: Duration,
    /// Certificates, tokens and plug-ins.
    pub configuration: strongroom_protector::Configuration,
}

/// Everything the keeper told the system log.
#[derive(Default)]
pub struct Events(Mutex<Vec<(Severity, String, String)>>);

impl Journal for Events {
    fn event(&self, severity: Severity, code: &str, message: &str) {
        self.0.lock().push((severity, code.to_owned(), message.to_owned()));
    }
}

impl Events {
    /// The codes so far; afterwards there are none.
    pub fn take(&self) -> Vec<String> {
        self.0.lock().drain(..).map(|(_, code, _)| code).collect()
    }

    /// How many events with this code there are.
    pub fn count(&self, code: &str) -> usize {
        self.0.lock().iter().filter(|(_, found, _)| found == code).count()
    }

    /// Everything, as text.
    pub fn text(&self) -> String {
        self.0.lock().iter().map(|(_, code, message)| format!("{code} {message}\n")).collect()
    }
}

/// Files by their path below the site, with their modes: a copy, and what two moments are compared by.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Image(pub BTreeMap<PathBuf, (u32, Vec<u8>)>);

impl Image {
    /// What lies in these folders of a site now.
    pub fn taken(site: &Path, folders: &[&str]) -> Self {
        let mut image = Self::default();
        for folder in folders {
            collect(site, &site.join(folder), &mut image);
        }
        image
    }

    /// Only what lies in this folder.
    pub fn of(&self, folder: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(path, _)| path.starts_with(folder))
                .map(|(path, file)| (path.clone(), file.clone()))
                .collect(),
        )
    }

    /// Without the files that SQLite makes and removes beside its database as it pleases, once they hold nothing.
    pub fn settled(mut self) -> Self {
        self.0.retain(|path, (_, bytes)| {
            let name = path.to_string_lossy();
            !(name.ends_with("-shm") || (name.ends_with("-wal") && bytes.is_empty()))
        });
        self
    }

    /// The paths of files that differ or are on one side only.
    pub fn differing(&self, other: &Self) -> Vec<PathBuf> {
        let paths = self.0.keys().chain(other.0.keys());
        let mut differing: Vec<PathBuf> =
            paths.filter(|path| self.0.get(*path) != other.0.get(*path)).cloned().collect();
        differing.sort();
        differing.dedup();
        differing
    }
}

impl Site {
    /// In memory where the host has such a file system: these tests are about what is there, not about disks.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.or_else(|_| tempfile::tempdir()).unwrap();
        fs::write(folder.path().join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        let (look_every, configuration) = (strongroom_keeper::LOOK_EVERY, Default::default());
        Self { folder, events: Arc::default(), machine_protector: true, look_every, configuration }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn settings(&self) -> Settings {
        Settings {
            data: self.path("data"),
            anchor_directory: self.path("anchor"),
            audit_directory: Some(self.path("audit")),
            protector: strongroom_protector::Settings {
                account_dir: Some(self.path("account")),
                machine_dir: Some(self.path("machine")),
                machine_id_file: Some(self.path("machine-id")),
                configuration: self.configuration.clone(),
                ..strongroom_protector::Settings::default()
            },
            machine_protector: self.machine_protector,
            node: "test".into(),
            root_id: None,
            deleted_retention_ms: 1000,
            look_every: self.look_every,
            workers: 2,
            journal: Arc::clone(&self.events) as Arc<dyn Journal>,
        }
    }

    pub fn open(&self) -> Result<(Keeper, StartReport), OpenError> {
        Keeper::open(self.settings())
    }

    /// Starts it and expects it to be unlocked.
    pub fn start(&self) -> Keeper {
        let (keeper, report) = self.open().unwrap();
        assert_eq!(report.locked, None, "{:?}", report.explanation);
        keeper
    }

    /// What lies in these folders now.
    pub fn image_of(&self, folders: &[&str]) -> Image {
        Image::taken(self.folder.path(), folders)
    }

    pub fn image(&self) -> Image {
        self.image_of(&FOLDERS)
    }

    /// Puts these folders back as they were in `image`; the others stay.
    pub fn restore(&self, image: &Image, folders: &[&str]) {
        for folder in folders {
            let path = self.path(folder);
            if path.exists() {
                fs::remove_dir_all(&path).unwrap();
            }
            for (path, (mode, bytes)) in image.of(folder).0 {
                let path = self.folder.path().join(path);
                let parent = path.parent().unwrap();
                fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).unwrap();
                fs::write(&path, bytes).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }

    /// The secret files of one protector kind: `account` or `machine`.
    pub fn secret_files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// The anchor file.
    pub fn anchor_file(&self) -> PathBuf {
        let data = self.path("data").canonicalize().unwrap();
        self.path("anchor").join(strongroom_envelope::anchor::file_name(&data))
    }
}

fn collect(root: &Path, path: &Path, image: &mut Image) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(root, &entry.path(), image);
        } else {
            let mode = entry.metadata().unwrap().mode() & 0o7777;
            let relative = entry.path().strip_prefix(root).unwrap().to_owned();
            image.0.insert(relative, (mode, fs::read(entry.path()).unwrap()));
        }
    }
}

/// An administrator at the local socket, with a request id of its own.
pub fn admin() -> Caller {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut request = [7; 16];
    request[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Caller {
        principal: Principal { identity: Identity::Peer { uid: 0 }, role: Some(Role::Admin), channel: Channel::Local },
        remote: "unix".into(),
        request_id: Id(request),
        retry: None,
    }
}

/// The same with an idempotency key.
pub fn retrying(key: &str, body: u8) -> Caller {
    Caller { retry: Some(RetryKey { key: key.to_owned(), body_sha256: [body; 32] }), ..admin() }
}

pub fn name(text: &str) -> Selector {
    Selector::Name(Name::parse(text).unwrap())
}

/// A protector that nothing but this password opens.
pub fn password_only(password: &[u8]) -> KeyProtector {
    KeyProtector::Password { passphrase: Passphrase::from_slice(password), recovery: false }
}

pub fn put_operation(text: &str, value: &[u8]) -> Put {
    Put::new(name(text), SecretBytes::from_slice(value))
}

pub async fn put(keeper: &Keeper, text: &str, value: &[u8]) -> Result<PutReply, Failure> {
    keeper.execute(admin(), put_operation(text, value)).await
}

pub async fn get(keeper: &Keeper, text: &str) -> Result<GetReply, Failure> {
    keeper.execute(admin(), Get { selector: name(text), version: None }).await
}

pub async fn get_by_id(keeper: &Keeper, id: Id) -> Result<GetReply, Failure> {
    keeper.execute(admin(), Get { selector: Selector::Id(id), version: None }).await
}

/// The value, expected to be served.
pub async fn value(keeper: &Keeper, text: &str) -> Vec<u8> {
    get(keeper, text).await.unwrap().value.expose().to_vec()
}

/// The finding a request was refused with, if it was refused because of a quarantined record.
pub fn quarantined<T>(outcome: Result<T, Failure>) -> Option<&'static str> {
    match outcome {
        Err(Failure::Refused(Refusal::Quarantined { finding, .. })) => Some(finding),
        _ => None,
    }
}

/// Records in quarantine with their findings.
pub async fn findings(keeper: &Keeper) -> BTreeMap<String, &'static str> {
    let views: Vec<QuarantineView> = keeper.quarantine_list(admin()).await.unwrap();
    views.into_iter().map(|view| (view.record, view.finding)).collect()
}
