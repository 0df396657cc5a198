//! Who may do what: one function, deny by default, built-in roles.

use std::fmt;

use strongroom_envelope::{Id, Pin, Timestamp};

/// Declares the actions once: the variant, its word, and what it needs.
macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $reach:ident;)*) => {
        /// The operations of the product. The word is the same in policy, audit, HTTP and on the command line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Its word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
            const fn reach(self) -> Reach {
                match self { $(Self::$variant => Reach::$reach,)* }
            }
        }
    };
}

/// What kind of principal an action is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Reading secrets: admin, data and read.
    Read,
    /// Changing secrets: admin and data.
    Write,
    /// Using keys: admin and data.
    Use,
    /// Opening column encryption keys: admin, data and columns.
    Unwrap,
    /// Administration: admin.
    Administer,
    /// Root key and protectors: admin, and only over the local socket until roles with two persons exist.
    Local,
    /// The state of the service, without names: every role.
    Observe,
    /// What belongs to one account: that account, whatever its role, and nobody else whatever theirs.
    Own,
}

actions! {
    /// Create a secret or a new version of one.
    SecretPut = "secret.put", Write;
    /// Read a secret's value.
    SecretGet = "secret.get", Read;
    /// Read a secret's metadata.
    SecretShow = "secret.show", Read;
    /// List secrets by prefix.
    SecretList = "secret.list", Read;
    /// Give a secret another name.
    SecretRename = "secret.rename", Write;
    /// Delete a secret, for a time.
    SecretDelete = "secret.delete", Write;
    /// Take a deletion back.
    SecretUndelete = "secret.undelete", Write;
    /// Destroy a secret, or one version of it, for good.
    SecretDestroy = "secret.destroy", Administer;
    /// Take secrets over from another system.
    SecretImport = "secret.import", Administer;
    /// Make a key.
    KeyCreate = "key.create", Administer;
    /// Read a key's metadata.
    KeyShow = "key.show", Use;
    /// List keys by prefix.
    KeyList = "key.list", Use;
    /// Make a new version of a key.
    KeyRotate = "key.rotate", Administer;
    /// Seal what is stored again under a key's active version; the server's jobs do it.
    KeyReencrypt = "key.reencrypt", Administer;
    /// Seal a value.
    KeyEncrypt = "key.encrypt", Use;
    /// Open a value.
    KeyDecrypt = "key.decrypt", Use;
    /// Open what a compromised key version sealed.
    KeyDecryptCompromised = "key.decrypt.compromised", Administer;
    /// Make a data key.
    KeyDatakey = "key.datakey", Use;
    /// Seal a value again under the active version.
    KeyRewrap = "key.rewrap", Use;
    /// Draw random bytes.
    KeyRandom = "key.random", Observe;
    /// Make a message authentication code.
    KeyMac = "key.mac", Use;
    /// Sign a message.
    KeySign = "key.sign", Use;
    /// Check a message authentication code or a signature.
    KeyVerify = "key.verify", Use;
    /// Activate, deactivate, suspend or resume a key version, or declare it compromised.
    KeyState = "key.state", Administer;
    /// Limit how often each version of a key may protect something.
    KeyLimit = "key.limit", Administer;
    /// Destroy a key version, after a time.
    KeyDestroy = "key.destroy", Administer;
    /// Take the end of a key version back.
    KeyUndestroy = "key.undestroy", Administer;
    /// Read the public key under which keys are wrapped that shall be imported.
    KeyWrapping = "key.wrapping", Administer;
    /// Take over a key that the user brings.
    KeyImport = "key.import", Administer;
    /// Choose the protector of a key.
    KeyProtect = "key.protect", Local;
    /// Open the protector of a key.
    KeyUnlock = "key.unlock", Local;
    /// Change the password of a key.
    KeyChangePassword = "key.change_password", Local;
    /// Make a column encryption key.
    ColumnKey = "column.key", Administer;
    /// Open a column encryption key.
    ColumnUnwrap = "column.unwrap", Unwrap;
    /// Wrap a column encryption key again.
    ColumnRewrap = "column.rewrap", Administer;
    /// Sign the metadata of a master key of columns.
    ColumnSign = "column.sign", Administer;
    /// Record a request, and begin its transaction.
    TxBegin = "tx.begin", Write;
    /// Record a step of a transaction.
    TxStep = "tx.step", Write;
    /// Record the state after a step that has none.
    TxState = "tx.state", Write;
    /// Commit a transaction.
    TxCommit = "tx.commit", Write;
    /// Roll a transaction back.
    TxRollback = "tx.rollback", Write;
    /// Confirm that a step is undone.
    TxUndone = "tx.undone", Write;
    /// Read what is known about a transaction.
    TxShow = "tx.show", Use;
    /// Read a transaction with its data.
    TxGet = "tx.get", Write;
    /// List transactions.
    TxList = "tx.list", Use;
    /// Move closed transactions to an archive.
    TxArchive = "tx.archive", Administer;
    /// Store a setting.
    SettingSet = "setting.set", Write;
    /// Read a setting's value.
    SettingGet = "setting.get", Read;
    /// List settings by prefix, without their values.
    SettingList = "setting.list", Read;
    /// Delete a setting.
    SettingDelete = "setting.delete", Write;
    /// Read settings with their values, by prefix.
    SettingExport = "setting.export", Administer;
    /// Take settings over from a file.
    SettingImport = "setting.import", Administer;
    /// Store a component's credential for the account it runs under.
    CredentialSet = "credential.set", Administer;
    /// Read a credential's value.
    CredentialGet = "credential.get", Own;
    /// Have a credential sealed to a key that its account keeps.
    CredentialEnroll = "credential.enroll", Own;
    /// Read a credential's metadata.
    CredentialShow = "credential.show", Administer;
    /// List credentials by prefix, without their values.
    CredentialList = "credential.list", Administer;
    /// Bind a credential to an account as it is today.
    CredentialRebind = "credential.rebind", Administer;
    /// Delete a credential.
    CredentialDelete = "credential.delete", Administer;
    /// List jobs.
    JobList = "job.list", Administer;
    /// Read how far a job is.
    JobShow = "job.show", Administer;
    /// Stop a job for now.
    JobPause = "job.pause", Administer;
    /// Let a job go on.
    JobResume = "job.resume", Administer;
    /// Issue a token.
    TokenIssue = "token.issue", Administer;
    /// List tokens.
    TokenList = "token.list", Administer;
    /// Revoke a token.
    TokenRevoke = "token.revoke", Administer;
    /// List the root key's protectors.
    ProtectorList = "protector.list", Administer;
    /// Add a protector.
    ProtectorAdd = "protector.add", Local;
    /// Drop a protector.
    ProtectorDrop = "protector.drop", Local;
    /// Prove that a protector opens.
    ProtectorProve = "protector.prove", Local;
    /// Replace a broken or tampered protector.
    ProtectorReplace = "protector.replace", Local;
    /// Unlock the server.
    Unlock = "unlock", Local;
    /// Lock the server.
    Lock = "lock", Local;
    /// The state of the server.
    Status = "status", Observe;
    /// What is wrong and how to mend it.
    Doctor = "doctor", Administer;
    /// Tell what is encrypted and what is not.
    Coverage = "coverage", Administer;
    /// List quarantined records.
    QuarantineList = "quarantine.list", Administer;
    /// Check a quarantined record again, accept its older generation, or delete it.
    QuarantineRelease = "quarantine.release", Local;
    /// Verify every record now.
    StoreVerify = "store.verify", Administer;
    /// Remove old bytes from the store's files.
    StoreScrub = "store.scrub", Administer;
    /// Read the audit trail.
    AuditSearch = "audit.search", Administer;
    /// Accept that the program has changed.
    UpgradeAccept = "upgrade.accept", Local;
}

