//! The closed list of errors: code, status, exit code, whether to try again, and how to mend it, in one table.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::operation::Example;

/// Declares the codes once, with everything that depends on them.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, exit $exit:literal, retry $retry:literal, $fix:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Its word on the wire.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
            /// The HTTP status it is answered with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
            /// What the command line exits with.
            #[must_use]
            pub const fn exit_code(self) -> u8 {
                match self { $(Self::$variant => $exit,)* }
            }
            /// Whether the same request may succeed later without anything being mended.
            #[must_use]
            pub const fn retry(self) -> bool {
                match self { $(Self::$variant => $retry,)* }
            }
            /// How to mend it, when nothing more exact is known.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }
        }
    };
}

codes! {
    /// The body is not the JSON this operation takes.
    Malformed = "malformed", 400, exit 2, retry false,
        "send a JSON object with the fields of this operation; the reference lists them";
    /// An argument is not acceptable.
    Invalid = "invalid", 400, exit 2, retry false,
        "change the named argument as the message says";
    /// The password is too weak.
    PasswordTooWeak = "password_too_weak", 400, exit 2, retry false,
        "take at least 14 characters, or at least 4 words";
    /// No token, or one that is not valid.
    Unauthenticated = "unauthenticated", 401, exit 4, retry false,
        "send a valid token as `Authorization: Bearer …`; an administrator issues one with `strongroom token issue`";
    /// Policy does not allow it.
    Denied = "denied", 403, exit 4, retry false,
        "ask an administrator for a token whose role includes this operation";
    /// The account or the host is another one than when the credential was bound.
    AccountChanged = "account_changed", 403, exit 4, retry false,
        "when the account of today shall have it, an administrator binds it anew with `strongroom credential rebind`";
    /// The client certificate is the right one, and has expired or is not valid yet.
    CertificateNotValid = "certificate_not_valid", 403, exit 4, retry false,
        "renew the certificate with the same key, which keeps its pin; for another key an administrator binds the credential anew with `strongroom credential rebind`";
    /// The password, or what else a person gave, does not open the protector.
    ProtectorDoesNotOpen = "protector_does_not_open", 403, exit 4, retry false,
        "check the password; it is taken byte for byte, a final newline included";
    /// Nothing there, or nothing the caller may know of.
    NotFound = "not_found", 404, exit 3, retry false,
        "check the name or id; `strongroom secret list` shows what is there";
    /// No protector with this id or kind, or several of the kind.
    ProtectorNotFound = "protector_not_found", 404, exit 3, retry false,
        "`strongroom protector list` shows what is there; give the id when there are several of a kind";
    /// There is no operation at this path.
    UnknownOperation = "unknown_operation", 404, exit 2, retry false,
        "operations are at POST /api/v1/<word with / for .>, such as /api/v1/secret/get; the reference lists them";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, exit 2, retry false,
        "use POST for operations, GET for /health and /metrics";
    /// The body did not arrive in time.
    BodyTimeout = "body_timeout", 408, exit 6, retry true,
        "send the whole body without pauses";
    /// The name is taken.
    NameTaken = "name_taken", 409, exit 5, retry false,
        "choose another name, or change what has this one";
    /// Another version or revision is there than was expected.
    VersionConflict = "version_conflict", 409, exit 5, retry false,
        "read it again and decide anew";
    /// The version's state does not let it do this.
    KeyNotUsable = "key_not_usable", 409, exit 5, retry false,
        "`strongroom key show` shows the states of its versions; a suspended one can be resumed";
    /// The version waits for its end.
    KeyAwaitsDestruction = "key_awaits_destruction", 409, exit 5, retry false,
        "`strongroom key undestroy` takes its end back";
    /// No version of the key is active.
    NoActiveVersion = "no_active_version", 409, exit 5, retry false,
        "`strongroom key rotate` makes a new version, active at once";
    /// A key is asked for what it is not for.
    WrongPurpose = "wrong_purpose", 409, exit 5, retry false,
        "take a key of the right purpose; `strongroom key show` tells what a key is for";
    /// There is no way from the version's state to the one asked for.
    NoTransition = "no_transition", 409, exit 5, retry false,
        "`strongroom key show` shows the states of its versions; the guide to keys lists the ways between them";
    /// Stored values are still sealed under the version.
    KeyInUse = "key_in_use", 409, exit 5, retry false,
        "`strongroom key rotate` seals them again under a new version; `strongroom job list` shows how far that is";
    /// The version has been used as often as the key's limit allows.
    UsageLimitReached = "usage_limit_reached", 409, exit 5, retry false,
        "rotate the key: `strongroom key rotate` makes a new version, whose uses are counted anew; what is sealed still opens";
    /// The transaction is not in a state in which this can be done.
    TransactionState = "transaction_state", 409, exit 5, retry false,
        "`strongroom tx show` tells where it is; a committed or rolled back transaction does not change any more";
    /// The account is enrolled with another key.
    OtherKeyEnrolled = "other_key_enrolled", 409, exit 5, retry false,
        "name the file of that key with `strongroom credential enroll --old-key-file`; when it is lost, an administrator forgets it with `strongroom credential rebind`";
    /// Too many changes at once on the same thing.
    Contention = "contention", 409, exit 5, retry true,
        "try again";
    /// A retry whose first reply held a secret.
    ReplyNotKept = "reply_not_kept", 409, exit 5, retry false,
        "the first request was done; read what it made, or revoke it and ask again with a new idempotency key";
    /// A protector of this kind exists.
    ProtectorExists = "protector_exists", 409, exit 5, retry false,
        "use `strongroom protector replace`, or drop the other one first";
    /// It is the last protector that is proven to open.
    LastProvenProtector = "last_proven_protector", 409, exit 5, retry false,
        "add another protector, or prove another one, first";
    /// It is the last protector that opens without a person.
    LastUnattendedProtector = "last_unattended_protector", 409, exit 5, retry false,
        "say --attended-start if a person shall unlock the server at every start";
    /// The secret is deleted and can be undeleted.
    Deleted = "deleted", 410, exit 3, retry false,
        "`strongroom secret undelete` brings it back";
    /// More than a limit allows.
    TooLarge = "too_large", 413, exit 2, retry false,
        "send less; the limits are in the reference";
    /// The body is compressed or otherwise encoded.
    UnsupportedEncoding = "unsupported_encoding", 415, exit 2, retry false,
        "send the body as it is, without Content-Encoding";
    /// The idempotency key was used for another request.
    IdempotencyKeyReused = "idempotency_key_reused", 422, exit 5, retry false,
        "take a new idempotency key for each new request";
    /// A value does not open; nothing more is said.
    DoesNotOpen = "does_not_open", 422, exit 7, retry false,
        "give the key and the context it was sealed with; what the server stores itself is restored from a backup";
    /// Too many failed tries from this address.
    TooManyAttempts = "too_many_attempts", 429, exit 4, retry true,
        "wait 15 minutes, and use a valid token";
    /// A record this needs failed verification and is kept aside.
    Quarantined = "quarantined", 500, exit 7, retry false,
        "`strongroom quarantine list` shows the finding and what can be done";
    /// The store could not be read.
    StorageFailed = "storage_failed", 500, exit 1, retry false,
        "look at the server's log and at the disk that holds its data";
    /// What a protector needs around it could not be made or read.
    ProtectorSurroundings = "protector_surroundings", 500, exit 1, retry false,
        "look at the message and at the server's log";
    /// Which accounts the host has, or which host it is, could not be told.
    AccountsUnknown = "accounts_unknown", 500, exit 1, retry true,
        "see that `getent passwd` answers for this account, and that the file with the machine id can be read";
    /// An archive of transactions could not be written or read back.
    ArchiveFailed = "archive_failed", 500, exit 1, retry false,
        "mend what the message names and ask again; no transaction leaves the store before its archive was read back";
    /// Something the code did not foresee.
    Internal = "internal", 500, exit 1, retry false,
        "look at the server's log for this request id, and report it";
    /// The server is locked.
    Locked = "locked", 503, exit 6, retry true,
        "`strongroom status` shows why; `strongroom unlock` when it waits for a person";
    /// The application key is not available now.
    KeyLocked = "key_locked", 503, exit 6, retry true,
        "make the protector of this key available, then `strongroom key unlock`; `strongroom doctor` says what it waits for";
    /// A record was written by a newer release.
    WrittenByNewer = "written_by_newer", 503, exit 1, retry false,
        "upgrade this server";
    /// The disk failed at commit: the change may or may not be there.
    OutcomeUnknown = "outcome_unknown", 503, exit 6, retry true,
        "restart the server, then repeat the request with the same idempotency key: it is done once";
    /// The store has stopped writing after an IO error.
    WritingStopped = "writing_stopped", 503, exit 6, retry false,
        "mend the disk and restart the server; it verifies what is there";
    /// The audit trail cannot be written.
    AuditUnavailable = "audit_unavailable", 503, exit 6, retry true,
        "make room on the volume that holds the audit trail; service returns by itself";
    /// Too much is waiting.
    Busy = "busy", 503, exit 6, retry true,
        "try again after the time in Retry-After";
    /// The server is stopping.
    Stopping = "stopping", 503, exit 6, retry true,
        "try again when it has started anew";
    /// The request took too long; a change may or may not be there.
    TimedOut = "timed_out", 504, exit 6, retry true,
        "repeat the request with the same idempotency key: it is done once";
    /// The data volume is full.
    StorageFull = "storage_full", 507, exit 1, retry true,
        "make room on the volume that holds the data; reads go on, changes return by themselves";
}

