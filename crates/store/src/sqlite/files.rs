//! The files of a store: their names, who may touch them, and how one takes the place of another.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::open::OpenError;
use crate::directory::sync_directory;

/// The database, in the data directory. SQLite keeps `store.db-wal` and `store.db-shm` beside it.
pub const DATABASE_FILE: &str = "store.db";
/// Left behind when the outcome of a write is unknown: the next open recovers.
pub const RECOVERY_MARKER: &str = "recover-needed";

/// A database in the making; worth nothing after a crash.
const UNFINISHED: &str = "store.db.new";
/// A recovered database, complete and synced; it replaces the other one whatever happens.
const RECOVERED: &str = "store.db.recovered";

const OWNER_ONLY: u32 = 0o600;

/// Paths in one data directory. The directory is canonical, so that SQLite follows no link.
///
/// No file that SQLite has open may be opened and closed here by other means: that would drop the
/// locks of this process (fcntl(2)). Everything below works by name, or on files SQLite has not open.
#[derive(Debug, Clone)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn of(directory: &Path) -> Result<Files, OpenError> {
        let directory =
            std::fs::canonicalize(directory).map_err(|source| OpenError::file("finding", directory, source))?;
        Ok(Files { directory })
    }

    pub(super) fn database(&self) -> PathBuf {
        self.directory.join(DATABASE_FILE)
    }

    pub(super) fn unfinished(&self) -> PathBuf {
        self.directory.join(UNFINISHED)
    }

    fn recovered(&self) -> PathBuf {
        self.directory.join(RECOVERED)
    }

    fn marker(&self) -> PathBuf {
        self.directory.join(RECOVERY_MARKER)
    }

    /// Whether there is a database. Refuses what SQLite must not be pointed at: links, foreign
    /// owners, a WAL without its database, and a rollback journal, which a store in WAL mode
    /// never has and which names files that SQLite would delete.
    pub(super) fn examine(&self) -> Result<bool, OpenError> {
        let database = self.database();
        let journal = beside(&database, "-journal");
        if lies(&journal)? {
            return Err(OpenError::LeftOver { path: journal });
        }
        let found = ours(&database)?;
        let wal = beside(&database, "-wal");
        let wal_found = ours(&wal)?;
        ours(&beside(&database, "-shm"))?;
        if wal_found && !found {
            return Err(OpenError::LeftOver { path: wal });
        }
        Ok(found)
    }

    /// Makes an empty file of mode 0600 for a new database, in place of an unfinished one.
    pub(super) fn start_unfinished(&self) -> Result<PathBuf, OpenError> {
        let path = self.unfinished();
        for suffix in ["", "-wal", "-shm", "-journal"] {
            remove(&beside(&path, suffix))?;
        }
        create(&path).map_err(|source| OpenError::file("creating", &path, source))?;
        Ok(path)
    }

    /// Gives the finished first database its name.
    pub(super) fn finish_creation(&self) -> Result<(), OpenError> {
        self.move_durably(&self.unfinished(), &self.database())
    }

    /// From here on the recovered database is the one that counts.
    pub(super) fn finish_recovery(&self) -> Result<(), OpenError> {
        self.move_durably(&self.unfinished(), &self.recovered())?;
        self.replace_recovered()
    }

    /// Puts a recovered database, if there is one, in the place of the old one.
    ///
    /// The old WAL goes first: beside the new database it would be replayed into it. Until the last
    /// step the file's name says that it is the one that counts, so a crash in between is mended by
    /// the next call.
    pub(super) fn replace_recovered(&self) -> Result<(), OpenError> {
        let recovered = self.recovered();
        if !ours(&recovered)? {
            return Ok(());
        }
        let database = self.database();
        for suffix in ["-wal", "-shm", "-journal"] {
            remove(&beside(&database, suffix))?;
        }
        self.sync()?;
        self.move_durably(&recovered, &database)?;
        self.clear_marker()
    }

    /// Whether an earlier process asked for recovery.
    pub(super) fn is_marked(&self) -> Result<bool, OpenError> {
        lies(&self.marker())
    }

    /// Asks the next open for recovery. The volume may be failing, so this may fail as well.
    pub(super) fn mark(&self) -> io::Result<()> {
        match create(&self.marker()) {
            Ok(()) => sync_directory(&self.directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn clear_marker(&self) -> Result<(), OpenError> {
        remove(&self.marker())?;
        self.sync()
    }

    /// Syncs the file at `path`, which SQLite must not have open unless it is a WAL.
    pub(super) fn sync_file(path: &Path) -> io::Result<()> {
        OpenOptions::new().read(true).open(path)?.sync_all()
    }

    /// Syncs the file and drops it from the kernel's memory, so that the next read is of the disk.
    pub(super) fn sync_and_forget(path: &Path) -> io::Result<()> {
        let file = OpenOptions::new().read(true).open(path)?;
        file.sync_all()?;
        // A wish: where it is not granted, comparing the copy is worth less, but not wrong.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        Ok(())
    }

    pub(super) fn wal(&self) -> PathBuf {
        beside(&self.database(), "-wal")
    }

    pub(super) fn sync(&self) -> Result<(), OpenError> {
        sync_directory(&self.directory).map_err(|source| OpenError::file("syncing", &self.directory, source))
    }

    fn move_durably(&self, from: &Path, to: &Path) -> Result<(), OpenError> {
        Files::sync_file(from).map_err(|source| OpenError::file("syncing", from, source))?;
        std::fs::rename(from, to).map_err(|source| OpenError::file("renaming", from, source))?;
        self.sync()
    }
}

/// The name SQLite gives the companion of a database.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A new, empty file that only its owner may use, whatever the umask.
fn create(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(OWNER_ONLY))?;
    file.sync_all()
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(OpenError::file("removing", path, error)),
        _ => Ok(()),
    }
}

fn lies(path: &Path) -> Result<bool, OpenError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(OpenError::file("examining", path, source)),
    }
}

/// Whether the file is there; refuses all but a regular file of ours under one name, and closes it
/// to others if it was open to them.
fn ours(path: &Path) -> Result<bool, OpenError> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(OpenError::file("examining", path, source)),
    };
    let owner = rustix::process::geteuid().as_raw();
    if !metadata.is_file() || metadata.nlink() != 1 || metadata.uid() != owner {
        return Err(OpenError::ForeignEntry { path: path.to_path_buf() });
    }
    if metadata.mode() & 0o7777 != OWNER_ONLY {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(OWNER_ONLY))
            .map_err(|source| OpenError::file("closing to others", path, source))?;
    }
    Ok(true)
}
