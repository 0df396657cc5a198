//! The words between the keeper and those who call it: callers, failures, views.

use strongroom_engine::policy::Principal;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::{Id, Timestamp};

/// Who calls, for policy and audit.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Authenticated principal.
    pub principal: Principal,
    /// `unix`, or address and port.
    pub remote: String,
    /// Names this request in replies and in the trail.
    pub request_id: Id,
    /// What makes a retry of a change safe.
    pub retry: Option<RetryKey>,
}

/// An idempotency key as the shell received it; the keeper makes commit id and request digest of it.
#[derive(Debug, Clone)]
pub struct RetryKey {
    /// The text of the `Idempotency-Key` header, 1 to 128 printable ASCII characters.
    pub key: String,
    /// SHA-256 of the request's body, so that the same key with another request is noticed.
    pub body_sha256: [u8; 32],
}

/// Why a call was not answered. The shell turns each into one status; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The rule refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store is locked.
    #[error("the server is locked: {reason}")]
    Locked {
        /// `attended` (waits for `unlock`), or the verdict that keeps it locked (`rolled_back`, `forked`, …).
        reason: LockReason,
    },
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request")]
    RetryMismatch,
    /// The first request with this key was done, but its reply held a secret and was not kept.
    #[error("the request with this idempotency key was done; its reply is not kept")]
    ReplyNotKept,
    /// The disk failed at commit: the change may or may not be there.
    #[error("the outcome of commit {commit_id} is unknown")]
    OutcomeUnknown {
        /// Retry with this as idempotency key after the server is back.
        commit_id: Id,
    },
    /// The store has stopped writing after a failed commit; restart it.
    #[error("the store has stopped writing after an IO error")]
    WritingStopped,
    /// The data volume is full.
    #[error("the data volume is full")]
    StorageFull,
    /// The store could not be read.
    #[error("the store could not be read")]
    StorageFailed,
    /// The audit trail cannot be written.
    #[error("the audit trail cannot be written")]
    AuditUnavailable,
    /// Too much is waiting.
    #[error("too many requests are waiting")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// A protector operation failed.
    #[error("{what}")]
    Protector {
        /// One of a closed list, for the status and the fix.
        code: ProtectorFault,
        /// What was attempted and why it failed; no secret.
        what: String,
        /// How to mend it.
        fix: String,
    },
    /// Something the code did not foresee; details are in the server's log.
    #[error("an internal error, see the server's log for request {request_id}")]
    Internal {
        /// The request.
        request_id: Id,
    },
}

/// Why protector operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectorFault {
    /// No protector with this id or kind, or several of the kind.
    NotFound,
    /// One of this kind exists already.
    Exists,
    /// The password is too weak.
    Weak,
    /// The password, or what else a person gave, does not open it.
    DoesNotOpen,
    /// It is the last one that is proven to open.
    LastProven,
    /// It is the last one that opens without a person.
    LastUnattended,
    /// Its secret file could not be made or read.
    Surroundings,
}

/// Why the server is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockReason {
    /// No protector opened without a person; `unlock` with the password.
    Attended,
    /// An administrator locked it.
    Administrator,
    /// The verdicts of docs/spec/anchor.md and log.md.
    RolledBack,
    /// Same epoch, other history.
    Forked,
    /// Neither anchor nor trail is there.
    NoAnchor,
    /// The anchor remembers an instance that is not in the directory.
    InstanceMissing,
    /// The anchor is of another instance.
    ForeignAnchor,
    /// The commit log or the snapshot does not hold together.
    BrokenChain,
    /// What the protectors yield is not the root key of this instance, or they yield different ones.
    ForeignRoot,
    /// No protector opens and none that needs a person exists.
    NoProtectorOpens,
}

impl LockReason {
    /// Its word in status, health and audit.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Attended => "attended",
            Self::Administrator => "administrator",
            Self::RolledBack => "rolled_back",
            Self::Forked => "forked",
            Self::NoAnchor => "no_anchor",
            Self::InstanceMissing => "instance_missing",
            Self::ForeignAnchor => "foreign_anchor",
            Self::BrokenChain => "broken_chain",
            Self::ForeignRoot => "foreign_root",
            Self::NoProtectorOpens => "no_protector_opens",
        }
    }
}

impl std::fmt::Display for LockReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.word())
    }
}

/// The state of the server, without names.
#[derive(Debug, Clone)]
pub struct Status {
    /// Why it is locked, or `None`.
    pub locked: Option<LockReason>,
    /// The store id.
    pub store_id: Id,
    /// The incarnation, when unlocked.
    pub incarnation: Option<Id>,
    /// Names the root key, when unlocked; for the configuration to vouch for.
    pub root_id: Option<[u8; 16]>,
    /// Records in the index.
    pub records: u64,
    /// Secrets by name.
    pub secrets: u64,
    /// The newest epoch.
    pub epoch: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Values that have no layer of an application key.
    pub unprotected: u64,
    /// When the oldest of them was brought, if that is so long ago that no more are taken.
    pub unprotected_overdue: Option<Timestamp>,
    /// Keys whose active version is used up by nine tenths of its limit, or more.
    pub keys_near_limit: u64,
    /// Records of transactions that are in clear because their request is not marked as sensitive.
    pub transactions_clear: u64,
    /// Transactions that are neither committed nor rolled back.
    pub transactions_unfinished: u64,
    /// Whether changes are accepted now.
    pub writable: bool,
    /// Whether the audit trail can be written now.
    pub auditing: bool,
    /// Copies a change is on before it is acknowledged.
    pub copies: u32,
    /// What an operator should know, by word: `no_offline_protector`, `fallback_used`, `anchor_missing`, `program_changed` …
    pub alarms: Vec<Alarm>,
    /// When this server was unlocked.
    pub unlocked_at: Option<Timestamp>,
}

