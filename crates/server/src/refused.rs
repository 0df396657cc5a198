//! From what the keeper and the rules refuse to what a caller is told: the one place where codes are chosen.

use std::borrow::Cow;

use strongroom_api::Code;
use strongroom_engine::rule::Refusal;
use strongroom_keeper::facade::{Failure, ProtectorFault};

/// What a caller is told.
#[derive(Debug)]
pub(crate) struct Refused {
    /// For programs.
    pub code: Code,
    /// For people; holds nothing of a value.
    pub message: Cow<'static, str>,
    /// How to mend it, when more exact than the code's own.
    pub fix: Option<String>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
}

impl Refused {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let retry_after = matches!(code, Code::Busy).then_some(1);
        Self { code, message: message.into(), fix: None, retry_after }
    }

    pub fn fix(&self) -> &str {
        self.fix.as_deref().unwrap_or(self.code.fix())
    }
}

/// Why an operation was not done, and whether the trail knows of it.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The request could not become an operation; nobody has recorded it yet.
    Request(Refusal),
    /// The keeper has refused it, and recorded that.
    Keeper(Failure),
    /// The server itself could not do its part; nobody has recorded it yet.
    Shell(Refused),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Request(refusal)
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self::Keeper(failure)
    }
}

impl From<&Failure> for Refused {
    fn from(failure: &Failure) -> Self {
        let (code, fix) = match failure {
            Failure::Refused(refusal) => return Self::from(refusal),
            Failure::Protector { code, what: _, fix } => (protector_code(*code), Some(fix.clone())),
            Failure::Locked { reason: _ } => (Code::Locked, None),
            Failure::RetryMismatch => (Code::IdempotencyKeyReused, None),
            Failure::ReplyNotKept => (Code::ReplyNotKept, None),
            Failure::OutcomeUnknown { commit_id: _ } => (Code::OutcomeUnknown, None),
            Failure::WritingStopped => (Code::WritingStopped, None),
            Failure::StorageFull => (Code::StorageFull, None),
            Failure::StorageFailed => (Code::StorageFailed, None),
            Failure::AuditUnavailable => (Code::AuditUnavailable, None),
            Failure::Busy => (Code::Busy, None),
            Failure::Stopping => (Code::Stopping, None),
            Failure::Internal { request_id: _ } => (Code::Internal, None),
        };
        Self { fix, ..Self::new(code, failure.to_string()) }
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let fix = match refusal {
            Refusal::NotFound { what: "key", .. } => {
                Some("check the name or id; `strongroom key list` shows what is there")
            }
            Refusal::NotFound { what: "wrapping key", .. } => {
                Some("each is used for an hour only: ask for a new one with key.wrapping, and wrap the key again")
            }
            Refusal::NotFound { what: "transaction", .. } => {
                Some("check the id; `strongroom tx list` shows what is there")
            }
            Refusal::NotFound { what: "setting", .. } => {
                Some("check the name or id; `strongroom setting list` shows what is there")
            }
            Refusal::NotFound { what: "credential", .. } => {
                Some("check the name or id; `strongroom credential list` shows what is there")
            }
            Refusal::NotFound { what: "job", .. } => Some("check the id; `strongroom job list` shows what is there"),
            _ => None,
        };
        Self { fix: fix.map(str::to_owned), ..Self::new(refusal_code(refusal), refusal.to_string()) }
    }
}

/// The code of a rule's refusal.
pub(crate) const fn refusal_code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::NotFound { what: _, target: _ } => Code::NotFound,
        Refusal::NameTaken { name: _ } => Code::NameTaken,
        Refusal::Deleted { target: _ } => Code::Deleted,
        Refusal::VersionConflict { expected: _, found: _ } | Refusal::RevisionConflict { expected: _, found: _ } => {
            Code::VersionConflict
        }
        Refusal::Denied { reason: _ } => Code::Denied,
        Refusal::Invalid { field: _, reason: _ } => Code::Invalid,
        Refusal::TooLarge { what: _, actual: _, limit: _ } => Code::TooLarge,
        Refusal::KeyLocked { key: _ } | Refusal::ProtectorNotOpen { key: _ } => Code::KeyLocked,
        Refusal::KeyNotUsable { key: _, version: _, state: _ } => Code::KeyNotUsable,
        Refusal::AwaitsDestruction { key: _, version: _ } => Code::KeyAwaitsDestruction,
        Refusal::NoActiveVersion { key: _ } => Code::NoActiveVersion,
        Refusal::WrongPurpose { key: _, purpose: _ } => Code::WrongPurpose,
        Refusal::WrongAlgorithm { algorithm: _, purpose: _ } => Code::WrongPurpose,
        Refusal::NoTransition { key: _, version: _, state: _, wanted: _ } => Code::NoTransition,
        Refusal::KeyInUse { key: _, version: _, count: _ } => Code::KeyInUse,
        Refusal::TransactionState { id: _, state: _, wanted: _ } => Code::TransactionState,
        Refusal::UsageLimitReached { key: _, version: _, limit: _ } => Code::UsageLimitReached,
        Refusal::AccountChanged { name: _, change: _ } => Code::AccountChanged,
        Refusal::CertificateNotValid { wrong: _ } => Code::CertificateNotValid,
        Refusal::OtherKeyEnrolled { name: _ } => Code::OtherKeyEnrolled,
        Refusal::Quarantined { target: _, finding: _ } => Code::Quarantined,
        Refusal::WrittenByNewer { target: _ } => Code::WrittenByNewer,
        Refusal::DoesNotOpen => Code::DoesNotOpen,
        Refusal::Contention { target: _ } => Code::Contention,
    }
}

