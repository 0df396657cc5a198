//! The directory of a secret file: made with tight modes, opened without following a link, and trusted only when nobody else could swap it.
//!
//! Neither the file nor its directory may be a symbolic link. Directories above may be links (a
//! home on another disk); what they lead to is checked: each belongs to root or to us, and others
//! may write in none of them, except where the sticky bit keeps them from renaming what is ours.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Gid, geteuid};
use thiserror::Error;

/// A directory for secret files cannot be used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// It does not exist.
    #[error("directory {} does not exist", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// Its last component is a symbolic link.
    #[error("directory {} is a symbolic link, which is not followed", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// Something else lies there.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// What lies there.
        path: PathBuf,
    },
    /// The operating system does not let us look.
    #[error("directory {} cannot be opened: {source}", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It, or a directory above it, belongs to somebody else.
    #[error("directory {} belongs to uid {owner}; only root and uid {ours} are trusted with it", path.display())]
    Foreign {
        /// The directory that is not trusted.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// The effective uid of this process.
        ours: u32,
    },
    /// Others may write in it, or in a directory above it.
    #[error("everybody may write in directory {} (mode {mode:04o})", path.display())]
    WorldWritable {
        /// The directory that is too open.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Making it failed.
    #[error("directory {} cannot be made: {source}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Making it durable failed.
    #[error("directory {} cannot be written to disk: {source}", path.display())]
    Sync {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DirectoryError {
    /// What the operator can do about it.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Missing { path } => {
                format!("bring {} back from a copy, or name the directory that holds the secret files", path.display())
            }
            Self::Symlink { path } => {
                format!("name the directory that {} points to instead of the link", path.display())
            }
            Self::NotADirectory { path } => format!("move {} away", path.display()),
            Self::Unreadable { path, .. } => {
                format!("let uid {} search {} (chown or chmod)", geteuid().as_raw(), path.display())
            }
            Self::Foreign { path, ours, .. } => {
                format!("chown {} to uid {ours} or root, or use a directory elsewhere", path.display())
            }
            Self::WorldWritable { path, .. } => format!("chmod o-w {}", path.display()),
            Self::Create { path, .. } => {
                format!("make {} by hand and give it to uid {}", path.display(), geteuid().as_raw())
            }
            Self::Sync { path, .. } => {
                format!("check the disk that holds {} (space, read-only, I/O errors)", path.display())
            }
        }
    }
}

/// An opened and checked directory; files are reached through its descriptor, never by path.
pub(crate) struct SecretDirectory {
    path: PathBuf,
    handle: OwnedFd,
}

impl SecretDirectory {
    /// Opens the directory and checks it and all directories above it.
    pub(crate) fn open(path: &Path) -> Result<Self, DirectoryError> {
        let path = absolute(path);
        let handle = open_unfollowed(&path)?;
        let found = rustix::fs::fstat(&handle)
            .map_err(|errno| DirectoryError::Unreadable { path: path.clone(), source: errno.into() })?;
        check_trusted(&path, &found)?;
        check_above(&path)?;
        Ok(Self { path, handle })
    }

    /// Opens the directory; it and those missing above it are made with `mode` and `group` first.
    pub(crate) fn open_or_create(path: &Path, mode: u32, group: Option<u32>) -> Result<Self, DirectoryError> {
        let path = absolute(path);
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(
                |step| matches!(fs::symlink_metadata(step), Err(error) if error.kind() == io::ErrorKind::NotFound),
            )
            .collect();
        if let Some(highest) = missing.last() {
            check_above(highest)?;
        }
        for step in missing.into_iter().rev() {
            create_one(step, mode, group)?;
        }
        Self::open(&path)
    }

    /// Makes the directory's entries durable.
    pub(crate) fn sync(&self) -> Result<(), DirectoryError> {
        rustix::fs::fsync(&self.handle)
            .map_err(|errno| DirectoryError::Sync { path: self.path.clone(), source: errno.into() })
    }

    /// The path as it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for SecretDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// The absolute path without `/` or `/.` at its end: with them the kernel would follow a link in
/// spite of O_NOFOLLOW.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).components().collect()
}

fn open_unfollowed(path: &Path) -> Result<OwnedFd, DirectoryError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| {
        let path = path.to_path_buf();
        match errno {
            Errno::NOENT => DirectoryError::Missing { path },
            Errno::NOTDIR | Errno::LOOP if is_symlink(&path) => DirectoryError::Symlink { path },
            Errno::NOTDIR => DirectoryError::NotADirectory { path },
            other => DirectoryError::Unreadable { path, source: other.into() },
        }
    })
}

fn is_symlink(path: &Path) -> bool {
    rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

/// Checks every directory above `path`, links resolved.
fn check_above(path: &Path) -> Result<(), DirectoryError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let unreadable = |path: &Path, source| DirectoryError::Unreadable { path: path.to_path_buf(), source };
    let real = fs::canonicalize(parent).map_err(|source| unreadable(parent, source))?;
    for step in real.ancestors() {
        let found = rustix::fs::stat(step).map_err(|errno| unreadable(step, errno.into()))?;
        check_trusted(step, &found)?;
    }
    Ok(())
}

fn check_trusted(path: &Path, found: &Stat) -> Result<(), DirectoryError> {
    let ours = geteuid().as_raw();
    if found.st_uid != 0 && found.st_uid != ours {
        return Err(DirectoryError::Foreign { path: path.to_path_buf(), owner: found.st_uid, ours });
    }
    let mode = Mode::from_raw_mode(found.st_mode);
    if mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX) {
        return Err(DirectoryError::WorldWritable { path: path.to_path_buf(), mode: found.st_mode & 0o7777 });
    }
    Ok(())
}

/// Makes one directory and makes its name durable; that somebody else made it meanwhile is fine.
fn create_one(path: &Path, mode: u32, group: Option<u32>) -> Result<(), DirectoryError> {
    let failed = |errno: Errno| DirectoryError::Create { path: path.to_path_buf(), source: errno.into() };
    match rustix::fs::mkdir(path, Mode::from_raw_mode(mode & 0o700)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        Err(errno) => return Err(failed(errno)),
    }
    let handle = open_unfollowed(path)?;
    if let Some(group) = group {
        rustix::fs::fchown(&handle, None, Some(Gid::from_raw(group))).map_err(failed)?;
    }
    // Said again on the descriptor, because a strict umask may have taken bits away.
    rustix::fs::fchmod(&handle, Mode::from_raw_mode(mode)).map_err(failed)?;
    sync_path(path)?;
    sync_path(path.parent().unwrap_or(path))
}

fn sync_path(path: &Path) -> Result<(), DirectoryError> {
    let failed = |errno: Errno| DirectoryError::Sync { path: path.to_path_buf(), source: errno.into() };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
    rustix::fs::fsync(&handle).map_err(failed)
}