impl Code {
    /// The code with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.word() == word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<'_, str>::deserialize(deserializer)?;
        Self::from_word(&word).ok_or_else(|| serde::de::Error::custom("this error code is not known here"))
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }
    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = Self::ALL.iter().map(|code| code.word()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// The body of every reply that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDetail {
    /// For programs; one of a closed list.
    pub code: Code,
    /// For people: what was attempted and why it was not done.
    pub message: String,
    /// How to mend it.
    pub fix: String,
    /// Names this request in the audit trail and in the server's log.
    #[schemars(extend("format" = "uuid"))]
    pub request_id: String,
}

impl Example for ErrorBody {
    fn example() -> Self {
        Self {
            error: ErrorDetail {
                code: Code::NotFound,
                message: "there is no secret `ftp/acme`".to_owned(),
                fix: Code::NotFound.fix().to_owned(),
                request_id: "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f".to_owned(),
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_unique_and_read_back() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), *code);
        }
        assert!(serde_json::from_str::<Code>("\"other\"").is_err());
    }

    /// Exit codes of the command line: 1 failed, 2 usage, 3 not found, 4 denied, 5 conflict, 6 locked or unreachable, 7 integrity.
    #[test]
    fn statuses_and_exit_codes_agree() {
        for code in Code::ALL {
            let expected: &[u8] = match code.status() {
                400 | 405 | 413 | 415 => &[2],
                401 | 403 | 429 => &[4],
                404 => &[2, 3],
                408 | 504 => &[6],
                409 => &[5],
                410 => &[3],
                422 => &[5, 7],
                500 => &[1, 7],
                503 => &[1, 6],
                507 => &[1],
                other => panic!("{code} has the status {other}"),
            };
            assert!(expected.contains(&code.exit_code()), "{code}");
            assert!(!code.fix().is_empty() && !code.fix().ends_with('.'), "{code}");
        }
    }
}
