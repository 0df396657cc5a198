//! A file that gets its name when it is whole: until then nothing of it can be found under that name, and a process that is
//! killed leaves nothing behind where the file system has files without a name.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};

/// A file that is being written.
#[derive(Debug)]
pub struct WholeFile {
    /// The name it will have.
    path: PathBuf,
    /// The name it has meanwhile, when it has one.
    partial: Option<PathBuf>,
    file: File,
}

impl WholeFile {
    /// Begins a file that only its owner may read. What is there under this name stays until [`WholeFile::finish`].
    ///
    /// # Errors
    /// When the name belongs to something that is not a file, or nothing can be written beside it.
    pub fn create(path: &Path) -> io::Result<Self> {
        // What a symbolic link points to is replaced, not the link.
        let path = match fs::canonicalize(path) {
            Ok(there) if !there.is_file() => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is there and is not a file"));
            }
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        if path.file_name().is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not the name of a file"));
        }
        let nameless = open(directory_of(&path), OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, OWNER);
        if let Ok(file) = nameless {
            return Ok(Self { path, partial: None, file: file.into() });
        }
        let partial = partial_name(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(OWNER.bits()).open(&partial)?;
        Ok(Self { path, partial: Some(partial), file })
    }

    /// Where to write.
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name, once all of it is on the disk.
    ///
    /// # Errors
    /// When it is not durable under its name.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if self.partial.is_none() {
            self.partial = Some(link(&self.file, &self.path)?);
        }
        let Some(partial) = &self.partial else { return Ok(()) };
        fs::rename(partial, &self.path)?;
        self.partial = None;
        File::open(directory_of(&self.path))?.sync_all()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _gone = fs::remove_file(partial);
        }
    }
}

/// Gives a file without a name one beside its final name, which renaming can replace.
fn link(file: &File, path: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    let partial = partial_name(path);
    linkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), CWD, &partial, AtFlags::SYMLINK_FOLLOW)?;
    Ok(partial)
}

/// No two processes have the same at once; one that is left over is in the way and is named in the error.
fn partial_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", process::id()));
    path.with_file_name(name)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

const OWNER: Mode = Mode::RUSR.union(Mode::WUSR);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn it_has_its_name_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        fs::write(&path, "before").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.file().write_all(b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn one_that_is_given_up_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        for partial in [None, Some(partial_name(&path))] {
            let mut file = WholeFile::create(&path).unwrap();
            if let Some(partial) = partial {
                // As on a file system without files that have no name.
                file.partial = Some(link(&file.file, &path).unwrap());
                assert_eq!(file.partial.as_ref(), Some(&partial));
            }
            file.file().write_all(b"after").unwrap();
            drop(file);
            assert_eq!(names(directory.path()), [""; 0]);
        }
    }

    #[test]
    fn links_are_followed_and_devices_are_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("out"), directory.path().join("link"));
        fs::write(&path, "before").unwrap();
        symlink("out", &link).unwrap();
        let mut file = WholeFile::create(&link).unwrap();
        file.file().write_all(b"after").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("out"));
        assert_eq!(fs::read(&path).unwrap(), b"after");
        for wrong in [Path::new("/dev/null"), directory.path(), Path::new("/"), Path::new("")] {
            assert!(WholeFile::create(wrong).is_err(), "{}", wrong.display());
        }
        assert!(WholeFile::create(&directory.path().join("missing/out")).is_err());
    }
}
