//! The key that an enrolled account keeps in its home (docs/spec/credential.md): made once, read only when nobody else can.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use strongroom_crypto::{kem, random};
use strongroom_secret::{AgreementKey, KEY_BYTES, SecretBytes};

use crate::private_file::{self, NotOpened};

/// The key of an account.
#[derive(Debug)]
pub struct CredentialKey(AgreementKey);

/// The file of a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialKeyError {
    /// There is none.
    #[error("there is no key in {}", path.display())]
    Missing {
        /// Its file.
        path: PathBuf,
    },
    /// There is one already, which is never overwritten.
    #[error("there is something in {} already", path.display())]
    Exists {
        /// Its file.
        path: PathBuf,
    },
    /// Others could have read it, put it there, or exchange it.
    #[error("{} is not safe: {what}", path.display())]
    Unsafe {
        /// The file, or its folder.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It holds something else.
    #[error("{} does not hold the key of an account", path.display())]
    Malformed {
        /// Its file.
        path: PathBuf,
    },
    /// The system did not do it.
    #[error("{}: {source}", path.display())]
    Failed {
        /// The file, or its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CredentialKeyError {
    /// How to mend it.
    #[must_use]
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "name the file of the key that the account is enrolled with",
            Self::Exists { .. } => "use the key that is there, or name another file",
            Self::Unsafe { .. } => "give file and folder to this account alone: mode 0600 and 0700, no symbolic links",
            Self::Malformed { .. } => "name the file that `strongroom credential enroll` made",
            Self::Failed { .. } => "see that this account has a home it can write to, or name another file",
        }
    }
}

impl CredentialKey {
    /// Makes a new key, and its file, which is on the disk when this returns. The folder is made when it is missing.
    ///
    /// # Errors
    /// When there is a file already, or it cannot be made where only this account can read it.
    pub fn make(path: &Path) -> Result<Self, CredentialKeyError> {
        let failed = |source: io::Error| CredentialKeyError::Failed { path: path.to_owned(), source };
        let (folder, name) = folder_of(path)?;
        let new = format!(".{}.{:016x}.new", name.display(), u64::from_ne_bytes(drawn()));
        let key = Self(kem::generate());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(&folder, &new, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| failed(errno.into()))?;
        let made = key.write(file).and_then(|()| {
            rustix::fs::renameat_with(&folder, &new, &folder, name, RenameFlags::NOREPLACE)?;
            Ok(rustix::fs::fsync(&folder)?)
        });
        made.map_err(|error| {
            // What could not be named is of no use; what was, is gone from here.
            let _ = rustix::fs::unlinkat(&folder, &new, AtFlags::empty());
            match error.kind() {
                io::ErrorKind::AlreadyExists => CredentialKeyError::Exists { path: path.to_owned() },
                _ => failed(error),
            }
        })?;
        Ok(key)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// See [`CredentialKeyError`]; also when others could read the file.
    pub fn read(path: &Path) -> Result<Self, CredentialKeyError> {
        let malformed = || CredentialKeyError::Malformed { path: path.to_owned() };
        let (mut file, length) = private_file::open(path).map_err(|why| not_opened(path, why))?;
        let mut content = SecretBytes::from_vec(vec![0; LENGTH]);
        if usize::try_from(length) != Ok(LENGTH) || file.read_exact(content.expose_mut()).is_err() {
            return Err(malformed());
        }
        let key = content.expose().strip_prefix(BEGIN).ok_or_else(malformed)?;
        AgreementKey::from_slice(key).map(Self).map_err(|_| malformed())
    }

    /// What others may know of it.
    #[must_use]
    pub fn public(&self) -> [u8; kem::PUBLIC_KEY] {
        kem::public(&self.0)
    }

    pub(crate) const fn private(&self) -> &AgreementKey {
        &self.0
    }

    fn write(&self, file: OwnedFd) -> io::Result<()> {
        let mut content = SecretBytes::with_capacity(LENGTH);
        content.extend_from_slice(BEGIN);
        content.extend_from_slice(self.0.expose());
        let mut file = File::from(file);
        file.write_all(content.expose())?;
        file.sync_all()
    }
}

/// The open folder, which is made when it is missing and belongs to this account alone, and the name in it.
fn folder_of(path: &Path) -> Result<(OwnedFd, &Path), CredentialKeyError> {
    let failed = |source: io::Error| CredentialKeyError::Failed { path: path.to_owned(), source };
    let name = path.file_name().map(Path::new);
    let (Some(name), Some(folder)) = (name, path.parent()) else {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = rustix::fs::open(folder, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR => refused(folder, "it is a symbolic link"),
        other => failed(other.into()),
    })?;
    private_file::refuse_others(&open, 0o022).map_err(|why| not_opened(folder, why))?;
    Ok((open, name))
}

fn not_opened(path: &Path, why: NotOpened) -> CredentialKeyError {
    match why {
        NotOpened::Missing => CredentialKeyError::Missing { path: path.to_owned() },
        NotOpened::Unsafe(what) => refused(path, what),
        NotOpened::Failed(source) => CredentialKeyError::Failed { path: path.to_owned(), source },
    }
}

fn refused(path: &Path, what: &'static str) -> CredentialKeyError {
    CredentialKeyError::Unsafe { path: path.to_owned(), what }
}

fn drawn() -> [u8; 8] {
    let mut drawn = [0; 8];
    random::fill(&mut drawn);
    drawn
}

/// How the file begins.
const BEGIN: &[u8] = b"strongroom-credential-key/1\n";
const LENGTH: usize = BEGIN.len() + KEY_BYTES;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("share/strongroom/credential.key");
        assert!(matches!(CredentialKey::read(&path), Err(CredentialKeyError::Missing { .. })));
        let made = CredentialKey::make(&path).unwrap();
        assert_eq!(CredentialKey::read(&path).unwrap().public(), made.public());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        // As docs/spec/credential.md has it.
        let content = fs::read(&path).unwrap();
        assert_eq!((content.len(), &content[..28]), (60, b"strongroom-credential-key/1\n".as_slice()));
        assert!(matches!(CredentialKey::make(&path), Err(CredentialKeyError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left of the second");
    }

    #[test]
    fn what_others_could_reach_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (path, link) = (home.path().join("key"), home.path().join("link"));
        CredentialKey::make(&path).unwrap();
        symlink(&path, &link).unwrap();
        assert!(matches!(CredentialKey::read(&link), Err(CredentialKeyError::Unsafe { .. })));
        assert!(matches!(CredentialKey::read(home.path()), Err(CredentialKeyError::Unsafe { .. })));
        for mode in [0o640, 0o604, 0o620, 0o610] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(CredentialKey::read(&path), Err(CredentialKeyError::Unsafe { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        CredentialKey::read(&path).unwrap();
        let open = home.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(CredentialKey::make(&open.join("key")), Err(CredentialKeyError::Unsafe { .. })));
        symlink(home.path(), home.path().join("aside")).unwrap();
        let aside = home.path().join("aside/other");
        assert!(matches!(CredentialKey::make(&aside), Err(CredentialKeyError::Unsafe { .. })));
    }

    #[test]
    fn another_content_is_no_key() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        CredentialKey::make(&path).unwrap();
        let content = fs::read(&path).unwrap();
        let mut other = content.clone();
        other[0] ^= 1;
        for content in [&content[..59], &[content.as_slice(), b"\n"].concat(), b"", &other] {
            fs::write(&path, content).unwrap();
            assert!(matches!(CredentialKey::read(&path), Err(CredentialKeyError::Malformed { .. })));
        }
    }
}
