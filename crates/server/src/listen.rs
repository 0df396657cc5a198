//! The two doors: the Unix socket in the data directory, and TCP.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

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
