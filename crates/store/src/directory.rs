//! The data directory: ours alone, on a local volume, held by one process at a time.

mod volume;

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags};

/// A directory of mode 0700 that belongs to this user, locked for this process.
///
/// The lock is a `flock` on the file `lock` inside: it ends with the process, however it ends, and
/// a plug-in that is executed does not inherit it.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    canonical: PathBuf,
    descriptor: OwnedFd,
    /// Held for its lock alone.
    _lock: File,
}

/// A directory cannot serve as data directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It could not be created.
    #[error("cannot create the data directory {path}")]
    Create {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It could not be opened or examined.
    #[error("cannot open the data directory {path}")]
    Open {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The path ends in a symbolic link.
    #[error("the data directory {path} is a symbolic link; name the directory itself")]
    SymbolicLink {
        /// Which path.
        path: PathBuf,
    },
    /// The path is something else.
    #[error("the data directory {path} is not a directory")]
    NotADirectory {
        /// Which path.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("the data directory {path} belongs to uid {owner}, not to uid {user}; run as its owner")]
    Owner {
        /// Which directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// Others may enter it and it holds files we did not make, so its mode is not ours to change.
    #[error(
        "the data directory {path} has mode {mode:04o} and holds other files; use an empty directory, or `chmod 0700` it"
    )]
    Shared {
        /// Which directory.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// It lies on a network file system, where neither locks nor syncs can be relied on.
    #[error("the data directory {path} is on a network file system ({file_system}); use a local volume")]
    Network {
        /// Which directory.
        path: PathBuf,
        /// What kind.
        file_system: String,
    },
    /// Another process holds it.
    #[error("the data directory {path} is in use by another process{}", process(*pid))]
    InUse {
        /// Which directory.
        path: PathBuf,
        /// The process that holds it, as it noted itself.
        pid: Option<u32>,
    },
    /// The lock file could not be made or locked.
    #[error("cannot lock the data directory {path}")]
    Lock {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The file whose lock says that the directory is in use; it holds the process id as text.
const LOCK_FILE: &str = "lock";
const OWNER_ONLY: u32 = 0o700;
const STICKY: u32 = 0o1000;

impl DataDirectory {
    /// Takes the directory at `path` for this process, and makes it if there is none.
    ///
    /// Its mode becomes 0700 whatever the umask. An existing directory that others may enter is
    /// closed to them when it is empty or was ours before; otherwise it is refused, because the
    /// path may be a mistake (`/tmp`).
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<DataDirectory, DirectoryError> {
        // Collecting drops a trailing slash, behind which a symbolic link would be followed.
        let path: PathBuf = path.as_ref().components().collect();
        let made = make(&path)?;
        let descriptor = open(&path)?;
        let opened = |source: io::Error| DirectoryError::Open { path: path.clone(), source };
        let status = rustix::fs::fstat(&descriptor).map_err(|error| opened(error.into()))?;
        let user = rustix::process::geteuid().as_raw();
        if status.st_uid != user {
            return Err(DirectoryError::Owner { path, owner: status.st_uid, user });
        }
        if let Some(file_system) = volume::network(&descriptor).map_err(opened)? {
            return Err(DirectoryError::Network { path, file_system });
        }
        let canonical = canonical(&path, &status)?;
        let mode = status.st_mode & 0o7777;
        if mode != OWNER_ONLY {
            if !made && (mode & STICKY != 0 || !ours(&path)?) {
                return Err(DirectoryError::Shared { path, mode });
            }
            rustix::fs::fchmod(&descriptor, Mode::from_raw_mode(OWNER_ONLY)).map_err(|error| opened(error.into()))?;
        }
        let lock = lock(&path, &descriptor)?;
        Ok(DataDirectory { path, canonical, descriptor, _lock: lock })
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The absolute path without symbolic links, by which the directory is known elsewhere.
    pub fn canonical(&self) -> &Path {
        &self.canonical
    }
}

impl AsFd for DataDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Makes new and vanished names in `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes the directory and those above it that are missing; says whether there was none.
fn make(path: &Path) -> Result<bool, DirectoryError> {
    let failed = |source| DirectoryError::Create { path: path.to_path_buf(), source };
    match std::fs::symlink_metadata(path) {
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(DirectoryError::Open { path: path.to_path_buf(), source }),
    }
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !exists(above)).collect();
    // From the top, each with its mode before the next, so that no umask closes the way to us.
    for directory in missing.into_iter().rev() {
        DirBuilder::new().mode(OWNER_ONLY).create(directory).map_err(failed)?;
        std::fs::set_permissions(directory, Permissions::from_mode(OWNER_ONLY)).map_err(failed)?;
        let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
        sync_directory(above.unwrap_or(Path::new("."))).map_err(failed)?;
    }
    Ok(true)
}

fn exists(path: &Path) -> bool {
    path.as_os_str().is_empty() || std::fs::symlink_metadata(path).is_ok()
}

fn open(path: &Path) -> Result<OwnedFd, DirectoryError> {
    let metadata =
        std::fs::symlink_metadata(path).map_err(|source| DirectoryError::Open { path: path.to_path_buf(), source })?;
    if metadata.is_symlink() {
        return Err(DirectoryError::SymbolicLink { path: path.to_path_buf() });
    }
    if !metadata.is_dir() {
        return Err(DirectoryError::NotADirectory { path: path.to_path_buf() });
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| DirectoryError::Open { path: path.to_path_buf(), source: error.into() })
}

/// The canonical path, which must lead to the directory that was opened.
fn canonical(path: &Path, status: &rustix::fs::Stat) -> Result<PathBuf, DirectoryError> {
    let failed = |source| DirectoryError::Open { path: path.to_path_buf(), source };
    let canonical = std::fs::canonicalize(path).map_err(failed)?;
    let there = rustix::fs::lstat(&canonical).map_err(|error| failed(error.into()))?;
    if (there.st_dev, there.st_ino) != (status.st_dev, status.st_ino) {
        return Err(failed(io::Error::other("it was replaced while it was being opened")));
    }
    Ok(canonical)
}

/// Whether the directory is empty or was a data directory before.
fn ours(path: &Path) -> Result<bool, DirectoryError> {
    let failed = |source| DirectoryError::Open { path: path.to_path_buf(), source };
    let mut entries = std::fs::read_dir(path).map_err(failed)?;
    Ok(entries.next().is_none() || path.join(LOCK_FILE).is_file())
}

fn lock(path: &Path, directory: &OwnedFd) -> Result<File, DirectoryError> {
    let failed = |source| DirectoryError::Lock { path: path.to_path_buf(), source };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let owner_only = Mode::RUSR | Mode::WUSR;
    let descriptor =
        rustix::fs::openat(directory, LOCK_FILE, flags, owner_only).map_err(|error| failed(error.into()))?;
    let status = rustix::fs::fstat(&descriptor).map_err(|error| failed(error.into()))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(failed(io::Error::other("the lock is not a regular file")));
    }
    let mut file = File::from(descriptor);
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(DirectoryError::InUse { path: path.to_path_buf(), pid: noted(&mut file) });
        }
        Err(error) => return Err(failed(error.into())),
    }
    rustix::fs::fchmod(&file, owner_only).map_err(|error| failed(error.into()))?;
    note(&mut file);
    Ok(file)
}

/// Notes who holds the lock. Only a message needs it, so a full volume must not stop us here.
fn note(file: &mut File) {
    let text = format!("{}\n", std::process::id());
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
}

fn noted(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

fn process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