const fn protector_code(fault: ProtectorFault) -> Code {
    match fault {
        ProtectorFault::NotFound => Code::ProtectorNotFound,
        ProtectorFault::Exists => Code::ProtectorExists,
        ProtectorFault::Weak => Code::PasswordTooWeak,
        ProtectorFault::DoesNotOpen => Code::ProtectorDoesNotOpen,
        ProtectorFault::LastProven => Code::LastProvenProtector,
        ProtectorFault::LastUnattended => Code::LastUnattendedProtector,
        ProtectorFault::Surroundings => Code::ProtectorSurroundings,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_engine::credential::BindingChange;
    use strongroom_envelope::Id;
    use strongroom_keeper::facade::LockReason;
    use strongroom_keeper::failure_word;

    use super::*;

    fn refusals() -> Vec<Refusal> {
        let text = || "x".to_owned();
        vec![
            Refusal::NotFound { what: "secret", target: text() },
            Refusal::NameTaken { name: text() },
            Refusal::Deleted { target: text() },
            Refusal::VersionConflict { expected: 1, found: 2 },
            Refusal::RevisionConflict { expected: 1, found: 2 },
            Refusal::Denied { reason: text() },
            Refusal::Invalid { field: "name", reason: text() },
            Refusal::TooLarge { what: "the value", actual: 2, limit: 1 },
            Refusal::KeyLocked { key: text() },
            Refusal::ProtectorNotOpen { key: text() },
            Refusal::TransactionState { id: text(), state: "committed", wanted: "be rolled back" },
            Refusal::UsageLimitReached { key: text(), version: 1, limit: 2 },
            Refusal::AccountChanged { name: text(), change: BindingChange::AccountGone },
            Refusal::CertificateNotValid { wrong: text() },
            Refusal::OtherKeyEnrolled { name: text() },
            Refusal::Quarantined { target: text(), finding: "older" },
            Refusal::WrittenByNewer { target: text() },
            Refusal::DoesNotOpen,
            Refusal::Contention { target: text() },
        ]
    }

    fn failures() -> Vec<Failure> {
        let faults = [
            ProtectorFault::NotFound,
            ProtectorFault::Exists,
            ProtectorFault::Weak,
            ProtectorFault::DoesNotOpen,
            ProtectorFault::LastProven,
            ProtectorFault::LastUnattended,
            ProtectorFault::Surroundings,
        ];
        let protector = |code| Failure::Protector { code, what: "what".to_owned(), fix: "mend it".to_owned() };
        let others = [
            Failure::Locked { reason: LockReason::Attended },
            Failure::RetryMismatch,
            Failure::ReplyNotKept,
            Failure::OutcomeUnknown { commit_id: Id::NIL },
            Failure::WritingStopped,
            Failure::StorageFull,
            Failure::StorageFailed,
            Failure::AuditUnavailable,
            Failure::Busy,
            Failure::Stopping,
            Failure::Internal { request_id: Id::NIL },
        ];
        refusals().into_iter().map(Failure::Refused).chain(faults.map(protector)).chain(others).collect()
    }

    #[test]
    fn replies_and_trail_use_the_same_word() {
        for failure in failures() {
            assert_eq!(Refused::from(&failure).code.word(), failure_word(&failure), "{failure:?}");
        }
    }

    #[test]
    fn what_the_keeper_knows_to_mend_is_passed_on() {
        for failure in failures() {
            let refused = Refused::from(&failure);
            let own = matches!(failure, Failure::Protector { .. });
            assert_eq!(refused.fix(), if own { "mend it" } else { refused.code.fix() });
            assert_eq!(refused.message, failure.to_string());
            assert_eq!(refused.retry_after.is_some(), matches!(failure, Failure::Busy));
        }
    }
}
