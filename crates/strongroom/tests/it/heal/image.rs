//! The files of an instance as they lie there: copied, put back, compared; and the rows of its store, read without touching it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// The folders that make up an instance.
pub const FOLDERS: [&str; 4] = ["data", "anchor", "account", "machine"];
const DATABASE: &str = "data/store.db";
const LOG: &str = "data/store.db-wal";

/// The protector rows of a store: key and bytes.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Files by their path below the deployment's folder, with their modes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Image(BTreeMap<PathBuf, (u32, Vec<u8>)>);

impl Image {
    pub fn taken(root: &Path) -> Self {
        let mut image = Self::default();
        for folder in FOLDERS {
            image.collect(root, &root.join(folder));
        }
        image
    }

    fn collect(&mut self, root: &Path, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                self.collect(root, &entry.path());
            } else if kind.is_file() {
                let mode = entry.metadata().unwrap().mode() & 0o7777;
                let relative = entry.path().strip_prefix(root).unwrap().to_owned();
                self.0.insert(relative, (mode, fs::read(entry.path()).unwrap()));
            }
        }
    }

    pub fn put_back(&self, root: &Path) {
        for folder in FOLDERS {
            let path = root.join(folder);
            if path.exists() {
                fs::remove_dir_all(&path).unwrap();
            }
        }
        for (path, (mode, bytes)) in &self.0 {
            let path = root.join(path);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
    }

    /// Without what says nothing: who holds the directory, and what SQLite makes beside its database while it holds nothing.
    pub fn settled(mut self) -> Self {
        self.0.retain(|path, (_, bytes)| {
            let name = path.to_string_lossy();
            !(name == "data/lock" || name.ends_with("-shm") || (name.ends_with("-wal") && bytes.is_empty()))
        });
        self
    }

    /// The secret files of both protectors.
    pub fn secret_files(&self) -> Self {
        let of = |path: &Path| path.starts_with("account") || path.starts_with("machine");
        Self(self.0.iter().filter(|(path, _)| of(path)).map(|(path, file)| (path.clone(), file.clone())).collect())
    }

    /// The files of `self` that are others or gone in `later`.
    pub fn changed_in(&self, later: &Self) -> Vec<PathBuf> {
        self.0.iter().filter(|(path, file)| later.0.get(*path) != Some(file)).map(|(path, _)| path.clone()).collect()
    }

    /// The files that differ or are on one side only.
    pub fn differing(&self, later: &Self) -> Vec<PathBuf> {
        let mut paths = self.changed_in(later);
        paths.extend(later.changed_in(self));
        paths.sort();
        paths.dedup();
        paths
    }

    /// The protector rows, read from a copy: whoever opens the database itself may move its log.
    pub fn protector_rows(&self) -> Rows {
        let folder = tempfile::tempdir().unwrap();
        for file in [DATABASE, LOG] {
            if let Some((_, bytes)) = self.0.get(Path::new(file)) {
                let name = Path::new(file).file_name().unwrap();
                fs::write(folder.path().join(name), bytes).unwrap();
            }
        }
        let connection = Connection::open(folder.path().join("store.db")).unwrap();
        let mut statement =
            connection.prepare("SELECT key, sealed FROM record WHERE substr(key, 1, 1) = x'01'").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

/// Writes a row of a server that is down, and leaves the log of changes as full as it was.
pub fn put_row(root: &Path, key: &[u8], sealed: &[u8]) {
    let connection = Connection::open(root.join(DATABASE)).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let changed = connection.execute("UPDATE record SET sealed = ?2 WHERE key = ?1", (key, sealed)).unwrap();
    assert_eq!(changed, 1);
}
