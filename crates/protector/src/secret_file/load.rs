//! Reading a secret file that an operator put somewhere: a private key, a PIN.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use strongroom_secret::SecretBytes;

use super::ReadError;
use crate::directory::{DirectoryError, SecretDirectory};

/// Reads all of a file that only its owner may read or write, who is root or us; 1 to `most` bytes.
pub(crate) fn load(path: &Path, most: usize) -> Result<SecretBytes, ReadError> {
    load_stamped(path, most, OWNER_ONLY).map(|(bytes, _)| bytes)
}

/// The same, where others may have the rights of `allowed_mode`, and what tells whether the file is still the one that was read.
pub(crate) fn load_stamped(path: &Path, most: usize, allowed_mode: u32) -> Result<(SecretBytes, FileStamp), ReadError> {
    let path = std::path::absolute(path).map_err(|source| unreadable(path, source))?;
    let file = open(&path)?;
    let stamp = check(&file, &path, allowed_mode)?;
    let mut bytes = SecretBytes::with_capacity(most + 1);
    loop {
        let before = bytes.len();
        let room = bytes.extend_zeroed((most + 1).saturating_sub(before));
        if room.is_empty() {
            break;
        }
        let read = (&file).read(room);
        bytes.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(unreadable(&path, source)),
        }
    }
    if bytes.is_empty() || bytes.len() > most {
        return Err(ReadError::Unfit { path, most });
    }
    Ok((bytes, stamp))
}

/// Which file it was, and when it last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    file: (u64, u64),
    length: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

/// The mode of a file that nobody but its owner has a right to.
const OWNER_ONLY: u32 = 0o600;

fn open(path: &Path) -> Result<File, ReadError> {
    let missing = || ReadError::Missing { path: path.to_path_buf() };
    let (directory, name) = path.parent().zip(path.file_name()).ok_or_else(missing)?;
    let directory = match SecretDirectory::open(directory) {
        Ok(opened) => opened,
        Err(DirectoryError::Missing { .. }) => return Err(missing()),
        Err(source) => return Err(ReadError::Directory { path: path.to_path_buf(), source }),
    };
    // Without NONBLOCK a pipe of that name would hold the start up forever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::openat(&directory, name, flags, Mode::empty()) {
        Ok(handle) => Ok(File::from(handle)),
        Err(Errno::NOENT) => Err(missing()),
        Err(Errno::LOOP) => Err(ReadError::Symlink { path: path.to_path_buf() }),
        Err(Errno::NXIO) => Err(ReadError::NotAFile { path: path.to_path_buf() }),
        Err(errno) => Err(unreadable(path, errno.into())),
    }
}

fn check(file: &File, path: &Path, allowed: u32) -> Result<FileStamp, ReadError> {
    let found = rustix::fs::fstat(file).map_err(|errno| unreadable(path, errno.into()))?;
    let path = path.to_path_buf();
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(ReadError::NotAFile { path });
    }
    let ours = geteuid().as_raw();
    if found.st_uid != ours && found.st_uid != 0 {
        let wanted = if ours == 0 { "root".to_owned() } else { format!("uid {ours} or root") };
        return Err(ReadError::NotOwned { path, owner: found.st_uid, wanted });
    }
    let mode = found.st_mode & 0o7777;
    if mode & 0o077 & !allowed != 0 {
        return Err(ReadError::TooOpen { path, mode, allowed });
    }
    Ok(FileStamp {
        file: (found.st_dev, found.st_ino),
        length: found.st_size,
        modified: (found.st_mtime, found.st_mtime_nsec),
        changed: (found.st_ctime, found.st_ctime_nsec),
    })
}

fn unreadable(path: &Path, source: std::io::Error) -> ReadError {
    ReadError::Unreadable { path: path.to_path_buf(), source }
}
