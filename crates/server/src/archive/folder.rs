//! The folder of archives: ours, and nobody else writes in it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, flock, fstat, mkdir, open, openat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::file::ArchiveError;

/// An open folder; names are looked up in it, whatever happens to its path.
pub struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// Stands before the name of a file that is being written, and after it.
const UNFINISHED: (&str, &str) = (".", ".new");
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Nobody but the owner may put files in.
const WRITTEN_BY_OTHERS: u32 = 0o022;

impl Folder {
    /// Opens it, and makes it when it is missing; never through a link.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        // Collecting drops a trailing slash, behind which a symbolic link would be followed.
        let path: PathBuf = path.components().collect();
        let failed =
            |attempt, source: Errno| ArchiveError::Folder { attempt, path: path.clone(), source: source.into() };
        match mkdir(&path, Mode::RWXU) {
            Ok(()) => sync_parent(&path).map_err(|error| failed("make", error))?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(failed("make", error)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = open(&path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => ArchiveError::NotAFolder { path: path.clone() },
            other => failed("open", other),
        })?;
        let status = fstat(&descriptor).map_err(|error| failed("examine", error))?;
        let user = rustix::process::geteuid().as_raw();
        if status.st_uid != user || status.st_mode & WRITTEN_BY_OTHERS != 0 {
            return Err(ArchiveError::NotOurs { path, mode: status.st_mode & 0o7777, owner: status.st_uid });
        }
        Ok(Self { descriptor, path })
    }

    /// Where the file of this name is, for people.
    pub fn shown(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A new file under the name of one that is being written. It is locked as long as it is open.
    pub fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.descriptor, unfinished(name), flags, FILE_MODE)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(File::from(file))
    }

    /// Opens a finished file to read it.
    pub fn read(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.descriptor, name, flags, Mode::empty())?))
    }

    /// Gives a file its name, which nothing has yet.
    pub fn give_name(&self, name: &str) -> io::Result<()> {
        Ok(renameat_with(&self.descriptor, unfinished(name), &self.descriptor, name, RenameFlags::NOREPLACE)?)
    }

    /// Makes names durable.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    /// Removes a finished file.
    pub fn remove(&self, name: &str) {
        let _gone = unlinkat(&self.descriptor, name, AtFlags::empty());
    }

    /// Removes a file that was not finished.
    pub fn discard(&self, name: &str) {
        let _gone = unlinkat(&self.descriptor, unfinished(name), AtFlags::empty());
    }

    /// Removes what servers that were killed have left; what is being written is locked.
    pub fn clear(&self) -> io::Result<()> {
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(text) = name.to_str().ok().filter(|name| is_unfinished(name)) else { continue };
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let Ok(file) = openat(&self.descriptor, text, flags, Mode::empty()) else { continue };
            let is_file = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::RegularFile;
            if is_file && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                unlinkat(&self.descriptor, text, AtFlags::empty())?;
            }
        }
        Ok(())
    }
}

fn unfinished(name: &str) -> String {
    format!("{}{name}{}", UNFINISHED.0, UNFINISHED.1)
}

fn is_unfinished(name: &str) -> bool {
    name.starts_with(".transactions-") && name.ends_with(".srs.new")
}

/// A folder that was made must not be gone after a power failure, with what is in it.
fn sync_parent(path: &Path) -> Result<(), Errno> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = open(parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fsync(parent.as_fd())
}
