//! The doors: the Unix socket in the data directory, the one for accounts, and TCP.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tokio::net::{TcpListener, UnixListener};

use crate::tls;

/// The name of the socket in the data directory.
pub(crate) const SOCKET: &str = "server.sock";
/// The name of the file that holds the TCP address.
pub(crate) const ADDRESS: &str = "address";

/// Listens on the socket in the data directory. The caller holds the directory's lock, so that a socket that is there is one
/// that a dead server left.
pub(crate) fn on_socket(data: &Path) -> io::Result<UnixListener> {
    // Through the open directory, because the path of a socket may have 108 bytes only.
    let directory = File::open(data)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()));
    remove(&path)?;
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Listens on the socket for accounts: everybody on this host may connect, and the server asks the kernel who it is. Only the
/// service and root may write to the folder it lies in, because whoever can put another socket there is taken for the server.
pub(crate) fn for_accounts(socket: &Path) -> io::Result<UnixListener> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what);
    let name = socket.file_name().ok_or_else(|| wrong("this is not the path of a socket"))?;
    let folder =
        socket.parent().filter(|folder| folder.is_absolute()).ok_or_else(|| wrong("the path is not absolute"))?;
    match DirBuilder::new().mode(0o755).create(folder) {
        // Whatever umask is in force.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o755))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let folder = OpenOptions::new().read(true).custom_flags(NO_LINK).open(folder)?;
    let found = folder.metadata()?;
    let ours = found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw();
    if !ours || found.mode() & 0o022 != 0 {
        return Err(wrong("others than the service and root can write to its folder: choose one that only these can"));
    }
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    make_way(&path)?;
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    Ok(listener)
}

const NO_LINK: i32 = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).bits().cast_signed();

/// Removes a socket that nobody listens on any more, and nothing else.
fn make_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else than a socket"));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => remove(path),
        Err(error) => Err(error),
    }
}

/// Removes what [`for_accounts`] made.
pub(crate) fn clear_for_accounts(socket: &Path) -> io::Result<()> {
    remove(socket)
}

/// Listens on TCP and writes the address down, which is how a free port becomes known.
pub(crate) async fn on_tcp(data: &Path, address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tls::replace_file(&data.join(ADDRESS), format!("{bound}\n").as_bytes())?;
    Ok((listener, bound))
}

/// Removes what [`on_socket`] and [`on_tcp`] made.
pub(crate) fn clear(data: &Path) -> io::Result<()> {
    remove(&data.join(SOCKET))?;
    remove(&data.join(ADDRESS))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
