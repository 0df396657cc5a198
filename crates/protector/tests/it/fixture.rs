//! A store's surroundings in a directory of its own, and short ways to wrap and to open.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_crypto::password::{Algorithm, Parameters};
use strongroom_crypto::random;
use strongroom_envelope::protector::ProtectorRecord;
use strongroom_envelope::{Id, Timestamp};
use strongroom_protector::{Account, Machine, Protector, Surroundings, UnwrapError, WrapError};
use strongroom_secret::RootKey;

pub const STORE: Id = Id([0x5a; 16]);
pub const NOW: Timestamp = Timestamp(1_760_000_000_000);
pub const MACHINE_ID: &str = "4f0c2b1d9e8a47c6b5d3f2a19078e6d5";

/// The cheapest derivation that is accepted.
pub const CHEAP: Parameters =
    Parameters { algorithm: Algorithm::Argon2id { memory_kib: 64 * 1024, passes: 1, lanes: 1 } };

/// Directories that do not exist yet and a machine id, below a directory that everybody may search.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        set_mode(directory.path(), 0o755);
        fs::write(directory.path().join("machine-id"), format!("{MACHINE_ID}\n")).unwrap();
        set_mode(&directory.path().join("machine-id"), 0o644);
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn surroundings(&self) -> Arc<Surroundings> {
        surroundings_in(self.path())
    }

    pub fn account(&self) -> Account {
        Account::new(self.surroundings())
    }

    pub fn machine(&self) -> Machine {
        Machine::new(self.surroundings())
    }

    pub fn account_file(&self, record: &ProtectorRecord) -> PathBuf {
        self.surroundings().account_directory.join(format!("{}.key", record.protector_id))
    }

    pub fn machine_file(&self, record: &ProtectorRecord) -> PathBuf {
        self.surroundings().machine_directory.join(format!("{}.key", record.protector_id))
    }
}

pub fn surroundings_in(directory: &Path) -> Arc<Surroundings> {
    Arc::new(Surroundings::new(
        STORE,
        directory.join("state/account"),
        directory.join("data/machine"),
        directory.join("machine-id"),
    ))
}

pub fn new_id() -> Id {
    let mut random_part = [0; 10];
    random::fill(&mut random_part);
    Id::v7(NOW.0, random_part)
}

pub fn new_root() -> RootKey {
    RootKey::fill_with(|key| random::fill(key))
}

pub fn wrap(protector: &dyn Protector, root: &RootKey) -> Result<ProtectorRecord, WrapError> {
    protector.wrap(root, new_id(), &mut random::fill, NOW)
}

/// Whether the record opens, and to this root key.
pub fn opens(protector: &dyn Protector, record: &ProtectorRecord, root: &RootKey) -> bool {
    protector.unwrap(record).is_ok_and(|candidate| candidate.same_as(root))
}

/// Why the record does not open; its text must be a full sentence about it, with something to do.
pub fn refusal(protector: &dyn Protector, record: &ProtectorRecord) -> UnwrapError {
    let refusal = protector.unwrap(record).unwrap_err();
    assert!(!refusal.to_string().is_empty() && !refusal.how_to_mend().is_empty());
    refusal
}

/// A record that other processes can read: what they need of it, as text.
pub fn save(record: &ProtectorRecord, root: &RootKey, path: &Path) {
    let key = record.record_key();
    let mac_key = strongroom_envelope::protector::mac_key(root);
    let generation = strongroom_envelope::Generation::new(1, 0);
    let (stored, _) = strongroom_envelope::protector::encode(record, &mac_key, key, generation).unwrap();
    fs::write(path, [key.to_bytes().as_slice(), root.expose(), &stored].concat()).unwrap();
    set_mode(path, 0o644);
}

pub fn load(path: &Path) -> (ProtectorRecord, RootKey) {
    let saved = fs::read(path).unwrap();
    let key = strongroom_envelope::RecordKey::from_bytes(&saved[..17]).unwrap();
    let root = RootKey::from_slice(&saved[17..49]).unwrap();
    let parsed = strongroom_envelope::protector::parse(key, &saved[49..]).unwrap();
    assert!(parsed.verify_mac(&strongroom_envelope::protector::mac_key(&root)));
    (parsed.record, root)
}

pub fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Gives a directory and everything in it to another user.
pub fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}

/// A copy of a directory as a backup tool makes it, modes included.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    set_mode(to, mode(from));
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
