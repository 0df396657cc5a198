//! `key.rotate`: a new version is active at once, and the one before only opens what it sealed.

use strongroom_envelope::Id;
use strongroom_envelope::value::Purpose;
use strongroom_secret::SecretBytes;

use super::body::KeyBody;
use super::make::{key_change, new_bytes, new_version};
use super::show::KeyView;
use super::state::State;
use crate::find::{Found, existing};
use crate::job::{self, JobBody, JobKind};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Reply, Stop};
use crate::stored::Family;

/// The most versions of a key.
const MOST_VERSIONS: usize = 1000;

/// Makes a new version.
#[derive(Debug)]
pub struct Rotate {
    /// Of which key.
    pub selector: Selector,
    /// Whether what is stored under older versions is sealed again, by a job.
    pub reencrypt: bool,
    /// Only when this version is active: two who rotate at once make one version.
    pub expected_version: Option<u32>,
    /// At most so many values a second; none for as fast as it goes.
    pub rate: Option<u32>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotateReply {
    /// The key as it is now.
    pub key: KeyView,
    /// The job that seals again what is stored, when there is anything.
    pub job: Option<Id>,
}

impl Operation for Rotate {
    type Reply = RotateReply;
    const ACTION: Action = Action::KeyRotate;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RotateReply>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        if self.rate == Some(0) {
            let reason = "choose at least one value a second, or pause the job".to_owned();
            return Err(Refusal::Invalid { field: "rate", reason }.into());
        }
        let mut key = found.body.clone();
        let active = key.active().map_or(0, |version| version.number);
        if let Some(expected) = self.expected_version.filter(|expected| *expected != active) {
            return Err(Refusal::VersionConflict { expected, found: active }.into());
        }
        let wraps = facts.wraps(Some(found.id))?;
        let stored = facts.stored(found.id)?;
        let clear = if key.purpose == Purpose::Secrets { job::clear(facts)? } else { 0 };
        let bytes = new_bytes(key.algorithm, &mut |slot| facts.fill(slot));
        let number = add_version(facts, found.id, &mut key, &wraps, &bytes)?;
        let again = Again { clear, wanted: self.reencrypt, rate: self.rate };
        Ok(again.done(facts, found.id, &key, number, stored))
    }
}

/// Sealing again what is stored under older versions.
pub(super) struct Again {
    /// How many values have no layer of an application key.
    pub clear: u64,
    /// Whether it is wanted.
    pub wanted: bool,
    /// At most so many values a second.
    pub rate: Option<u32>,
}

impl Again {
    /// Stores a key with its new version, and the job when there is something to do.
    pub(super) fn done(
        &self,
        facts: &mut Facts<'_>,
        id: Id,
        key: &KeyBody,
        number: u32,
        stored: &[(u32, u64)],
    ) -> Done<RotateReply> {
        let mut changes = vec![key_change(id, key, NameChange::None)];
        let waiting: u64 = self.clear + stored.iter().map(|(_, count)| *count).sum::<u64>();
        let kind = if self.clear > 0 { JobKind::Convert } else { JobKind::Reencrypt };
        let job = (self.wanted && waiting > 0 && Family::under(key.purpose).is_some()).then(|| {
            let job = facts.new_id();
            let body = JobBody::new(kind, (id, key.name.clone(), number), waiting, self.rate, facts.now());
            changes.push(job::change(job, &body));
            job
        });
        facts.used_key(id, number);
        facts.commit_witnessed(RotateReply { key: KeyView::of(id, key, stored), job }, changes)
    }
}

/// Adds a version that is active at once; answers its number.
pub(super) fn add_version(
    facts: &mut Facts<'_>,
    id: Id,
    key: &mut KeyBody,
    wraps: &super::unwrap::Wraps,
    bytes: &SecretBytes,
) -> Result<u32, Refusal> {
    if key.versions.len() >= MOST_VERSIONS {
        let reason = format!("the key has {MOST_VERSIONS} versions; make another key");
        return Err(Refusal::Invalid { field: "name", reason });
    }
    let now = facts.now();
    let number = key.next_number();
    let mut made = new_version(id, number, wraps.active(key)?, (key.algorithm, bytes), now);
    made.wrapped_under_root = wraps.second(key)?.map(|root| root.wrap(id, number, bytes.expose()).into());
    deactivate_active(key, now);
    key.versions.push(made);
    key.updated_at = now;
    Ok(number)
}

/// There is one active version at most.
pub(super) fn deactivate_active(key: &mut KeyBody, now: strongroom_envelope::Timestamp) {
    for version in key.versions.iter_mut().filter(|version| version.state == State::Active) {
        version.state = State::Deactivated;
        version.deactivated_at = now;
    }
}

/// Not kept; a retry is told that the first was done, and `key.show` shows it.
impl Reply for RotateReply {}
