//! Making a secret file: new, with its exact mode, and durable before anything depends on it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Gid;
use strongroom_envelope::Id;
use thiserror::Error;

use super::{Content, file_name};
use crate::directory::{DirectoryError, SecretDirectory};

/// A new secret file cannot be made.
#[derive(Debug, Error)]
pub enum CreateError {
    /// Its directory cannot be made or is not to be trusted.
    #[error("no place for the secret file: {source}")]
    Directory {
        /// What is wrong with the directory.
        source: DirectoryError,
    },
    /// A file of that name exists; it is never overwritten.
    #[error("secret file {} exists already and is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Making, writing or syncing it failed; what was there of it is removed.
    #[error("secret file {} cannot be {attempted}: {source}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What was attempted: `made`, `written`, …
        attempted: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl CreateError {
    /// What the operator can do about it.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Directory { source } => source.how_to_mend(),
            Self::Exists { path } => {
                format!("try again: a new protector gets a new name; {} is left alone", path.display())
            }
            Self::Failed { path, .. } => {
                format!("check the disk that holds {} (space, read-only, permissions)", path.display())
            }
        }
    }
}

/// How a new secret file and the directories above it are made.
#[derive(Clone, Copy)]
pub(crate) struct Creation {
    pub(crate) file_mode: u32,
    pub(crate) directory_mode: u32,
    pub(crate) group: Option<u32>,
}

/// Makes the file new, writes it, and makes it and its name durable before it returns.
pub(crate) fn create(
    directory: &Path,
    protector_id: Id,
    content: &Content,
    creation: Creation,
) -> Result<(), CreateError> {
    let opened = SecretDirectory::open_or_create(directory, creation.directory_mode, creation.group)
        .map_err(|source| CreateError::Directory { source })?;
    let name = file_name(protector_id);
    let path = directory.join(&name);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = match rustix::fs::openat(&opened, name.as_str(), flags, Mode::RUSR | Mode::WUSR) {
        Ok(handle) => handle,
        Err(Errno::EXIST | Errno::LOOP) => return Err(CreateError::Exists { path }),
        Err(errno) => {
            return Err(CreateError::Failed { path, attempted: "made", source: errno.into() });
        }
    };
    let written = write_whole(&mut File::from(handle), content, creation)
        .map_err(|(attempted, source)| CreateError::Failed { path, attempted, source })
        .and_then(|()| opened.sync().map_err(|source| CreateError::Directory { source }));
    if written.is_err() {
        // What is left if this fails too is a file that no record names.
        let _ = rustix::fs::unlinkat(&opened, name.as_str(), AtFlags::empty());
    }
    written
}

fn write_whole(file: &mut File, content: &Content, creation: Creation) -> Result<(), (&'static str, io::Error)> {
    for piece in content.pieces() {
        file.write_all(piece).map_err(|source| ("written", source))?;
    }
    if let Some(group) = creation.group {
        rustix::fs::fchown(&*file, None, Some(Gid::from_raw(group)))
            .map_err(|errno| ("given to the service's group", errno.into()))?;
    }
    rustix::fs::fchmod(&*file, Mode::from_raw_mode(creation.file_mode)).map_err(|errno| ("protected", errno.into()))?;
    file.sync_all().map_err(|source| ("synced", source))
}
