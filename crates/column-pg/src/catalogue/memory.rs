//! The newest manifest of each database: remembered, so that none goes back, and in a file also over a restart.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use strongroom_column::Manifest;
use strongroom_column::manifest::{Newest, OlderManifest};
use thiserror::Error;

/// Which manifests were seen (docs/spec/manifest.md).
#[derive(Debug, Default)]
pub struct Memory {
    file: Option<PathBuf>,
    newest: Mutex<HashMap<String, Newest>>,
}

/// The file cannot be used.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// It cannot be read or written.
    #[error("which manifests were seen cannot be kept in {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{path} does not say which manifests were seen, as it should: {why}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Why a manifest is not taken as the newest.
#[derive(Debug, Error)]
pub(super) enum NotTaken {
    #[error(transparent)]
    Older(#[from] OlderManifest),
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    databases: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    sequence: u64,
    sha256: String,
}

const VERSION: u32 = 1;

impl Memory {
    /// What the file says; nothing yet when there is none.
    ///
    /// # Errors
    /// [`MemoryError`] when it cannot be read, or nothing can be written beside it.
    pub fn in_file(path: PathBuf) -> Result<Self, MemoryError> {
        if let Some(folder) = path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|source| MemoryError::Io { path: path.clone(), source })?;
        }
        // Changes nothing, and shows that it could be changed.
        let mut newest = HashMap::new();
        change(&path, |all| newest.clone_from(all))?;
        Ok(Self { file: Some(path), newest: Mutex::new(newest) })
    }

    /// Forgets what was seen of a database: whatever its manifest says next is taken. Whether anything was forgotten. Blocks.
    ///
    /// # Errors
    /// [`MemoryError`] when the file cannot be written.
    pub fn forget(&self, name: &str) -> Result<bool, MemoryError> {
        let mut newest = self.newest.lock();
        if let Some(path) = &self.file {
            change(path, |all| drop(all.remove(name)))?;
        }
        Ok(newest.remove(name).is_some())
    }

    /// What was seen of a database.
    pub(super) fn sequence(&self, name: &str) -> Option<u64> {
        self.newest.lock().get(name).map(|newest| newest.sequence)
    }

    /// Whether this very manifest is the newest already.
    pub(super) fn knows(&self, name: &str, manifest: &Manifest, document: &[u8]) -> bool {
        self.newest.lock().get(name).is_some_and(|newest| *newest == Newest::of(manifest, document))
    }

    /// Takes a manifest as the newest of its database, in the file before anything is done with it. Blocks.
    pub(super) fn take(&self, name: &str, manifest: &Manifest, document: &[u8]) -> Result<(), NotTaken> {
        let mut newest = self.newest.lock();
        let mut next = newest.clone();
        advance(&mut next, name, manifest, document)?;
        if let Some(path) = &self.file {
            // Another process may have seen a newer one.
            let mut taken = Ok(());
            change(path, |all| taken = advance(all, name, manifest, document))?;
            taken?;
        }
        *newest = next;
        Ok(())
    }
}

fn advance(
    newest: &mut HashMap<String, Newest>,
    name: &str,
    manifest: &Manifest,
    document: &[u8],
) -> Result<(), OlderManifest> {
    match newest.get_mut(name) {
        Some(seen) => drop(seen.advance(manifest, document)?),
        None => drop(newest.insert(name.to_owned(), Newest::of(manifest, document))),
    }
    Ok(())
}

/// Reads, changes and writes the file while nobody else does. It is as before, or as afterwards, whatever happens.
fn change(path: &Path, change: impl FnOnce(&mut HashMap<String, Newest>)) -> Result<(), MemoryError> {
    let failed = |source| MemoryError::Io { path: path.to_owned(), source };
    let lock = beside(path, "lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let before = read(path)?;
    let mut after = before.clone();
    change(&mut after);
    if after == before {
        return Ok(());
    }
    write(path, &after).map_err(failed)
}

fn read(path: &Path) -> Result<HashMap<String, Newest>, MemoryError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(source) => return Err(MemoryError::Io { path: path.to_owned(), source }),
    };
    let content = |why: String| MemoryError::Content { path: path.to_owned(), why };
    let document: Document = serde_json::from_slice(&text).map_err(|error| content(error.to_string()))?;
    if document.version != VERSION {
        return Err(content(format!("its version is {}, not {VERSION}", document.version)));
    }
    let entry = |(name, entry): (String, Entry)| {
        let digest = digest(&entry.sha256).ok_or_else(|| content(format!("the digest of {name} is none")))?;
        Ok((name, Newest { database: entry.id, sequence: entry.sequence, digest }))
    };
    document.databases.into_iter().map(entry).collect()
}

