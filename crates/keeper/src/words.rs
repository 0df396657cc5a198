//! The word of each failure, as audit lines and replies carry it.

use strongroom_engine::rule::Refusal;

use crate::facade::{Failure, ProtectorFault};

/// The word of a failure; the same in audit, replies and metrics.
pub fn failure_word(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused(refusal) => refusal_word(refusal),
        Failure::Locked { .. } => "locked",
        Failure::RetryMismatch => "idempotency_key_reused",
        Failure::ReplyNotKept => "reply_not_kept",
        Failure::OutcomeUnknown { .. } => "outcome_unknown",
        Failure::WritingStopped => "writing_stopped",
        Failure::StorageFull => "storage_full",
        Failure::StorageFailed => "storage_failed",
        Failure::AuditUnavailable => "audit_unavailable",
        Failure::Busy => "busy",
        Failure::Stopping => "stopping",
        Failure::Protector { code, .. } => protector_word(*code),
        Failure::Internal { .. } => "internal",
    }
}

/// The word of a refusal.
pub fn refusal_word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotFound { .. } => "not_found",
        Refusal::NameTaken { .. } => "name_taken",
        Refusal::Deleted { .. } => "deleted",
        Refusal::VersionConflict { .. } | Refusal::RevisionConflict { .. } => "version_conflict",
        Refusal::Denied { .. } => "denied",
        Refusal::Invalid { .. } => "invalid",
        Refusal::TooLarge { .. } => "too_large",
        Refusal::KeyLocked { .. } | Refusal::ProtectorNotOpen { .. } => "key_locked",
        Refusal::KeyNotUsable { .. } => "key_not_usable",
        Refusal::AwaitsDestruction { .. } => "key_awaits_destruction",
        Refusal::NoActiveVersion { .. } => "no_active_version",
        Refusal::WrongPurpose { .. } | Refusal::WrongAlgorithm { .. } => "wrong_purpose",
        Refusal::NoTransition { .. } => "no_transition",
        Refusal::KeyInUse { .. } => "key_in_use",
        Refusal::TransactionState { .. } => "transaction_state",
        Refusal::UsageLimitReached { .. } => "usage_limit_reached",
        Refusal::AccountChanged { .. } => "account_changed",
        Refusal::CertificateNotValid { .. } => "certificate_not_valid",
        Refusal::OtherKeyEnrolled { .. } => "other_key_enrolled",
        Refusal::Quarantined { .. } => "quarantined",
        Refusal::WrittenByNewer { .. } => "written_by_newer",
        Refusal::DoesNotOpen => "does_not_open",
        Refusal::Contention { .. } => "contention",
    }
}

fn protector_word(fault: ProtectorFault) -> &'static str {
    match fault {
        ProtectorFault::NotFound => "protector_not_found",
        ProtectorFault::Exists => "protector_exists",
        ProtectorFault::Weak => "password_too_weak",
        ProtectorFault::DoesNotOpen => "protector_does_not_open",
        ProtectorFault::LastProven => "last_proven_protector",
        ProtectorFault::LastUnattended => "last_unattended_protector",
        ProtectorFault::Surroundings => "protector_surroundings",
    }
}