impl Action {
    /// The action with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.word() == word)
    }

    /// Whether it is for those alone to whom a thing belongs: a client certificate says who somebody is for nothing else.
    #[must_use]
    pub fn is_for_owners(self) -> bool {
        self.reach() == Reach::Own
    }
}

/// A built-in role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything; what touches the root key only over the local socket.
    Admin,
    /// Reads and changes secrets.
    Data,
    /// Reads secrets.
    Read,
    /// Opens column encryption keys, and nothing else: what a proxy needs.
    Columns,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Data, Self::Read, Self::Columns];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Data => "data",
            Self::Read => "read",
            Self::Columns => "columns",
        }
    }

    /// The role with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A local account, told by the kernel.
    Peer {
        /// Its uid.
        uid: u32,
    },
    /// The holder of a token.
    Token {
        /// The token's id.
        id: Id,
    },
    /// Whoever has the private key of a client certificate.
    Certificate(Certificate),
    /// Somebody who was not recognised: no token, or none that is valid.
    Anonymous,
    /// The server itself.
    System,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer { uid } => write!(formatter, "uid:{uid}"),
            Self::Token { id } => write!(formatter, "token:{id}"),
            Self::Certificate(certificate) => write!(formatter, "certificate:{}", certificate.pin),
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::System => formatter.write_str("system"),
        }
    }
}

