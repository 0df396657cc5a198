//! The password of an application key without a person: from a file that the operator names, or a systemd credential.

use std::fmt;
use std::path::{Path, PathBuf};

use strongroom_secret::Passphrase;

use crate::secret_file::{self, FileStamp, ReadError};
use crate::surroundings::Surroundings;

/// A password as it lies in a file now.
pub struct KeyPassword {
    /// What the file holds; one final line feed is no part of it.
    pub passphrase: Passphrase,
    /// The file.
    pub path: PathBuf,
    /// Tells whether the file is still the one that was read.
    pub stamp: FileStamp,
}

impl fmt::Debug for KeyPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyPassword").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The password of the key with this name: from its file when the configuration names one, else from the credential
/// `strongroom.key.NAME`, if there is such a one. Nothing is derived from it yet.
///
/// # Errors
/// [`ReadError`], when the file is not there although the configuration names it, or nobody can rely on what it holds.
pub fn key_password(surroundings: &Surroundings, key: &str) -> Result<Option<KeyPassword>, ReadError> {
    if let Some(path) = surroundings.configuration.key_password_files.get(key) {
        return read(path, OWNER_ONLY).map(Some);
    }
    let Some(path) = credential(surroundings, key) else { return Ok(None) };
    match read(&path, CREDENTIAL) {
        Err(ReadError::Missing { .. }) => Ok(None),
        read => read.map(Some),
    }
}

/// Where the credential of a key would lie; a name with `/` cannot be that of a file.
fn credential(surroundings: &Surroundings, key: &str) -> Option<PathBuf> {
    let directory = surroundings.credentials_directory.as_deref()?;
    (!key.contains('/')).then(|| directory.join(format!("{CREDENTIAL_PREFIX}{key}")))
}

fn read(path: &Path, allowed_mode: u32) -> Result<KeyPassword, ReadError> {
    let (mut bytes, stamp) = secret_file::load_stamped(path, LONGEST, allowed_mode)?;
    for ending in [b'\n', b'\r'] {
        if bytes.expose().last() == Some(&ending) {
            bytes.truncate(bytes.len() - 1);
        }
    }
    if bytes.is_empty() {
        return Err(ReadError::Unfit { path: path.to_path_buf(), most: LONGEST });
    }
    Ok(KeyPassword { passphrase: Passphrase::from_bytes(bytes), path: path.to_path_buf(), stamp })
}

/// As long as what is read from standard input may be.
const LONGEST: usize = 4096;
const CREDENTIAL_PREFIX: &str = "strongroom.key.";
const OWNER_ONLY: u32 = 0o600;
/// systemd gives credentials to root and lets the service read them by an access control list, which
/// shows as a group's right to read.
const CREDENTIAL: u32 = 0o640;
