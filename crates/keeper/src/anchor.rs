//! The anchor file outside the data directory: two slots, written in turn, locked while the server runs.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use strongroom_envelope::anchor::{self, Slot};

/// The open, locked anchor file.
pub struct AnchorFile {
    file: File,
    path: PathBuf,
    newest: Option<Slot>,
    dirty: bool,
}

/// Why the anchor file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// It would lie inside the data directory, where it would be rolled back together with it.
    #[error("the anchor directory {0} lies inside the data directory; choose another one with --anchor-dir")]
    Inside(PathBuf),
    /// Another server holds it.
    #[error("the anchor file {0} is in use by another server")]
    InUse(PathBuf),
    /// Others may write it.
    #[error("the anchor file {0} must belong to the server's account with mode 0600")]
    Exposed(PathBuf),
    /// The file system refused.
    #[error("the anchor file {path} could not be {action}")]
    File {
        /// Which file.
        path: PathBuf,
        /// `opened`, `read`, `written`, `synced`.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl AnchorFile {
    /// Opens or makes the anchor file of a data directory. A new one has no slot: that is a verdict's business.
    pub fn open(directory: &Path, data: &Path) -> Result<Self, AnchorError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| failed(directory, "made", source))?;
        let canonical = directory.canonicalize().map_err(|source| failed(directory, "opened", source))?;
        if canonical.starts_with(data) {
            return Err(AnchorError::Inside(canonical));
        }
        let path = canonical.join(anchor::file_name(data));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(|source| failed(&path, "opened", source))?;
        let metadata = file.metadata().map_err(|source| failed(&path, "read", source))?;
        if metadata.mode() & 0o077 != 0 || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(AnchorError::Exposed(path));
        }
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| AnchorError::InUse(path.clone()))?;
        if metadata.len() < anchor::FILE_LENGTH as u64 {
            file.set_len(anchor::FILE_LENGTH as u64).map_err(|source| failed(&path, "written", source))?;
            sync_directory(&canonical)?;
        }
        let newest = newest(&file).map_err(|source| failed(&path, "read", source))?;
        Ok(Self { file, path, newest, dirty: false })
    }

    /// The newest whole slot.
    pub fn newest(&self) -> Option<&Slot> {
        self.newest.as_ref()
    }

    /// Writes the next slot over the older of the two; not synced.
    pub fn write(&mut self, mut slot: Slot) -> Result<(), AnchorError> {
        slot.counter = self.newest.as_ref().map_or(1, |newest| newest.counter + 1);
        let offset = anchor::SLOT_OFFSETS[usize::from(slot.counter % 2 == 1)] as u64;
        self.file
            .write_all_at(&anchor::encode(&slot), offset)
            .map_err(|source| failed(&self.path, "written", source))?;
        self.newest = Some(slot);
        self.dirty = true;
        Ok(())
    }

    /// Brings what was written onto the disk.
    pub fn sync(&mut self) -> Result<(), AnchorError> {
        if self.dirty {
            self.file.sync_data().map_err(|source| failed(&self.path, "synced", source))?;
            self.dirty = false;
        }
        Ok(())
    }
}

fn newest(file: &File) -> io::Result<Option<Slot>> {
    let mut newest: Option<Slot> = None;
    for offset in anchor::SLOT_OFFSETS {
        let mut bytes = [0; anchor::SLOT_LENGTH];
        file.read_exact_at(&mut bytes, offset as u64)?;
        if let Ok(slot) = anchor::parse(&bytes)
            && newest.as_ref().is_none_or(|known| known.counter < slot.counter)
        {
            newest = Some(slot);
        }
    }
    Ok(newest)
}

fn sync_directory(directory: &Path) -> Result<(), AnchorError> {
    File::open(directory).and_then(|handle| handle.sync_all()).map_err(|source| failed(directory, "synced", source))
}

fn failed(path: &Path, action: &'static str, source: io::Error) -> AnchorError {
    AnchorError::File { path: path.to_owned(), action, source }
}
