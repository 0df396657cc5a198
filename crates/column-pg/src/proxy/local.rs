//! A Unix socket for clients on the same host, named as PostgreSQL names its own, so that theirs find it by folder and port.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::leg::Socket;

/// Every account of the host may connect, as to a port of it; each session proves its role.
const MODE: u32 = 0o777;

/// A socket that is removed when nobody listens at it any more.
pub(super) struct LocalListener {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file, by which it is known.
    identity: Option<(u64, u64)>,
}

/// The socket's file.
pub(super) fn path(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

impl LocalListener {
    /// Listens. What an earlier process left behind is taken away, a socket that answers is not.
    pub fn bind(path: PathBuf) -> io::Result<Self> {
        match fs::symlink_metadata(&path) {
            Ok(there) if there.file_type().is_socket() => match UnixStream::connect(&path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(&path)?,
                _ => return Err(io::ErrorKind::AddrInUse.into()),
            },
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(MODE))?;
        let identity = identity(&path);
        Ok(Self { listener, path, identity })
    }

    pub async fn accept(&self) -> io::Result<Socket> {
        self.listener.accept().await.map(|(stream, _)| Socket::Unix(stream))
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // Somebody else's, who came meanwhile, stays.
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _may_be_gone = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
