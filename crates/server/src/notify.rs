//! Tells the service manager of start and stop (sd_notify).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The server can be used.
pub(crate) const READY: &str = "READY=1";
/// The server is about to end.
pub(crate) const STOPPING: &str = "STOPPING=1";

/// Sends a state to the socket the service manager named; one that begins with `@` has no file.
pub(crate) fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_name_without_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("strongroom-notify-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        let named = UnixDatagram::bind_addr(&abstract_address).unwrap();
        let filed = UnixDatagram::bind(&path).unwrap();
        for (socket, listener) in [(path.into_os_string(), filed), (format!("@{name}").into(), named)] {
            send(&socket, READY).unwrap();
            let mut received = [0; 64];
            let length = listener.recv(&mut received).unwrap();
            assert_eq!(&received[..length], b"READY=1");
        }
    }
}