/// A client certificate, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// What it is recognised by.
    pub pin: Pin,
    /// The first moment at which it is valid.
    pub not_before: Timestamp,
    /// The last second in which it is valid.
    pub not_after: Timestamp,
}

/// How the request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The Unix socket in the data directory.
    Local,
    /// TLS over TCP.
    Network,
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Who.
    pub identity: Identity,
    /// With which role; `None` may do nothing.
    pub role: Option<Role>,
    /// Through which door.
    pub channel: Channel,
}

impl Principal {
    /// The server acting by itself.
    pub const fn system() -> Self {
        Self { identity: Identity::System, role: Some(Role::Admin), channel: Channel::Local }
    }
}

/// What an action is about, in its canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// A named thing, or a prefix for a list.
    Name(&'a str),
    /// A thing without a name.
    Id(Id),
    /// A named thing that belongs to an account; nobody's when there is no such thing.
    Owned {
        /// Its name.
        name: &'a str,
        /// The uid of the local account that it belongs to.
        uid: Option<u32>,
        /// The pins of the client certificates that it belongs to.
        certificates: &'a [Pin],
    },
    /// The server as a whole.
    System,
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) | Self::Owned { name, .. } => formatter.write_str(name),
            Self::Id(id) => id.fmt(formatter),
            Self::System => Ok(()),
        }
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Do it.
    Allow,
    /// Do not; the reason names role and action only.
    Deny(String),
}

/// Judges one request. The only place where access is decided.
pub fn decide(principal: &Principal, action: Action, object: Object<'_>) -> Decision {
    if action.reach() == Reach::Own {
        return own(principal, action, object);
    }
    let Some(role) = principal.role else {
        return Decision::Deny(format!("{} has no role", principal.identity));
    };
    let allowed = match action.reach() {
        Reach::Observe => true,
        Reach::Read => role != Role::Columns,
        Reach::Unwrap => role != Role::Read,
        Reach::Write | Reach::Use => matches!(role, Role::Admin | Role::Data),
        Reach::Administer => role == Role::Admin,
        Reach::Local => role == Role::Admin && principal.channel == Channel::Local,
        // Judged above, by the account alone.
        Reach::Own => false,
    };
    match (allowed, action.reach(), role) {
        (true, ..) => Decision::Allow,
        (false, Reach::Local, Role::Admin) => {
            Decision::Deny(format!("{} is possible only over the local socket", action.word()))
        }
        (false, ..) => Decision::Deny(format!("the role `{}` does not include {}", role.word(), action.word())),
    }
}

/// Only the account itself, as the kernel or a client certificate tells it: no role, no token and not the server either. The
/// reason is the same whether the thing is another account's or is not there at all.
fn own(principal: &Principal, action: Action, object: Object<'_>) -> Decision {
    let Object::Owned { name: _, uid: owner, certificates } = object else { return not_own(action) };
    match (&principal.identity, principal.channel) {
        (Identity::Peer { uid }, Channel::Local) if owner == Some(*uid) => Decision::Allow,
        (Identity::Certificate(shown), Channel::Network) if certificates.contains(&shown.pin) => Decision::Allow,
        _ => not_own(action),
    }
}

fn not_own(action: Action) -> Decision {
    Decision::Deny(format!("{} is only for the account that a credential belongs to", action.word()))
}
