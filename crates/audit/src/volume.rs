//! The files under a trail: every system call it makes goes through here.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;

#[cfg(test)]
pub(crate) mod memory;

/// One flat folder of files.
pub(crate) trait Volume: Send {
    /// The names of all files; none when the folder does not exist.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Creates the folder when it is missing, durably.
    fn create_folder(&self) -> io::Result<()>;
    /// Opens a file; `NotFound` when it is not there.
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn VolumeFile>>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations and removals durable.
    fn sync_folder(&self) -> io::Result<()>;
    /// Bytes that an ordinary process may still write.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One file of a [`Volume`].
pub(crate) trait VolumeFile: Send {
    /// Reads up to `buffer.len()` bytes; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// One write; may be short.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes content and length durable.
    fn sync(&mut self) -> io::Result<()>;
    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Cuts the file, and gives back what was reserved behind the cut.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Reserves space up to `end` without changing the length; `Unsupported` when the file system cannot.
    fn reserve(&mut self, end: u64) -> io::Result<()>;
    /// Claims the file for this process; false when another one has it.
    fn claim(&self) -> io::Result<bool>;
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading a file that exists.
    Read,
    /// Writing a file that exists.
    Write,
    /// Writing a file that must not exist before; mode 0600.
    Create,
    /// Writing a file that may exist, from empty; mode 0600.
    Replace,
}

/// A folder of the operating system.
#[derive(Debug)]
pub(crate) struct DiskVolume {
    folder: PathBuf,
}

impl DiskVolume {
    pub(crate) fn new(folder: &Path) -> DiskVolume {
        DiskVolume { folder: folder.to_path_buf() }
    }
}

impl Volume for DiskVolume {
    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_folder(&self) -> io::Result<()> {
        match std::fs::DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            other => other?,
        }
        match self.folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn VolumeFile>> {
        Ok(Box::new(DiskFile::open(&self.folder.join(name), access)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let figures = rustix::fs::statvfs(&self.folder)?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }
}

/// A regular file of the operating system.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
}

impl DiskFile {
    /// Opens a file, which may not be a symbolic link or a device.
    pub(crate) fn open(path: &Path, access: Access) -> io::Result<DiskFile> {
        let mut options = OpenOptions::new();
        options.read(true).mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        match access {
            Access::Read => &mut options,
            Access::Write => options.write(true),
            Access::Create => options.write(true).create_new(true),
            Access::Replace => options.write(true).create(true).truncate(true),
        };
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(DiskFile { file })
    }
}

impl VolumeFile for DiskFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        retry(|| self.file.read_at(buffer, offset))
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        retry(|| self.file.write_at(bytes, offset))
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(self.file.as_fd())?)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn reserve(&mut self, end: u64) -> io::Result<()> {
        match rustix::fs::fallocate(self.file.as_fd(), FallocateFlags::KEEP_SIZE, 0, end) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            other => Ok(other?),
        }
    }

    fn claim(&self) -> io::Result<bool> {
        match rustix::fs::flock(self.file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A signal is no failure of a read or write. A sync is never repeated: an interrupted one counts as failed.
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
