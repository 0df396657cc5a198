//! Why an operation was refused.

use strongroom_envelope::value::Purpose;

use crate::credential::BindingChange;
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
    /// Compare-and-set failed, of what has revisions and keeps one of them.
    #[error("revision {expected} was expected, the current revision is {found}")]
    RevisionConflict {
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
    /// The key is ready without its own protector, but a new version is wrapped by that, too.
    #[error("a new version of the key `{key}` needs its protector, which is not open")]
    ProtectorNotOpen {
        /// Name of the key.
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
    /// The version has been used as often as the key's limit allows.
    #[error("version {version} of the key `{key}` has been used as often as its usage limit of {limit} allows")]
    UsageLimitReached {
        /// Name of the key.
        key: String,
        /// Its version.
        version: u32,
        /// The limit.
        limit: u64,
    },
    /// The transaction is not in a state in which this can be done.
    #[error("the transaction {id} is {state}: it cannot {wanted}")]
    TransactionState {
        /// The transaction.
        id: String,
        /// Where it is.
        state: &'static str,
        /// What was to be done.
        wanted: &'static str,
    },
    /// The account or the host is another one than when the credential was bound.
    #[error("the credential `{name}` is not given out: {change}")]
    AccountChanged {
        /// The credential.
        name: String,
        /// What is different.
        change: BindingChange,
    },
    /// The credential belongs to whoever shows this certificate, but not on this day.
    #[error("the client certificate {wrong}")]
    CertificateNotValid {
        /// Since when, or from when on.
        wrong: String,
    },
    /// The account is enrolled with another key, and did not show that it still has that one.
    #[error("the account is enrolled for `{name}` with another key")]
    OtherKeyEnrolled {
        /// The credential.
        name: String,
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