/// Something an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// A stable word.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

/// The state of one protector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectorState {
    /// It opened since this process started, or when it was added.
    Proven,
    /// It was not tried since this process started (it needs a person).
    Unproven,
    /// Its record is authentic and it does not open.
    Broken,
    /// Its record is not what the catalogue expects.
    Tampered,
}

impl ProtectorState {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Unproven => "unproven",
            Self::Broken => "broken",
            Self::Tampered => "tampered",
        }
    }
}

/// One row of `protector list`.
#[derive(Debug, Clone)]
pub struct ProtectorView {
    /// Its id.
    pub id: Id,
    /// `account`, `machine`, `password`, `shares`, `rsa`, `pkcs11`, `plugin`.
    pub kind: String,
    /// Whether it needs a person.
    pub attended: bool,
    /// What it is bound to.
    pub bound_to: Vec<(String, String)>,
    /// SHA-256 of the wrapped root key.
    pub thumbprint: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last opened.
    pub last_proven_at: Option<Timestamp>,
    /// Its state.
    pub state: ProtectorState,
    /// Why it does not open, when it does not.
    pub reason: Option<String>,
    /// The wrapped root key; only for the security administrator.
    pub wrapped: Option<Vec<u8>>,
}

/// What to add.
pub enum ProtectorSpec {
    /// For the account that runs the server.
    Account,
    /// For this host.
    Machine,
    /// For a person who knows this.
    Password(strongroom_secret::Passphrase),
    /// For several persons.
    Shares {
        /// How many shares open it.
        threshold: u8,
        /// How many are made.
        count: u8,
    },
    /// For a certificate and its private key, by the name of their section in the configuration.
    Rsa(String),
    /// For a key on a token.
    Pkcs11 {
        /// The name of the module's section in the configuration.
        name: String,
        /// The token's label.
        token: String,
        /// The key's label.
        label: String,
    },
    /// For a program, by the name of its section in the configuration.
    Plugin(String),
}

/// A protector that was made.
#[derive(Debug)]
pub struct ProtectorMade {
    /// Its row of `protector list`.
    pub view: ProtectorView,
    /// The shares that open it, this once; of other kinds none.
    pub shares: Vec<strongroom_secret::SecretBytes>,
}

/// What wraps the versions of an application key.
pub enum KeyProtector {
    /// The keyring's wrap key.
    Root,
    /// A certificate and its private key, by the name of their section in the configuration.
    Rsa(String),
    /// A key on a token.
    Pkcs11 {
        /// The name of the module's section in the configuration.
        name: String,
        /// The token's label.
        token: String,
        /// The key's label.
        label: String,
    },
    /// A program, by the name of its section in the configuration.
    Plugin(String),
    /// A person who knows this.
    Password {
        /// What that person knows.
        passphrase: strongroom_secret::Passphrase,
        /// Whether the root's wrap key opens it, too, so that it is ready at a start without that person.
        recovery: bool,
    },
    /// Several persons.
    Shares {
        /// How many shares open it.
        threshold: u8,
        /// How many are made.
        count: u8,
    },
}

/// Something that the server keeps, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// What it is.
    pub what: String,
    /// How it is kept.
    pub kept: Kept,
    /// How many there are, where that can be said.
    pub items: Option<u64>,
    /// How many of them are in clear.
    pub clear: u64,
    /// The key it is encrypted under.
    pub key: String,
    /// The algorithm.
    pub algorithm: &'static str,
    /// What is to know: of what is in clear, why.
    pub why: String,
    /// Whether nothing is in clear that should not be.
    pub as_it_should_be: bool,
}

/// How something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it encrypted.
    Encrypted,
    /// Some of it.
    Partly,
    /// None of it.
    Clear,
}

impl Kept {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Partly => "partly",
            Self::Clear => "clear",
        }
    }
}

/// One quarantined record.
#[derive(Debug, Clone)]
pub struct QuarantineView {
    /// Kind and id of the record, `kind/uuid`.
    pub record: String,
    /// Its name, when it is known.
    pub name: Option<String>,
    /// `missing`, `extra`, `older`, `unreadable`, `foreign`.
    pub finding: &'static str,
    /// When it was found.
    pub found_at: Timestamp,
}

/// What to do with a quarantined record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Check it again; serve it if it is right now.
    Recheck,
    /// Accept its authentic older generation by sealing it anew.
    AcceptOlder,
    /// Give it up: remove what is there and what the index expects.
    Delete,
}

/// What a verification of every record found.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    /// Records checked.
    pub records: u64,
    /// Findings, also of earlier.
    pub findings: Vec<QuarantineView>,
    /// How long it took, milliseconds.
    pub milliseconds: u64,
}
