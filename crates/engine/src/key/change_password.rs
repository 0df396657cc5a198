//! `key.change_password`: another password opens a key from now on, and the one before does not; of all that is stored nothing
//! but the key's record changes, and a job removes its old bytes.

use std::sync::Arc;

use strongroom_envelope::Id;

use super::body::{KeyBody, PASSWORD_PROTECTOR, Protection};
use super::make::key_change;
use super::protect::wrap_anew;
use super::show::KeyView;
use super::unwrap::WrapKeyHandle;
use crate::find::{Found, existing};
use crate::job::{self, JobBody, JobKind};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Stop};

/// Wraps every version of a key under another password, and makes the job that removes the wraps of the one before from the
/// store's files: that takes the longer the larger the store is, and nobody waits for it.
pub struct ChangePassword {
    /// Which key.
    pub selector: Selector,
    /// The protection that the password of now was shown to open; what it yielded is at hand.
    pub current: Id,
    /// How the wrapping key of the new one is found again; whether there is recovery stays as it is.
    pub protection: Protection,
    /// What the new one yielded.
    pub new: Arc<WrapKeyHandle>,
}

impl Operation for ChangePassword {
    type Reply = KeyView;
    const ACTION: Action = Action::KeyChangePassword;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<KeyView>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        let stored = facts.stored(found.id)?;
        let wraps = facts.wraps(Some(found.id))?;
        let recovery = recovery_of(found.body, self.current)?;
        // It opens every version, also those that would open without it.
        if !wraps.has(self.current) {
            return Err(Refusal::KeyLocked { key: found.body.name.to_string() }.into());
        }
        let mut key = found.body.clone();
        key.protection = Some(Protection { recovery, ..self.protection.clone() });
        wrap_anew(found.id, found.body, &mut key, &wraps, Some(&self.new))?;
        key.updated_at = facts.now();
        let reply = KeyView::of(found.id, &key, stored);
        let (job, number) = (facts.new_id(), key.versions.last().map_or(0, |version| version.number));
        let body = JobBody::new(JobKind::Scrub, (found.id, key.name.clone(), number), 1, None, facts.now());
        let changes = vec![key_change(found.id, &key, NameChange::None), job::change(job, &body)];
        Ok(facts.commit_witnessed(reply, changes))
    }
}

impl ChangePassword {
    /// What a key is told whose password cannot be changed because it has none.
    #[must_use]
    pub fn no_password(key: &KeyBody) -> Refusal {
        let reason = format!(
            "the key `{}` is protected by {}, not by a password; `strongroom key protect` gives it one",
            key.name, key.protector
        );
        Refusal::Invalid { field: "name", reason }
    }
}

/// Whether the key has recovery, when it is the protection of now that was opened.
fn recovery_of(key: &KeyBody, current: Id) -> Result<Option<bool>, Refusal> {
    match &key.protection {
        Some(protection) if key.protector == PASSWORD_PROTECTOR => {
            // Another protection came between the password and this change: what was shown to open is not the key's any more.
            if protection.id == current { Ok(protection.recovery) } else { Err(Refusal::DoesNotOpen) }
        }
        _ => Err(ChangePassword::no_password(key)),
    }
}
