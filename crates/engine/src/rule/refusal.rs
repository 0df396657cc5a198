//! Why an operation was refused.

use strongroom_envelope::value::Purpose;

use crate::key::{Algorithm, State};

/// Why an operation was refused. The shell turns each into one error code; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing there, or nothing the caller may know of.
    #[error("there is no {what} `{target}`")]
    NotFound {
        /// `secret`, `token` …
        what: &'static str,
        /// The name or id asked for.
        target: String,
    },
    /// The name is taken.
    #[error("the name `{name}` is already in use")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The secret is deleted and can be undeleted.
    #[error("`{target}` is deleted")]
    Deleted {
        /// The name or id asked for.
        target: String,
    },
    /// Compare-and-set failed.
    #[error("version {expected} was expected, the current version is {found}")]
    VersionConflict {
        /// What the caller expected; 0 means "must not exist".
        expected: u32,
        /// What is there; 0 means "nothing".
        found: u32,
    },
    /// Policy does not allow it.
    #[error("not permitted: {reason}")]
    Denied {
        /// Which rule decided; names roles and actions only.
        reason: String,
    },
    /// An argument is malformed.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which argument.
        field: &'static str,
        /// What is wrong with it and how to mend it.
        reason: String,
    },
    /// More than a limit allows.
    #[error("{what} is {actual} bytes, at most {limit} are allowed")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// The application key is not available now.
    #[error("the key `{key}` is locked")]
    KeyLocked {
        /// Name or id of the key.
        key: String,
    },
    /// The version's state does not let it do this.
    #[error("version {version} of the key `{key}` is {}", state.word())]
    KeyNotUsable {
        /// Name of the key.
        key: String,
        /// Its version.
        version: u32,
        /// The version's state.
        state: State,
    },
    /// The version waits for its end.
    #[error("version {version} of the key `{key}` waits to be destroyed")]
    AwaitsDestruction {
        /// Name of the key.
        key: String,
        /// Its version.
        version: u32,
    },
    /// No version of the key is active.
    #[error("the key `{key}` has no active version")]
    NoActiveVersion {
        /// Name of the key.
        key: String,
    },
    /// A key is asked for what it is not for.
    #[error("the key `{key}` is for {}", purpose.word())]
    WrongPurpose {
        /// Name of the key.
        key: String,
        /// What it is for.
        purpose: Purpose,
    },
    /// The algorithm is not one for keys of this purpose, or not the one of the key that is there.
    #[error("{} is not what this key is used with; its purpose is {}", algorithm.word(), purpose.word())]
    WrongAlgorithm {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// What the key is for.
        purpose: Purpose,
    },
    /// There is no way from the version's state to the one asked for.
    #[error("version {version} of the key `{key}` is {}: it cannot be {wanted}", state.word())]
    NoTransition {
        /// Name of the key.
        key: String,
        /// Its version.
        version: u32,
        /// The version's state.
        state: State,
        /// What was to be done: `activated`, `destroyed` …
        wanted: &'static str,
    },
    /// Stored values are still sealed under the version.
    #[error("{count} stored values are sealed under version {version} of the key `{key}`")]
    KeyInUse {
        /// Name of the key.
        key: String,
        /// Its version.
        version: u32,
        /// How many.
        count: u64,
    },
    /// A record this needs failed verification and is kept aside.
    #[error("`{target}` is quarantined: {finding}")]
    Quarantined {
        /// What was asked for.
        target: String,
        /// The finding.
        finding: &'static str,
    },
    /// A record this needs was written by a newer release.
    #[error("`{target}` was written by a newer release")]
    WrittenByNewer {
        /// What was asked for.
        target: String,
    },
    /// A value does not open; nothing more is said.
    #[error("the value does not open")]
    DoesNotOpen,
    /// Facts changed under the rule more often than it was repeated.
    #[error("too many changes at once on `{target}`; try again")]
    Contention {
        /// What was asked for.
        target: String,
    },
}
