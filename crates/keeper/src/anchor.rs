//! The anchor file outside the data directory: two slots, written in turn, locked while the server runs.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use strongroom_envelope::anchor::{self, Slot};

/// The anchor file of a data directory: open and locked from the moment it exists.
pub struct AnchorFile {
    /// `None` until the first write makes the file: before the judgement nothing is written, not even an empty anchor.
    file: Option<File>,
    directory: PathBuf,
    path: PathBuf,
    data: PathBuf,
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
        /// `opened`, `made`, `read`, `written`, `synced`.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl AnchorFile {
    /// Opens the anchor file of a data directory, if it is there. That there is none is a verdict's business.
    pub fn open(directory: &Path, data: &Path) -> Result<Self, AnchorError> {
        let directory = resolved(directory).map_err(|source| failed(directory, "opened", source))?;
        refuse_inside(&directory, data)?;
        let path = directory.join(anchor::file_name(data));
        let mut anchor = Self { file: None, directory, path, data: data.to_owned(), newest: None, dirty: false };
        match open_file(&anchor.path, false) {
            Ok(file) => anchor.take(file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(&anchor.path, "opened", source)),
        }
        Ok(anchor)
    }

    /// The newest whole slot.
    pub fn newest(&self) -> Option<&Slot> {
        self.newest.as_ref()
    }

    /// Writes the next slot over the older of the two, and makes the file when there is none; not synced.
    pub fn write(&mut self, mut slot: Slot) -> Result<(), AnchorError> {
        if self.file.is_none() {
            self.create()?;
        }
        slot.counter = self.newest.as_ref().map_or(1, |newest| newest.counter + 1);
        let offset = anchor::SLOT_OFFSETS[usize::from(slot.counter % 2 == 1)] as u64;
        if let Some(file) = &self.file {
            file.write_all_at(&anchor::encode(&slot), offset)
                .map_err(|source| failed(&self.path, "written", source))?;
        }
        self.newest = Some(slot);
        self.dirty = true;
        Ok(())
    }

    /// Brings what was written onto the disk.
    pub fn sync(&mut self) -> Result<(), AnchorError> {
        if let Some(file) = self.file.as_ref().filter(|_| self.dirty) {
            file.sync_data().map_err(|source| failed(&self.path, "synced", source))?;
            self.dirty = false;
        }
        Ok(())
    }

    fn create(&mut self) -> Result<(), AnchorError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|source| failed(&self.directory, "made", source))?;
        let canonical = self.directory.canonicalize().map_err(|source| failed(&self.directory, "opened", source))?;
        refuse_inside(&canonical, &self.data)?;
        let file = open_file(&self.path, true).map_err(|source| failed(&self.path, "made", source))?;
        self.take(file)?;
        sync_directory(&canonical)
    }

    /// Locks the file, refuses one that others can write, and reads its newest slot.
    fn take(&mut self, file: File) -> Result<(), AnchorError> {
        let path = &self.path;
        let metadata = file.metadata().map_err(|source| failed(path, "read", source))?;
        if metadata.mode() & 0o077 != 0 || metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(AnchorError::Exposed(path.clone()));
        }
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| AnchorError::InUse(path.clone()))?;
        self.newest = newest(&file).map_err(|source| failed(path, "read", source))?;
        self.file = Some(file);
        Ok(())
    }
}

fn open_file(path: &Path, create: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    if create {
        file.set_len(anchor::FILE_LENGTH as u64)?;
    }
    Ok(file)
}

/// The directory without links in it, as far as it exists.
pub fn resolved(directory: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(directory)?;
    for step in absolute.ancestors() {
        match step.canonicalize() {
            Ok(found) => return Ok(found.join(absolute.strip_prefix(step).unwrap_or(Path::new("")))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(absolute)
}

fn refuse_inside(directory: &Path, data: &Path) -> Result<(), AnchorError> {
    if directory.starts_with(data) { Err(AnchorError::Inside(directory.to_owned())) } else { Ok(()) }
}

fn newest(file: &File) -> io::Result<Option<Slot>> {
    let mut newest: Option<Slot> = None;
    for offset in anchor::SLOT_OFFSETS {
        let mut bytes = [0; anchor::SLOT_LENGTH];
        match file.read_exact_at(&mut bytes, offset as u64) {
            Ok(()) => {}
            // A file that was cut short has lost this slot, not necessarily the other.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            Err(error) => return Err(error),
        }
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
