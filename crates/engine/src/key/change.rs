//! `key.state`: a version is activated, deactivated, suspended, resumed, or declared compromised.

use super::BUILT_IN;
use super::body::KeyBody;
use super::make::key_change;
use super::rotate::deactivate_active;
use super::show::KeyView;
use super::state::{State, Step};
use crate::find::{Found, existing};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Stop};
use strongroom_envelope::Timestamp;

/// Changes the state of a version.
#[derive(Debug)]
pub struct ChangeState {
    /// Of which key.
    pub selector: Selector,
    /// Which version.
    pub version: u32,
    /// What is done to it.
    pub step: Step,
}

/// The key as it is now.
pub type ChangeReply = KeyView;

impl Operation for ChangeState {
    type Reply = ChangeReply;
    const ACTION: Action = Action::KeyState;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ChangeReply>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        let stored = facts.stored(found.id)?;
        let mut key = found.body.clone();
        self.change(&mut key, facts.now())?;
        facts.used_key(found.id, self.version);
        let reply = KeyView::of(found.id, &key, stored);
        Ok(facts.commit_witnessed(reply, vec![key_change(found.id, &key, NameChange::None)]))
    }
}

impl ChangeState {
    fn change(&self, key: &mut KeyBody, now: Timestamp) -> Result<(), Refusal> {
        let name = key.name.to_string();
        if matches!(self.step, Step::Deactivate | Step::Suspend) && BUILT_IN.contains(&name.as_str()) {
            let reason = "the server needs an active version of this key; rotate it instead".to_owned();
            return Err(Refusal::Invalid { field: "step", reason });
        }
        let another = key.active().is_some_and(|active| active.number != self.version);
        let found = version(key, self.version)?;
        let (state, waits) = (found.state, found.destroy_at.is_some());
        let next = state.after(self.step, another).ok_or_else(|| Refusal::NoTransition {
            key: name.clone(),
            version: self.version,
            state,
            wanted: self.step.done(),
        })?;
        // What it sealed from now on would be lost with it.
        if waits && matches!(self.step, Step::Activate | Step::Resume) {
            return Err(Refusal::AwaitsDestruction { key: name, version: self.version });
        }
        if next == State::Active {
            deactivate_active(key, now);
        }
        let changed = version(key, self.version)?;
        changed.state = next;
        match next {
            State::Active if changed.activated_at.0 == 0 => changed.activated_at = now,
            State::Deactivated if changed.deactivated_at.0 == 0 => changed.deactivated_at = now,
            State::Compromised => changed.compromised_at = Some(now),
            _ => {}
        }
        key.updated_at = now;
        Ok(())
    }
}

/// The version with this number, or the refusal of a missing one.
pub(super) fn version(key: &mut KeyBody, number: u32) -> Result<&mut super::body::KeyVersion, Refusal> {
    let target = format!("{number} of {}", key.name);
    key.version_mut(number).ok_or(Refusal::NotFound { what: "version", target })
}
