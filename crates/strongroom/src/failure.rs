//! Why a command failed: the message, how to mend it, the exit code.

use strongroom_client::ClientError;

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server refused, or was not reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What was given on the command line, in a file or in the environment is not usable.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// How to mend it.
        fix: String,
    },
    /// Something local failed.
    #[error("{attempted}: {source}")]
    Local {
        /// What was attempted.
        attempted: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
        /// How to mend it.
        fix: String,
        /// The exit code.
        code: u8,
    },
    /// The command did its work and found something.
    #[error("{0}")]
    Findings(String),
    /// Something is not authentic.
    #[error("{0}")]
    NotAuthentic(String),
}

/// Exit codes that are chosen here; the others come with the server's answer.
pub mod exit {
    /// It failed.
    pub const FAILED: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// Locked or unreachable.
    pub const LOCKED: u8 = 6;
    /// Something is not authentic.
    pub const INTEGRITY: u8 = 7;
    /// Something was found.
    pub const FINDINGS: u8 = 8;
}

impl Failure {
    /// A usage error.
    pub fn usage(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), fix: fix.into() }
    }

    /// A local failure.
    pub fn local(
        attempted: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
        fix: impl Into<String>,
    ) -> Self {
        Self::Local { attempted: attempted.into(), source: source.into(), fix: fix.into(), code: exit::FAILED }
    }

    /// The same with another exit code.
    pub fn with_code(self, exit_code: u8) -> Self {
        match self {
            Self::Local { attempted, source, fix, .. } => Self::Local { attempted, source, fix, code: exit_code },
            other => other,
        }
    }

    /// The program's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => error.exit_code(),
            Self::Usage { .. } => exit::USAGE,
            Self::Local { code, .. } => *code,
            Self::Findings(_) => exit::FINDINGS,
            Self::NotAuthentic(_) => exit::INTEGRITY,
        }
    }

    /// A stable word for `--json`.
    pub fn word(&self) -> String {
        match self {
            Self::Client(error) => {
                error.refused().map_or_else(|| "unreachable".to_owned(), |refused| refused.word.clone())
            }
            Self::Usage { .. } => "usage".into(),
            Self::Local { .. } => "failed".into(),
            Self::Findings(_) => "findings".into(),
            Self::NotAuthentic(_) => "not_authentic".into(),
        }
    }

    /// How to mend it.
    pub fn fix(&self) -> &str {
        match self {
            Self::Client(error) => error.fix(),
            Self::Usage { fix, .. } | Self::Local { fix, .. } => fix,
            Self::Findings(_) | Self::NotAuthentic(_) => "",
        }
    }

    /// Names the request in the audit trail.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Client(error) => error.refused().map(|refused| refused.request_id.as_str()),
            Self::Usage { .. } | Self::Local { .. } | Self::Findings(_) | Self::NotAuthentic(_) => None,
        }
    }
}