fn write(path: &Path, newest: &HashMap<String, Newest>) -> io::Result<()> {
    let entry = |(name, newest): (&String, &Newest)| {
        let sha256 = newest.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (name.clone(), Entry { id: newest.database.clone(), sequence: newest.sequence, sha256 })
    };
    let document = Document { version: VERSION, databases: newest.iter().map(entry).collect() };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    let fresh = beside(path, "new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 2 * digest.len() || !text.is_ascii() {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(sequence: u64) -> (Manifest, Vec<u8>) {
        let manifest =
            Manifest { database: "d1".into(), sequence, keys: Vec::new(), columns: Vec::new(), reordered: Vec::new() };
        (manifest, format!("document {sequence}").into_bytes())
    }

    fn take(memory: &Memory, sequence: u64) -> Result<(), NotTaken> {
        let (manifest, document) = manifest(sequence);
        memory.take("app", &manifest, &document)
    }

    #[test]
    fn no_manifest_goes_back_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/seen.json");
        let memory = Memory::in_file(path.clone()).unwrap();
        take(&memory, 3).unwrap();
        take(&memory, 4).unwrap();
        let memory = Memory::in_file(path.clone()).unwrap();
        assert_eq!(memory.sequence("app"), Some(4));
        assert!(matches!(take(&memory, 3), Err(NotTaken::Older(OlderManifest::WentBack { seen: 4, found: 3 }))));
        let (same, document) = manifest(4);
        assert!(memory.knows("app", &same, &document));
        assert!(!memory.knows("app", &same, b"another document"));
        take(&memory, 4).unwrap();
        // On purpose it may.
        assert!(memory.forget("app").unwrap());
        assert!(!memory.forget("app").unwrap());
        take(&Memory::in_file(path).unwrap(), 1).unwrap();
    }

    #[test]
    fn what_another_process_saw_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.json");
        let (one, other) = (Memory::in_file(path.clone()).unwrap(), Memory::in_file(path.clone()).unwrap());
        take(&one, 7).unwrap();
        for _ in 0..2 {
            assert!(matches!(take(&other, 6), Err(NotTaken::Older(OlderManifest::WentBack { seen: 7, found: 6 }))));
            let (older, document) = manifest(6);
            assert!(!other.knows("app", &older, &document));
        }
        assert_eq!(Memory::in_file(path).unwrap().sequence("app"), Some(7));
    }

    #[test]
    fn what_cannot_be_kept_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.json");
        let memory = Memory::in_file(path.clone()).unwrap();
        fs::create_dir(beside(&path, "new")).unwrap();
        for _ in 0..2 {
            assert!(matches!(take(&memory, 1), Err(NotTaken::Memory(MemoryError::Io { .. }))));
            let (first, document) = manifest(1);
            assert!(!memory.knows("app", &first, &document));
        }
        for wrong in ["", "{}", "{\"version\":2,\"databases\":{}}", "{\"version\":1,\"databases\":{\"a\":{}}}"] {
            fs::write(&path, wrong).unwrap();
            assert!(matches!(Memory::in_file(path.clone()), Err(MemoryError::Content { .. })), "{wrong}");
        }
        let short = "{\"version\":1,\"databases\":{\"a\":{\"id\":\"d\",\"sequence\":1,\"sha256\":\"00\"}}}";
        fs::write(&path, short).unwrap();
        assert!(matches!(Memory::in_file(path.clone()), Err(MemoryError::Content { .. })));
    }
}
