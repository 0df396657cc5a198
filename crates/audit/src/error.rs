//! What can go wrong with a trail that is being written.

use std::io;

use thiserror::Error;

use crate::chain::Flaw;

/// A trail could not be looked at, opened or written.
#[derive(Debug, Error)]
pub enum TrailError {
    /// The folder could not be listed or made.
    #[error("{attempt} the folder of the audit trail")]
    Folder {
        /// `listing`, `creating` or `syncing`.
        attempt: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A segment could not be read, written, cut, made or removed.
    #[error("{attempt} the audit segment {segment}")]
    Segment {
        /// What was attempted.
        attempt: &'static str,
        /// The file name.
        segment: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The checkpoint keys could not be read or written.
    #[error("{attempt} the checkpoint key file")]
    KeyFile {
        /// What was attempted.
        attempt: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A whole line of the newest segment does not fit its neighbours.
    #[error("the audit segment {segment} is broken at line {line}: {flaw}")]
    Broken {
        /// The file name.
        segment: String,
        /// The line in the file, from 1; 0 for its last one.
        line: u64,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// There is no trail to open.
    #[error("there is no audit trail in the folder")]
    Missing,
    /// A trail to be made exists already.
    #[error("there is already an audit trail in the folder")]
    Exists,
    /// Another process writes this trail.
    #[error("another process has the audit trail open")]
    InUse,
    /// The key that the last checkpoint announced is not in the key file: no checkpoint can be signed any more.
    #[error("the checkpoint key {number} of the audit trail is lost")]
    KeyLost {
        /// The number of the key.
        number: u64,
    },
    /// The key file is further than the trail: checkpoints were cut off.
    #[error("the audit trail ends at checkpoint {checkpoint}, but checkpoint {key} was signed: lines are missing")]
    Truncated {
        /// The last checkpoint in the trail.
        checkpoint: u64,
        /// The number of the key in the key file.
        key: u64,
    },
}

impl TrailError {
    /// Whether the volume had no room: the same call may succeed once there is.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Folder { source, .. } | Self::Segment { source, .. } | Self::KeyFile { source, .. } => {
                no_room(source)
            }
            _ => false,
        }
    }
}

/// No space, no quota, or a file size limit.
pub(crate) fn no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
