//! Reading a secret file: only one that nobody else could have read or written, straight into locked memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use strongroom_envelope::Id;
use strongroom_secret::{KEY_BYTES, ProtectorSecret};
use thiserror::Error;

use super::{Content, file_name};
use crate::directory::{DirectoryError, SecretDirectory};

/// A secret file cannot be used.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is none, in none of the places where it may lie.
    #[error("secret file missing: {}", path.display())]
    Missing {
        /// Where it is made and expected.
        path: PathBuf,
    },
    /// The operating system does not let us read it.
    #[error("secret file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a symbolic link.
    #[error("secret file {} is a symbolic link, which is not followed", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// It is a directory, pipe, socket or device.
    #[error("secret file {} is not a regular file", path.display())]
    NotAFile {
        /// What lies there.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("secret file {} belongs to uid {owner}, not to {wanted}", path.display())]
    NotOwned {
        /// The file.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who may own it, for people.
        wanted: String,
    },
    /// Others may read or write it.
    #[error("secret file {} is too open: mode {mode:04o}, at most {allowed:04o} is accepted", path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The bits that are accepted.
        allowed: u32,
    },
    /// It was cut short or added to.
    #[error("secret file {} has the wrong length: {found} bytes instead of {expected}", path.display())]
    WrongLength {
        /// The file.
        path: PathBuf,
        /// How many bytes it has.
        found: u64,
        /// How many it must have.
        expected: u64,
    },
    /// It is empty, or too long for what it is for.
    #[error("secret file {} is empty or has more than {most} bytes", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// How many bytes are accepted.
        most: usize,
    },
    /// Its directory is not to be trusted or not to be reached.
    #[error("secret file {}: {source}", path.display())]
    Directory {
        /// The file.
        path: PathBuf,
        /// What is wrong with the directory.
        source: DirectoryError,
    },
}

impl ReadError {
    /// What the operator can do about it.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Missing { path } => format!("bring {} back from a copy", path.display()),
            Self::Unreadable { path, .. } => {
                format!(
                    "chown {} to uid {}, if that account is meant to run the service",
                    path.display(),
                    geteuid().as_raw()
                )
            }
            Self::Symlink { path } => format!("put the file itself at {} instead of a link", path.display()),
            Self::NotAFile { path } => format!("move {} away and bring the file back from a copy", path.display()),
            Self::NotOwned { path, .. } => format!(
                "chown {} to uid {}, if that account is meant to run the service and nobody else could write the file",
                path.display(),
                geteuid().as_raw()
            ),
            Self::TooOpen { path, allowed, .. } => format!(
                "find out who could read it, then chmod {allowed:04o} {} and replace the protector",
                path.display()
            ),
            Self::WrongLength { path, .. } => {
                format!("bring {} back whole from a copy", path.display())
            }
            Self::Unfit { path, .. } => format!("put the right file at {}", path.display()),
            Self::Directory { source, .. } => source.how_to_mend(),
        }
    }

    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// Who may own a secret file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The effective uid of this process only, root included.
    Ourselves,
    /// The effective uid of this process, or root.
    OurselvesOrRoot,
}

/// What a secret file must look like before it is believed.
#[derive(Clone, Copy)]
pub(crate) struct Expectation {
    pub(crate) owner: Owner,
    pub(crate) allowed_mode: u32,
    pub(crate) length: usize,
}

/// Reads the file from the first of `places` where it is in order.
///
/// When it is in order nowhere, the answer is what is wrong where it lies, and else that it is
/// missing in the first place.
pub(crate) fn read(
    first: (&Path, Expectation),
    further: &[(&Path, Expectation)],
    protector_id: Id,
) -> Result<Content, ReadError> {
    let mut refusal = match read_in(first.0, protector_id, first.1) {
        Ok(content) => return Ok(content),
        Err(refusal) => refusal,
    };
    for (directory, expectation) in further {
        match read_in(directory, protector_id, *expectation) {
            Ok(content) => return Ok(content),
            Err(other) if refusal.is_missing() && !other.is_missing() => refusal = other,
            Err(_) => {}
        }
    }
    Err(refusal)
}

fn read_in(directory: &Path, protector_id: Id, expectation: Expectation) -> Result<Content, ReadError> {
    let name = file_name(protector_id);
    let path = directory.join(&name);
    let opened = match SecretDirectory::open(directory) {
        Ok(opened) => opened,
        Err(DirectoryError::Missing { .. }) => return Err(ReadError::Missing { path }),
        Err(source) => return Err(ReadError::Directory { path, source }),
    };
    // Without NONBLOCK a pipe of that name would hold the start up forever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let handle = match rustix::fs::openat(&opened, name.as_str(), flags, Mode::empty()) {
        Ok(handle) => handle,
        Err(Errno::NOENT) => return Err(ReadError::Missing { path }),
        Err(Errno::LOOP) => return Err(ReadError::Symlink { path }),
        Err(Errno::NXIO) => return Err(ReadError::NotAFile { path }),
        Err(errno) => {
            return Err(ReadError::Unreadable { path, source: errno.into() });
        }
    };
    let mut file = File::from(handle);
    check(&file, &path, expectation)?;
    fill_from(&mut file, &path, expectation.length)
}

fn check(file: &File, path: &Path, expectation: Expectation) -> Result<(), ReadError> {
    let path = path.to_path_buf();
    let found = match rustix::fs::fstat(file) {
        Ok(found) => found,
        Err(errno) => {
            return Err(ReadError::Unreadable { path, source: errno.into() });
        }
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(ReadError::NotAFile { path });
    }
    let ours = geteuid().as_raw();
    let root_may = expectation.owner == Owner::OurselvesOrRoot;
    if found.st_uid != ours && !(root_may && found.st_uid == 0) {
        let wanted = if root_may && ours != 0 { format!("uid {ours} or root") } else { format!("uid {ours}") };
        return Err(ReadError::NotOwned { path, owner: found.st_uid, wanted });
    }
    let mode = found.st_mode & 0o7777;
    // What the owner may do with his own file is no danger.
    if mode & 0o077 & !expectation.allowed_mode != 0 {
        return Err(ReadError::TooOpen { path, mode, allowed: expectation.allowed_mode });
    }
    let expected = expectation.length as u64;
    let length = u64::try_from(found.st_size).unwrap_or(0);
    if length != expected {
        return Err(ReadError::WrongLength { path, found: length, expected });
    }
    Ok(())
}

/// Reads straight into locked memory, and makes sure that the file ends there.
fn fill_from(file: &mut File, path: &Path, length: usize) -> Result<Content, ReadError> {
    let failed = |read: u64, source: io::Error| {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::WrongLength { path, found: read, expected: length as u64 },
            _ => ReadError::Unreadable { path, source },
        }
    };
    let mut pieces = Vec::with_capacity(length / KEY_BYTES);
    for index in 0..length / KEY_BYTES {
        let piece = ProtectorSecret::try_fill_with(|piece| file.read_exact(piece));
        pieces.push(piece.map_err(|source| failed((index * KEY_BYTES) as u64, source))?);
    }
    match file.read(&mut [0_u8; 1]) {
        Ok(0) => Ok(Content(pieces)),
        Ok(more) => {
            let found = (length + more) as u64;
            Err(ReadError::WrongLength { path: path.to_path_buf(), found, expected: length as u64 })
        }
        Err(source) => Err(ReadError::Unreadable { path: path.to_path_buf(), source }),
    }
}
