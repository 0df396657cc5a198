//! An instance with one secret and both protectors, what can be done to each of them, and what a person asks of it.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::Stdio;

use serde_json::Value;

use crate::deployment::Deployment;
use crate::heal::image::{Image, Rows, put_row};

pub const KINDS: [&str; 2] = ["account", "machine"];
const SECRET: &str = "ftp/acme";
const VALUE: &[u8] = b"s3cret";

/// What was done to one protector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Nothing.
    Intact,
    /// Its secret file holds other bytes.
    Broken,
    /// Its record in the store was changed.
    Tampered,
    /// Its secret file is gone.
    Absent,
}

impl Harm {
    pub const ALL: [Self; 4] = [Self::Intact, Self::Broken, Self::Tampered, Self::Absent];

    /// Whether it is healed when the other protector opens.
    pub fn is_healed(self) -> bool {
        matches!(self, Self::Broken | Self::Absent)
    }
}

/// How the server went before the harm was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Stopped,
    Killed,
}

/// The instance, and its files after a kill and after a stop.
pub struct Scene {
    pub deployment: Deployment,
    /// The ids of account and machine protector.
    pub ids: [uuid::Uuid; 2],
    key_zero: [u8; 32],
    killed: Image,
    stopped: Image,
}

impl Scene {
    pub fn new() -> Self {
        let mut deployment = Deployment::small();
        let started = deployment.start();
        put(&deployment);
        deployment.kill();
        let killed = Image::taken(deployment.folder.path());
        deployment.start();
        assert_eq!(deployment.stop(), Some(0));
        let stopped = Image::taken(deployment.folder.path());
        let ids = KINDS.map(|kind| id_of(&started["protectors"], kind));
        let key_zero = started["audit_key_zero"].as_str().unwrap();
        let digits = |at: usize| u8::from_str_radix(&key_zero[2 * at..2 * at + 2], 16).unwrap();
        let key_zero = std::array::from_fn(digits);
        Self { deployment, ids, key_zero, killed, stopped }
    }

    /// The instance as it was, with this done to account and machine protector.
    pub fn harm(&self, ended: Ended, harms: [Harm; 2]) {
        let root = self.deployment.folder.path();
        let image = if ended == Ended::Killed { &self.killed } else { &self.stopped };
        image.put_back(root);
        fs::write(self.deployment.path("server.log"), "").unwrap();
        let rows = image.protector_rows();
        for (at, harm) in harms.into_iter().enumerate() {
            let file = self.deployment.path(KINDS[at]).join(format!("{}.key", self.ids[at]));
            match harm {
                Harm::Intact => {}
                Harm::Broken => fs::write(&file, vec![0x5a; fs::read(&file).unwrap().len()]).unwrap(),
                Harm::Absent => fs::remove_file(&file).unwrap(),
                Harm::Tampered => {
                    let key = self.row_key(at);
                    let mut sealed = rows[&key].clone();
                    // The wrapped key is last in the record, before the MAC.
                    let place = sealed.len() - 32 - 50;
                    sealed[place] ^= 1;
                    put_row(root, &key, &sealed);
                }
            }
        }
    }

    /// Where the record of account (0) or machine (1) protector lies in the store.
    pub fn row_key(&self, at: usize) -> Vec<u8> {
        [&[0x01], self.ids[at].as_bytes().as_slice()].concat()
    }

    pub fn image(&self) -> Image {
        Image::taken(self.deployment.folder.path())
    }

    pub fn rows(&self) -> Rows {
        self.image().protector_rows()
    }

    /// How many records are in quarantine.
    pub fn quarantined(&self) -> u64 {
        answer(&self.deployment, &["status", "--json"])["quarantined"].as_u64().unwrap()
    }

    /// The trail is whole, no change stands in it twice; the targets of the lines of `operation`.
    pub fn told(&self, operation: &str, situation: &str) -> Vec<String> {
        let trail = self.deployment.path("data/audit");
        let report = strongroom_audit::verify(&trail, Some(self.key_zero));
        let report = report.unwrap_or_else(|error| panic!("{situation}: {error}"));
        assert_eq!((report.first, report.torn_bytes), (1, None), "{situation}");
        let mut places = Vec::new();
        let mut targets = Vec::new();
        let searched = strongroom_audit::search(&trail, &strongroom_audit::Filter::default(), &mut |line, _| {
            if line.checkpoint.is_none() {
                places.extend(line.epoch.zip(line.index));
            }
            if line.operation == operation {
                targets.push(line.target.clone());
            }
            ControlFlow::Continue(())
        });
        assert_eq!(searched.unwrap().unreadable, 0, "{situation}");
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{situation}: a change is told twice: {places:?}");
        targets
    }
}

/// Stores the secret.
pub fn put(deployment: &Deployment) {
    let mut command = deployment.command(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("--data").arg(deployment.path("data")).args(["secret", "put", SECRET]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(VALUE).unwrap();
    assert!(child.wait().unwrap().success());
}

/// The secret is there.
pub fn assert_served(deployment: &Deployment, situation: &str) {
    assert_eq!(ask(deployment, &["secret", "get", SECRET]), VALUE, "{situation}");
}

/// The rows of `protector list`.
pub fn listed(deployment: &Deployment) -> Vec<Value> {
    answer(deployment, &["protector", "list", "--json"])["protectors"].as_array().unwrap().clone()
}

/// The id of the one protector of this kind.
pub fn id_of(views: &Value, kind: &str) -> uuid::Uuid {
    let view = views.as_array().unwrap().iter().find(|view| view["kind"] == kind).unwrap();
    view["id"].as_str().unwrap().parse().unwrap()
}

fn answer(deployment: &Deployment, words: &[&str]) -> Value {
    serde_json::from_slice(&ask(deployment, words)).unwrap()
}

/// What a command of the running instance prints.
fn ask(deployment: &Deployment, words: &[&str]) -> Vec<u8> {
    let mut command = deployment.command(env!("CARGO_BIN_EXE_strongroom"));
    let output = command.arg("--data").arg(deployment.path("data")).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
