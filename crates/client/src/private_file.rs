//! Files that this account alone can read: opened only when nobody else could have read, written or exchanged them.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// Why a file is not read.
pub(crate) enum NotOpened {
    /// There is none.
    Missing,
    /// Others could have read it, put it there, or exchange it.
    Unsafe(&'static str),
    /// The system did not do it.
    Failed(io::Error),
}

/// An open file of this account, and how many bytes it has.
pub(crate) fn open(path: &Path) -> Result<(File, u64), NotOpened> {
    // Without NONBLOCK a pipe of that name would wait forever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => NotOpened::Missing,
        Errno::LOOP => NotOpened::Unsafe("it is a symbolic link"),
        other => NotOpened::Failed(other.into()),
    })?;
    let found = rustix::fs::fstat(&file).map_err(|errno| NotOpened::Failed(errno.into()))?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(NotOpened::Unsafe("it is not a regular file"));
    }
    refuse_others(&file, 0o077)?;
    Ok((File::from(file), u64::try_from(found.st_size).unwrap_or(u64::MAX)))
}

/// Refuses what is not this account's, or gives others one of these rights.
pub(crate) fn refuse_others(open: &impl AsFd, rights: u32) -> Result<(), NotOpened> {
    let found = rustix::fs::fstat(open).map_err(|errno| NotOpened::Failed(errno.into()))?;
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(NotOpened::Unsafe("it belongs to another account"));
    }
    if found.st_mode & rights != 0 {
        return Err(NotOpened::Unsafe("others have rights on it"));
    }
    Ok(())
}
