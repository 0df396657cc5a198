//! `key.destroy`: the end of a version, after a time in which it can be taken back; and `key.undestroy`, which does so.

use strongroom_envelope::{Id, Timestamp};

use super::body::KeyBody;
use super::change::version;
use super::make::key_change;
use super::show::KeyView;
use super::state::State;
use crate::find::{Found, existing, find};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// How long a version waits for its end when nothing else was said, milliseconds: 30 days.
pub const USUAL_WAIT: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long it can wait at most, milliseconds: 366 days.
pub const LONGEST_WAIT: i64 = 366 * 24 * 60 * 60 * 1000;

/// Begins the end of a version: it opens nothing any more, and is destroyed later.
#[derive(Debug)]
pub struct Destroy {
    /// Of which key.
    pub selector: Selector,
    /// Which version, which must not be active.
    pub version: u32,
    /// How long it can be taken back, milliseconds; none for [`USUAL_WAIT`].
    pub wait: Option<i64>,
}

impl Operation for Destroy {
    type Reply = KeyView;
    const ACTION: Action = Action::KeyDestroy;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<KeyView>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        let stored = facts.stored(found.id)?;
        let wait = self.wait.unwrap_or(USUAL_WAIT);
        if !(0..=LONGEST_WAIT).contains(&wait) {
            let reason = "choose 0 seconds to 366 days".to_owned();
            return Err(Refusal::Invalid { field: "wait_seconds", reason }.into());
        }
        let mut key = found.body.clone();
        let (name, now) = (key.name.to_string(), facts.now());
        let ended = version(&mut key, self.version)?;
        if !ended.state.can_be_destroyed() {
            let (state, wanted) = (ended.state, "destroyed");
            return Err(Refusal::NoTransition { key: name, version: self.version, state, wanted }.into());
        }
        refuse_used(name, self.version, stored)?;
        ended.destroy_at = Some(Timestamp(now.0.saturating_add(wait)));
        if wait == 0 {
            end(ended, now);
        }
        key.updated_at = now;
        facts.used_key(found.id, self.version);
        let reply = KeyView::of(found.id, &key, stored);
        Ok(facts.commit_witnessed(reply, vec![key_change(found.id, &key, NameChange::None)]))
    }
}

/// Takes the end of a version back, as long as it waits for it.
#[derive(Debug)]
pub struct Undestroy {
    /// Of which key.
    pub selector: Selector,
    /// Which version.
    pub version: u32,
}

impl Operation for Undestroy {
    type Reply = KeyView;
    const ACTION: Action = Action::KeyUndestroy;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<KeyView>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        let stored = facts.stored(found.id)?;
        let mut key = found.body.clone();
        let (name, now) = (key.name.to_string(), facts.now());
        let kept = version(&mut key, self.version)?;
        if kept.state == State::Destroyed {
            let (state, wanted) = (kept.state, "taken back");
            return Err(Refusal::NoTransition { key: name, version: self.version, state, wanted }.into());
        }
        kept.destroy_at = None;
        key.updated_at = now;
        facts.used_key(found.id, self.version);
        let reply = KeyView::of(found.id, &key, stored);
        Ok(facts.commit_witnessed(reply, vec![key_change(found.id, &key, NameChange::None)]))
    }
}

/// Destroys the versions of a key that have waited long enough; the server does it by itself.
#[derive(Debug)]
pub struct Purge {
    /// Which key.
    pub id: Id,
}

/// What was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeReply {
    /// The versions that are gone.
    pub versions: Vec<u32>,
}

impl Operation for Purge {
    type Reply = PurgeReply;
    const ACTION: Action = Action::KeyDestroy;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<PurgeReply>, Stop> {
        let nothing = || Done::read(PurgeReply { versions: Vec::new() });
        let Some(found): Option<Found<'_, KeyBody>> = find(facts, Self::ACTION, &Selector::Id(self.id))? else {
            return Ok(nothing());
        };
        let stored = facts.stored(self.id)?;
        let now = facts.now();
        let mut key = found.body.clone();
        let mut versions = Vec::new();
        for version in &mut key.versions {
            let is_due = version.destroy_at.is_some_and(|due| due <= now) && version.state != State::Destroyed;
            // As long as something stored needs it, or cannot be read, it stays.
            if is_due && refuse_used(String::new(), version.number, stored).is_ok() {
                end(version, now);
                versions.push(version.number);
            }
        }
        if versions.is_empty() {
            return Ok(nothing());
        }
        key.updated_at = now;
        let change = key_change(self.id, &key, NameChange::None);
        Ok(facts.commit_witnessed(PurgeReply { versions }, vec![change]))
    }
}

impl Reply for PurgeReply {}

fn end(version: &mut super::body::KeyVersion, now: Timestamp) {
    version.state = State::Destroyed;
    version.destroy_at = Some(now);
    version.wrapped.clear();
    version.wrapped_under_root = None;
}

/// Stands for the version of values that cannot be read now: it may be any.
const UNKNOWN: u32 = 0;

fn refuse_used(key: String, version: u32, stored: &[(u32, u64)]) -> Result<(), Refusal> {
    match stored.iter().find(|(number, count)| (*number == version || *number == UNKNOWN) && *count > 0) {
        Some((_, count)) => Err(Refusal::KeyInUse { key, version, count: *count }),
        None => Ok(()),
    }
}
