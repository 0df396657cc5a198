//! Where the server is, and how it is recognised.

use std::fmt;
use std::path::PathBuf;

use strongroom_secret::AccessToken;

use crate::client_certificate::ClientCertificate;
use crate::trust::Trust;

/// The name of the socket in a data directory.
pub(crate) const SOCKET: &str = "server.sock";

/// Where the server is.
#[derive(Debug)]
pub enum Target {
    /// On this machine: the data directory that holds its socket. The kernel tells the server who calls.
    Socket(PathBuf),
    /// On this machine: the socket for accounts itself. Only what belongs to the account of this process is answered there.
    Accounts(PathBuf),
    /// Over TLS.
    Tcp {
        /// Host and port, with or without `https://` before it.
        address: String,
        /// Says who calls.
        token: AccessToken,
        /// How the server is recognised; without it nothing is sent.
        trust: Option<Trust>,
    },
    /// Over TLS, as a component: with a client certificate, by which it is given what belongs to it.
    Certified {
        /// Host and port, with or without `https://` before it.
        address: String,
        /// Says who calls when a credential is read or enrolled for.
        certificate: ClientCertificate,
        /// Says who calls for everything else.
        token: Option<AccessToken>,
        /// How the server is recognised; without it nothing is sent.
        trust: Option<Trust>,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(directory) => write!(formatter, "{}", directory.join(SOCKET).display()),
            Self::Accounts(socket) => write!(formatter, "{}", socket.display()),
            Self::Tcp { address, .. } | Self::Certified { address, .. } => formatter.write_str(address),
        }
    }
}

/// Why an address cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// Plain HTTP.
    #[error("it begins with `http://`, but the server is reached over TLS only; write `https://` or leave it out")]
    Plain,
    /// A path behind the port.
    #[error("it has a path; give host and port only, such as `vault.example.net:8700`")]
    Path,
    /// No port.
    #[error("it has no port; give host and port, such as `vault.example.net:8700`")]
    NoPort,
    /// No name a certificate could have.
    #[error("its host is neither a name nor an IP address")]
    Host,
}

/// The parts of an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub host: &'a str,
    pub port: u16,
}

/// Takes `[https://]host:port` apart; an IPv6 address stands in brackets.
pub(crate) fn parse_address(text: &str) -> Result<Address<'_>, TargetRefusal> {
    if text.starts_with("http://") {
        return Err(TargetRefusal::Plain);
    }
    let text = text.strip_prefix("https://").unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.contains('/') {
        return Err(TargetRefusal::Path);
    }
    let (host, port) = text.rsplit_once(':').ok_or(TargetRefusal::NoPort)?;
    let port = port.parse().map_err(|_| TargetRefusal::NoPort)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host,
        None if host.contains(':') => return Err(TargetRefusal::NoPort),
        None => host,
    };
    if host.is_empty() { Err(TargetRefusal::Host) } else { Ok(Address { host, port }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, u16), TargetRefusal>) {
        let parsed = parse_address(text).map(|address| (address.host, address.port));
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn addresses() {
        check("127.0.0.1:8700", Ok(("127.0.0.1", 8700)));
        check("https://vault.example.net:8700/", Ok(("vault.example.net", 8700)));
        check("[::1]:8700", Ok(("::1", 8700)));
        check("::1", Err(TargetRefusal::NoPort));
        check("vault.example.net", Err(TargetRefusal::NoPort));
        check("vault.example.net:", Err(TargetRefusal::NoPort));
        check("vault.example.net:70000", Err(TargetRefusal::NoPort));
        check("http://127.0.0.1:8700", Err(TargetRefusal::Plain));
        check("https://127.0.0.1:8700/api", Err(TargetRefusal::Path));
        check(":8700", Err(TargetRefusal::Host));
    }
}
