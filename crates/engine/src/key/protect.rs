//! `key.protect`: the versions of a key are wrapped by another protector; nothing that is sealed under them changes.

use std::sync::Arc;

use super::body::{KeyBody, Protection, ROOT_PROTECTOR};
use super::make::key_change;
use super::show::KeyView;
use super::state::State;
use super::unwrap::{WrapKeyHandle, unwrap_bytes};
use crate::find::{Found, existing};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Stop};

/// Wraps every version of a key anew.
pub struct Protect {
    /// Which key.
    pub selector: Selector,
    /// The kind of protector.
    pub protector: String,
    /// Which one of that kind.
    pub parameter: String,
    /// What the protector made: how its wrapping key is found again, and that key; none for the root's.
    pub protection: Option<(Protection, Arc<WrapKeyHandle>)>,
}

impl Operation for Protect {
    type Reply = KeyView;
    const ACTION: Action = Action::KeyProtect;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<KeyView>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        let stored = facts.stored(found.id)?;
        let wraps = facts.wraps(Some(found.id))?;
        let locked = || Refusal::KeyLocked { key: found.body.name.to_string() };
        let wrap = match &self.protection {
            Some((_, wrap)) => wrap,
            None => wraps.root.last().ok_or_else(locked)?,
        };
        let mut key = found.body.clone();
        for version in key.versions.iter_mut().filter(|version| version.state != State::Destroyed) {
            let bytes = unwrap_bytes(found.id, found.body, version.number, &wraps)
                .map_err(super::unwrap::UnwrapError::refusal)?;
            version.wrapped = wrap.wrap(found.id, version.number, bytes.expose());
        }
        key.protector = if self.protection.is_some() { self.protector.clone() } else { ROOT_PROTECTOR.to_owned() };
        key.protector_parameter.clone_from(&self.parameter);
        key.protection = self.protection.as_ref().map(|(protection, _)| protection.clone());
        key.updated_at = facts.now();
        let reply = KeyView::of(found.id, &key, stored);
        Ok(facts.commit_witnessed(reply, vec![key_change(found.id, &key, NameChange::None)]))
    }
}
