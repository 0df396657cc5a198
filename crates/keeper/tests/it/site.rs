//! One instance in folders of its own.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::secret::{Get, GetReply, Put, PutReply};
use strongroom_envelope::Id;
use strongroom_keeper::facade::{Caller, Failure};
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, OpenError, Settings, StartReport};
use strongroom_secret::SecretBytes;

/// Folders of one instance, gone with the value.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub events: Arc<Events>,
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
    pub fn codes(&self) -> Vec<String> {
        self.0.lock().iter().map(|(_, code, _)| code.clone()).collect()
    }
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        Self { folder, events: Arc::default() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn settings(&self) -> Settings {
        Settings {
            data: self.path("data"),
            anchor_directory: self.path("anchor"),
            audit_directory: None,
            protector: strongroom_protector::Settings {
                account_dir: Some(self.path("account")),
                machine_dir: Some(self.path("machine")),
                machine_id_file: Some(self.path("machine-id")),
                ..strongroom_protector::Settings::default()
            },
            machine_protector: true,
            node: "test".into(),
            root_id: None,
            deleted_retention_ms: 1000,
            workers: 2,
            journal: Arc::clone(&self.events) as Arc<dyn Journal>,
        }
    }

    pub fn open(&self) -> Result<(Keeper, StartReport), OpenError> {
        Keeper::open(self.settings())
    }

    pub fn start(&self) -> Keeper {
        self.open().unwrap().0
    }
}

pub fn admin() -> Caller {
    Caller {
        principal: Principal {
            identity: Identity::Peer { uid: 0 },
            role: Some(Role::Admin),
            channel: Channel::Local,
        },
        remote: "unix".into(),
        request_id: Id([7; 16]),
        retry: None,
    }
}

pub fn name(text: &str) -> Selector {
    Selector::Name(Name::parse(text).unwrap())
}

pub fn put_operation(text: &str, value: &[u8]) -> Put {
    Put {
        selector: name(text),
        value: SecretBytes::from_slice(value),
        expected_version: None,
        keep: None,
        default_keep: 10,
    }
}

pub async fn put(keeper: &Keeper, text: &str, value: &[u8]) -> Result<PutReply, Failure> {
    keeper.execute(admin(), put_operation(text, value)).await
}

pub async fn get(keeper: &Keeper, text: &str) -> Result<GetReply, Failure> {
    keeper.execute(admin(), Get { selector: name(text), version: None }).await
}
