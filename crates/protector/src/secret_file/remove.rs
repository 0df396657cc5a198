//! Removing a secret file that no record needs any more.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use strongroom_envelope::Id;
use thiserror::Error;

use super::file_name;
use crate::directory::{DirectoryError, SecretDirectory};
use crate::unwrap::UnwrapError;

/// A secret file that is no longer needed cannot be removed.
#[derive(Debug, Error)]
pub enum ForgetError {
    /// Its directory is not to be trusted or not to be reached.
    #[error("the secret file in {} cannot be removed: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        source: DirectoryError,
    },
    /// The record is not one of this protector; nothing was removed.
    #[error("nothing was removed: {source}")]
    OtherRecord {
        /// Why not.
        source: UnwrapError,
    },
    /// The operating system refuses.
    #[error("secret file {} cannot be removed: {source}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Overwrites and removes the file; that there is none is fine.
///
/// Overwriting is best effort: a disk that writes elsewhere (flash, copy on write) keeps old blocks.
pub(crate) fn remove(directory: &Path, protector_id: Id) -> Result<(), ForgetError> {
    let opened = match SecretDirectory::open(directory) {
        Ok(opened) => opened,
        Err(DirectoryError::Missing { .. }) => return Ok(()),
        Err(source) => {
            return Err(ForgetError::Directory { path: directory.to_path_buf(), source });
        }
    };
    let name = file_name(protector_id);
    overwrite(&opened, &name);
    match rustix::fs::unlinkat(&opened, name.as_str(), AtFlags::empty()) {
        Ok(()) => opened.sync().map_err(|source| ForgetError::Directory { path: opened.path().to_path_buf(), source }),
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(ForgetError::Remove { path: directory.join(&name), source: errno.into() }),
    }
}

fn overwrite(directory: &SecretDirectory, name: &str) {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(handle) = rustix::fs::openat(directory, name, flags, Mode::empty()) else {
        return;
    };
    let Ok(found) = rustix::fs::fstat(&handle) else {
        return;
    };
    let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    // A second name would be somebody's file that we were tricked into wiping.
    if !regular || found.st_nlink != 1 || found.st_size > LONGEST {
        return;
    }
    let mut file = File::from(handle);
    let zeros = vec![0_u8; usize::try_from(found.st_size).unwrap_or(0)];
    let _ = file.write_all(&zeros).and_then(|()| file.sync_all());
}

/// No secret file is longer.
const LONGEST: i64 = 4096;
