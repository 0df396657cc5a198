//! The file of a plug-in: opened once, checked, hashed, and executed through the descriptor that was hashed.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, FdFlags};
use rustix::process::geteuid;
use strongroom_crypto::hash::Sha256;

use super::refusal::PluginError;
use crate::binding;
use crate::configuration::is_name;
use crate::directory::SecretDirectory;

/// A plug-in that may be executed.
pub(super) struct Executable(OwnedFd);

impl Executable {
    /// Opens `name` in the directory of plug-ins. The name is never a path.
    pub(super) fn open(directory: &Path, name: &str, sha256: &[u8; 32]) -> Result<Self, PluginError> {
        if !is_name(name) {
            return Err(PluginError::Name);
        }
        let opened = SecretDirectory::open(directory).map_err(|source| PluginError::Directory { source })?;
        let found = rustix::fs::fstat(&opened).map_err(|errno| unreadable(directory, errno))?;
        check_closed(directory, &found)?;
        let path = directory.join(name);
        // Without NONBLOCK a pipe of that name would hold everything up forever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = match rustix::fs::openat(&opened, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Err(PluginError::Missing { path }),
            Err(Errno::LOOP | Errno::NXIO) => return Err(PluginError::NotAFile { path }),
            Err(errno) => return Err(unreadable(&path, errno)),
        };
        let found = rustix::fs::fstat(&handle).map_err(|errno| unreadable(&path, errno))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(PluginError::NotAFile { path });
        }
        check_closed(&path, &found)?;
        let mut file = File::from(handle);
        let begin = check_hash(&mut file, path.clone(), sha256)?;
        let handle = OwnedFd::from(file);
        if begin == *SCRIPT {
            // The interpreter opens the script by the descriptor's name, after the program was replaced.
            rustix::io::fcntl_setfd(&handle, FdFlags::empty()).map_err(|errno| unreadable(&path, errno))?;
        }
        Ok(Self(handle))
    }

    /// What to execute: the descriptor, as the child sees it.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// Nobody but root and us may have written it.
fn check_closed(path: &Path, found: &Stat) -> Result<(), PluginError> {
    let ours = geteuid().as_raw();
    if found.st_uid != 0 && found.st_uid != ours {
        return Err(PluginError::Foreign { path: path.to_path_buf(), owner: found.st_uid, ours });
    }
    let mode = found.st_mode & 0o7777;
    if mode & 0o022 != 0 {
        return Err(PluginError::TooOpen { path: path.to_path_buf(), mode });
    }
    Ok(())
}

/// Compares the digest of the whole file; answers its first two bytes.
fn check_hash(file: &mut File, path: PathBuf, expected: &[u8; 32]) -> Result<[u8; 2], PluginError> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    let mut begin = [0; 2];
    let mut length = 0_u64;
    loop {
        let read = file.read(&mut piece).map_err(|source| PluginError::Unreadable { path: path.clone(), source })?;
        if length == 0 && read >= SCRIPT.len() {
            begin.copy_from_slice(&piece[..SCRIPT.len()]);
        }
        length += read as u64;
        if length > LONGEST {
            return Err(PluginError::NotAFile { path });
        }
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
    }
    let found = hash.finish();
    if found == *expected {
        Ok(begin)
    } else {
        Err(PluginError::OtherHash { path, configured: binding::hex(expected), found: binding::hex(&found) })
    }
}

fn unreadable(path: &Path, errno: Errno) -> PluginError {
    PluginError::Unreadable { path: path.to_path_buf(), source: errno.into() }
}

const SCRIPT: &[u8; 2] = b"#!";
const LONGEST: u64 = 256 * 1024 * 1024;
