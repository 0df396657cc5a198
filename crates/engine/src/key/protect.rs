//! `key.protect`: the versions of a key are wrapped by another protector; nothing that is sealed under them changes.

use std::sync::Arc;

use strongroom_envelope::Id;

use super::body::{KeyBody, Protection, ROOT_PROTECTOR};
use super::make::key_change;
use super::show::KeyView;
use super::state::State;
use super::unwrap::{UnwrapError, WrapKeyHandle, Wraps, unwrap_bytes};
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
        let mut key = found.body.clone();
        key.protector = if self.protection.is_some() { self.protector.clone() } else { ROOT_PROTECTOR.to_owned() };
        key.protector_parameter.clone_from(&self.parameter);
        key.protection = self.protection.as_ref().map(|(protection, _)| protection.clone());
        wrap_anew(found.id, found.body, &mut key, &wraps, self.protection.as_ref().map(|(_, wrap)| &**wrap))?;
        key.updated_at = facts.now();
        let reply = KeyView::of(found.id, &key, stored);
        Ok(facts.commit_witnessed(reply, vec![key_change(found.id, &key, NameChange::None)]))
    }
}

/// Wraps every version that is there as the protection of `key` wants it: under what that yielded, or without one under the
/// root's wrap key; and where it has recovery under that, too. `before` is the same key with the wraps that it has now.
pub(super) fn wrap_anew(
    id: Id,
    before: &KeyBody,
    key: &mut KeyBody,
    wraps: &Wraps,
    own: Option<&WrapKeyHandle>,
) -> Result<(), Refusal> {
    let first = own.or(wraps.root.last()).ok_or_else(|| Refusal::KeyLocked { key: key.name.to_string() })?;
    let second = wraps.second(key)?;
    for version in key.versions.iter_mut().filter(|version| version.state != State::Destroyed) {
        let bytes = unwrap_bytes(id, before, version.number, wraps).map_err(UnwrapError::refusal)?;
        version.wrapped = first.wrap(id, version.number, bytes.expose());
        version.wrapped_under_root = second.map(|root| root.wrap(id, version.number, bytes.expose()).into());
    }
    Ok(())
}
