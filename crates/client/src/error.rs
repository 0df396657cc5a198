//! Why a call failed, whose fault it is, and how to mend it.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use strongroom_api::Code;

use crate::target::TargetRefusal;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be used.
    #[error("the address `{address}` cannot be used: {source}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        source: TargetRefusal,
    },
    /// A server over TCP, and nothing to recognise it by. Nothing was sent.
    #[error("nothing says how to recognise the server at `{address}`; nothing was sent")]
    NoTrust {
        /// Its address.
        address: String,
    },
    /// What the server is to be recognised by cannot be used. Nothing was sent.
    #[error("could not {what}: {source}")]
    Trust {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        source: rustls::Error,
    },
    /// The token cannot stand in a header. Nothing was sent.
    #[error("the token holds characters no token has")]
    Token,
    /// The server is not the expected one. Nothing was sent.
    #[error("the server at `{target}` is not the expected one: {}; nothing was sent", distrust(source))]
    Distrusted {
        /// Where.
        target: String,
        /// What differs.
        source: rustls::Error,
    },
    /// No connection.
    #[error("could not {attempted} `{target}`: {source}")]
    Unreachable {
        /// Where.
        target: String,
        /// What was attempted.
        attempted: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The connection broke, also the second time.
    #[error("the connection to `{target}` broke: {source}")]
    Broken {
        /// Where.
        target: String,
        /// What HTTP says.
        source: hyper::Error,
    },
    /// No reply in time. A change may or may not be done.
    #[error("`{target}` did not {attempted} within {} seconds", patience.as_secs())]
    TimedOut {
        /// Where.
        target: String,
        /// What was waited for.
        attempted: &'static str,
        /// For how long.
        patience: Duration,
    },
    /// The server answered with an error.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// The request could not be written as JSON.
    #[error("the request cannot be written: {source}")]
    Request {
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The server's reply is not one of this release.
    #[error("the reply of `{target}` to request {request_id} cannot be read: {what}")]
    Reply {
        /// Where.
        target: String,
        /// The request.
        request_id: String,
        /// What is wrong; holds nothing of the reply.
        what: String,
    },
}

/// An error the server answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The code's word; a newer server may have more codes.
    pub word: String,
    /// What was attempted, and why it was not done.
    pub message: String,
    /// How to mend it.
    pub fix: String,
    /// Names the request in the audit trail.
    pub request_id: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Refused {
    /// The code, when this release knows it.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::from_word(&self.word)
    }

    /// Reads an error body; one that is not ours becomes an error that says so.
    pub(crate) fn read(status: u16, request_id: &str, body: &[u8]) -> Self {
        match serde_json::from_slice::<Body>(body) {
            Ok(Body { error }) => {
                Self { status, word: error.code, message: error.message, fix: error.fix, request_id: error.request_id }
            }
            Err(_) => Self {
                status,
                word: "unknown".to_owned(),
                message: format!("the server answered with status {status} and no error of ours"),
                fix: "check that the address is that of a Strongroom server and of nothing in between".to_owned(),
                request_id: request_id.to_owned(),
            },
        }
    }

    fn exit_code(&self) -> u8 {
        match (self.code(), self.status) {
            (Some(code), _) => code.exit_code(),
            (None, 400) => 2,
            (None, 401 | 403) => 4,
            (None, 404) => 3,
            (None, 409) => 5,
            (None, 502..=504) => 6,
            (None, _) => 1,
        }
    }
}

/// As [`strongroom_api::ErrorBody`], but with codes this release may not know.
#[derive(Deserialize)]
struct Body {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: String,
    message: String,
    fix: String,
    request_id: String,
}

impl ClientError {
    /// What the command line exits with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Address { .. } | Self::NoTrust { .. } | Self::Trust { .. } | Self::Token => 2,
            Self::Distrusted { .. } => 7,
            Self::Unreachable { .. } | Self::Broken { .. } | Self::TimedOut { .. } => 6,
            Self::Refused(refused) => refused.exit_code(),
            Self::Request { .. } | Self::Reply { .. } => 1,
        }
    }

    /// The code the server answered with, when it did and this release knows it.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.refused().and_then(Refused::code)
    }

    /// What the server answered with, when it did.
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            Self::Address { .. }
            | Self::NoTrust { .. }
            | Self::Trust { .. }
            | Self::Token
            | Self::Distrusted { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::TimedOut { .. }
            | Self::Request { .. }
            | Self::Reply { .. } => None,
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn fix(&self) -> &str {
        match self {
            Self::Address { .. } => "give host and port, such as `vault.example.net:8700`",
            Self::NoTrust { .. } => {
                "set STRONGROOM_PIN to the pin that `strongroom status` prints on the server, or STRONGROOM_CA to a file \
                 with the certificate that signed the server's"
            }
            Self::Trust { .. } => "give a PEM file with at least one certificate",
            Self::Token => "give the token as `strongroom token issue` printed it",
            Self::Distrusted { .. } => {
                "compare the pin or certificate with what `strongroom status` prints on the server; if they should be the \
                 same, someone is in between"
            }
            Self::Unreachable { attempted: REACH_SOCKET, source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "run this as the account of the server, or as root",
                _ => "start the server with `strongroom serve --data DIR`, or name its directory with --data",
            },
            Self::Unreachable { attempted: REACH_ACCOUNTS, .. } => {
                "start the server with `--accounts-socket`, and name the same path here"
            }
            Self::Unreachable { .. } => "check the address, and that the server runs and listens there",
            Self::Broken { .. } => {
                "check that the server runs; a change may or may not be done, look before it is repeated"
            }
            Self::TimedOut { .. } => "try again; a change may or may not be done, look before it is repeated",
            Self::Refused(refused) => &refused.fix,
            Self::Request { .. } => "report it: this is a fault of the client",
            Self::Reply { .. } => "use client and server of the same release",
        }
    }
}

/// What [`ClientError::Unreachable`] says of a socket.
pub(crate) const REACH_SOCKET: &str = "reach the server's socket";

/// The same of the socket for accounts.
pub(crate) const REACH_ACCOUNTS: &str = "reach the socket for accounts";

/// The pin's refusal has no words of its own in rustls.
fn distrust(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure) => {
            "its certificate's public key has another pin".to_owned()
        }
        other => other.to_string(),
    }
}
