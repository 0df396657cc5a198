//! The files of TLS: read without following links, written whole or not at all, for the owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use strongroom_secret::SecretBytes;

use super::TlsError;

/// More than any chain or key needs.
const LIMIT: u64 = 1024 * 1024;

/// Reads a whole file; it may hold a private key.
pub(super) fn read(path: &Path) -> Result<SecretBytes, TlsError> {
    contents(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

/// As [`read`]; none when there is no such file.
pub(super) fn read_if_there(path: &Path) -> Result<Option<SecretBytes>, TlsError> {
    match contents(path) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TlsError::Read { path: path.to_owned(), source }),
    }
}

fn contents(path: &Path) -> io::Result<SecretBytes> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any certificate or key"));
    }
    // One buffer of the right size: nothing is left behind by growing it.
    let mut contents = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(LIMIT).read_to_end(&mut contents)?;
    Ok(SecretBytes::from_vec(contents))
}

/// Makes the directory, for the owner only.
pub(super) fn make_directory(path: &Path) -> Result<(), TlsError> {
    let made = DirBuilder::new().mode(0o700).create(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(TlsError::Write { path: path.to_owned(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a file so that it is there whole or not at all, whatever happens.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), TlsError> {
    replace(path, contents).map_err(|source| TlsError::Write { path: path.to_owned(), source })
}

/// As [`write`], for other files than those of TLS.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
