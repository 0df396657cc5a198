//! Why a plug-in was not asked, or what came of it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::child::ChildError;
use crate::directory::DirectoryError;

/// A plug-in cannot be used. Nothing that it said is shown but one of a few words.
#[derive(Debug, Error)]
pub enum PluginError {
    /// A name that plug-ins do not have.
    #[error("the name of a plug-in has 1 to 32 characters of a-z, 0-9 and -, and is no path")]
    Name,
    /// The directory of plug-ins is not to be trusted or not to be reached.
    #[error("plug-ins are not used: {source}")]
    Directory {
        /// What is wrong with it.
        source: DirectoryError,
    },
    /// There is no such file.
    #[error("plug-in {} does not exist", path.display())]
    Missing {
        /// Where it is expected.
        path: PathBuf,
    },
    /// A link, a directory, a pipe, or a file of an absurd size lies there.
    #[error("plug-in {} is not a regular file of at most 256 MiB", path.display())]
    NotAFile {
        /// What lies there.
        path: PathBuf,
    },
    /// Somebody else owns the file or the directory.
    #[error("{} belongs to uid {owner}; plug-ins belong to root or uid {ours}", path.display())]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// The effective uid of this process.
        ours: u32,
    },
    /// Others may write the file or in the directory.
    #[error("{} can be written by others than its owner (mode {mode:04o})", path.display())]
    TooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system does not let us read it.
    #[error("plug-in {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is another program than the configured one.
    #[error("plug-in {} has SHA-256 {found}; the configuration says {configured}", path.display())]
    OtherHash {
        /// The file.
        path: PathBuf,
        /// The configured digest.
        configured: String,
        /// The file's digest.
        found: String,
    },
    /// It could not be run, or gave no answer.
    #[error("plug-in {name}: {source}")]
    Child {
        /// The plug-in.
        name: String,
        /// What happened.
        source: ChildError,
    },
    /// It answered something else than the protocol says.
    #[error("plug-in {name} gave a reply that its protocol does not know")]
    Reply {
        /// The plug-in.
        name: String,
    },
    /// It said why it does not do it.
    #[error("plug-in {name} refused: {word}")]
    Refused {
        /// The plug-in.
        name: String,
        /// Why.
        word: PluginWord,
    },
}

/// The reasons that a plug-in can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginWord {
    /// `denied`
    Denied,
    /// `unavailable`
    Unavailable,
    /// `not_found`
    NotFound,
    /// `invalid`
    Invalid,
    /// `unsupported`
    Unsupported,
    /// Any other text, which is not kept.
    Unknown,
}

impl PluginWord {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "denied" => Self::Denied,
            "unavailable" => Self::Unavailable,
            "not_found" => Self::NotFound,
            "invalid" => Self::Invalid,
            "unsupported" => Self::Unsupported,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for PluginWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Denied => "it is not allowed to",
            Self::Unavailable => "what it works with is not available",
            Self::NotFound => "it does not have that key",
            Self::Invalid => "what it was given is not right",
            Self::Unsupported => "it cannot do that",
            Self::Unknown => "for a reason that is not one of its protocol",
        })
    }
}

impl PluginError {
    /// What the operator can do about it, as one sentence without a final stop.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Name => "name a section of the configuration, [protector.plugin.NAME]".to_owned(),
            Self::Directory { source } => source.how_to_mend(),
            Self::Missing { path } => format!("install the plug-in as {}", path.display()),
            Self::NotAFile { path } => format!("put the program itself at {}", path.display()),
            Self::Foreign { path, ours, .. } => format!("chown {} to root or uid {ours}", path.display()),
            Self::TooOpen { path, .. } => {
                format!("find out who wrote it, then chmod go-w {}", path.display())
            }
            Self::Unreadable { path, .. } => format!("make {} readable for the service", path.display()),
            Self::OtherHash { .. } => {
                "if you changed the plug-in yourself, put its new SHA-256 into the configuration; else find out who did"
                    .to_owned()
            }
            Self::Child { name, source: ChildError::Start { .. } } => {
                format!(
                    "make plug-in {name} an executable program for this machine (chmod 0755, its interpreter there)"
                )
            }
            Self::Child { name, .. } | Self::Reply { name } | Self::Refused { name, .. } => {
                format!("run plug-in {name} by hand as docs/guide/plugins.md shows")
            }
        }
    }
}
