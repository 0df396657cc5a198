//! One archive: written under another name, synced, named, and read back.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};
use strongroom_envelope::stream::StreamHeader;
use strongroom_secret::{DataKey, SecretBytes};

use super::folder::Folder;
use super::stream::{self, Content, Sealing};

/// Why an archive was not written. Nothing was removed from the store.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The folder could not be made or opened.
    #[error("could not {attempt} the archive folder {}: {source}", path.display())]
    Folder {
        /// What was tried.
        attempt: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else is there.
    #[error("the archive folder {} is a symbolic link, or no folder; name the folder itself", path.display())]
    NotAFolder {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else may write in it.
    #[error("the archive folder {} belongs to uid {owner} and has mode {mode:04o}; it has to be the server's own: `chmod 0700`", path.display())]
    NotOurs {
        /// Which.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
        /// Whose it is.
        owner: u32,
    },
    /// The file could not be written or read.
    #[error("could not {attempt} the archive {}: {source}", path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("the archive {} was read back and is not what was written; it is removed: look at the disk", path.display())]
    Differs {
        /// Which.
        path: PathBuf,
    },
    /// A transaction has no form in JSON.
    #[error("a transaction could not be written as JSON")]
    NotJson,
}

/// A file that is being written; gone with the value unless it is finished.
pub struct NewFile {
    sealing: Sealing,
    file: File,
    named: Named,
}

/// A file that is finished and not yet compared; gone with the value unless it is what was written.
pub struct Written {
    content: Content,
    /// Opened anew.
    file: Option<File>,
    named: Named,
}

/// A name in the folder, and what is done about it in the end.
struct Named {
    folder: Folder,
    name: String,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Unfinished,
    Finished,
    Kept,
}

impl NewFile {
    /// Begins a file, and removes what killed servers have left.
    pub fn create(folder: &Path, name: String, sealing: Sealing) -> Result<Self, ArchiveError> {
        let folder = Folder::open(folder)?;
        let failed = |attempt, source| ArchiveError::File { attempt, path: folder.shown(&name), source };
        folder.clear().map_err(|source| failed("remove what was left of", source))?;
        let file = folder.create(&name).map_err(|source| failed("make", source))?;
        Ok(Self { sealing, file, named: Named { folder, name, state: State::Unfinished } })
    }

    /// How many bytes of plaintext it has.
    pub const fn length(&self) -> u64 {
        self.sealing.length()
    }

    /// Writes more.
    pub fn append(&mut self, plaintext: &SecretBytes) -> Result<(), ArchiveError> {
        let outcome = self.sealing.append(plaintext, &mut self.file);
        outcome.map_err(|source| self.named.failed("write", source))
    }

    /// Ends it: when this answers it is on the disk under its name.
    pub fn finish(self) -> Result<Written, ArchiveError> {
        let Self { sealing, mut file, mut named } = self;
        let content = sealing.finish(&mut file).map_err(|source| named.failed("write", source))?;
        file.sync_all().map_err(|source| named.failed("sync", source))?;
        // So that it is read from the disk, and not from memory.
        let _only_advice = fadvise(&file, 0, None, Advice::DontNeed);
        named.folder.give_name(&named.name).map_err(|source| named.failed("name", source))?;
        named.state = State::Finished;
        named.folder.sync().map_err(|source| named.failed("sync the folder of", source))?;
        Ok(Written { content, file: None, named })
    }
}

impl Written {
    /// Opens it again and reads its header.
    pub fn header(mut self) -> Result<(Self, StreamHeader), ArchiveError> {
        let mut file = self.named.folder.read(&self.named.name).map_err(|source| self.named.failed("open", source))?;
        let header = stream::header(&mut file).map_err(|source| self.named.failed("read back", source))?;
        self.file = Some(file);
        Ok((self, header))
    }

    /// Reads the rest, and keeps the file when it is what was written.
    pub fn compare(mut self, header: &StreamHeader, data_key: &DataKey) -> Result<(), ArchiveError> {
        let differs = || ArchiveError::Differs { path: self.named.folder.shown(&self.named.name) };
        let mut file = self.file.as_ref().ok_or_else(differs)?;
        let found = stream::content(&mut file, header, data_key);
        if found.map_err(|source| self.named.failed("read back", source))? != self.content {
            return Err(differs());
        }
        self.named.state = State::Kept;
        Ok(())
    }
}

impl Named {
    fn failed(&self, attempt: &'static str, source: io::Error) -> ArchiveError {
        ArchiveError::File { attempt, path: self.folder.shown(&self.name), source }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        match self.state {
            State::Unfinished => self.folder.discard(&self.name),
            State::Finished => self.folder.remove(&self.name),
            State::Kept => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use strongroom_crypto::SealingKey;
    use strongroom_envelope::value::{Context, Place, Purpose};
    use strongroom_envelope::{Id, SealedDataKey};

    use super::*;

    const NAME: &str = "transactions-20260715T083000Z-1c2b4e6f.srs";

    fn data_key() -> DataKey {
        DataKey::from_slice(&[3; 32]).unwrap()
    }

    fn new(folder: &Path) -> NewFile {
        let (context, master) = (Context::empty(), SealingKey::new(&[1; 32]));
        let place = Place::Context(&context);
        let sealed = SealedDataKey::seal(&master, Purpose::Values, Id::NIL, 1, &place, &data_key());
        let mut file = NewFile::create(folder, NAME.to_owned(), Sealing::new(&data_key(), &sealed)).unwrap();
        file.append(&SecretBytes::from_slice(&[7; 100_000])).unwrap();
        file
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn it_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = new(folder.path());
        assert_eq!(names(folder.path()), [format!(".{NAME}.new")]);
        drop(file);
        assert_eq!(names(folder.path()), [""; 0]);
        let (written, header) = new(folder.path()).finish().unwrap().header().unwrap();
        assert_eq!(names(folder.path()), [NAME]);
        written.compare(&header, &data_key()).unwrap();
        assert_eq!(names(folder.path()), [NAME]);
    }

    #[test]
    fn what_the_disk_has_changed_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        for at in [300, 70_000] {
            let written = new(folder.path()).finish().unwrap();
            let mut content = fs::read(&path).unwrap();
            content[at] ^= 1;
            fs::write(&path, content).unwrap();
            let (written, header) = written.header().unwrap();
            assert!(matches!(written.compare(&header, &data_key()), Err(ArchiveError::File { .. })));
            assert_eq!(names(folder.path()), [""; 0]);
        }
        // A whole one, of something else.
        let other = new(folder.path()).finish().unwrap();
        let whole = fs::read(&path).unwrap();
        drop(other);
        let mut file = new(folder.path());
        file.append(&SecretBytes::from_slice(b"more")).unwrap();
        let written = file.finish().unwrap();
        fs::write(&path, whole).unwrap();
        let (written, header) = written.header().unwrap();
        assert!(matches!(written.compare(&header, &data_key()), Err(ArchiveError::Differs { .. })));
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn no_other_file_is_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = new(folder.path());
        fs::write(folder.path().join(NAME), "of somebody else").unwrap();
        assert!(matches!(file.finish(), Err(ArchiveError::File { attempt: "name", .. })));
        assert_eq!(names(folder.path()), [NAME]);
        assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap(), "of somebody else");
    }
}
