//! Uses of keys that have a usage limit: counted in memory, and set aside in the key's record beforehand, block by block, so that
//! after a kill at most a block is lost and none is counted too few.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_engine::key::{self, KeyBody};
use strongroom_engine::rule::Commit;
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{Generation, Id};

use crate::alarms::alarm;
use crate::clock::now;
use crate::committer::{Job, Order, Outcome};
use crate::facade::{Alarm, Failure};
use crate::journal::Severity;
use crate::reply::Finish;
use crate::unlocked::Unlocked;
use crate::witness::system_entry;

/// Requests that may wait for uses of one version; more are refused as busy.
const MOST_WAITING: usize = 4096;

/// Which version of which key.
pub type VersionId = (Id, u32);

/// What a rule asked for.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// Of which version.
    pub version: VersionId,
    /// How many.
    pub count: u64,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many were taken; fewer than were wanted when no more are left.
    Granted {
        /// How many.
        count: u64,
        /// How many there were before.
        before: u64,
    },
    /// More have to be set aside first.
    Wait,
}

/// How often a version may be used, and how many uses its record has set aside.
#[derive(Clone, Copy)]
pub struct Allowed {
    pub limit: u64,
    pub reserved: u64,
}

/// The counts of this life. What an earlier one had set aside counts as used.
#[derive(Default)]
pub struct Uses(Mutex<HashMap<VersionId, Count>>);

struct Count {
    used: u64,
    /// Whether a commit that sets more aside is under way.
    reserving: bool,
    waiting: Vec<Waiting>,
}

struct Waiting {
    count: u64,
    then: Box<dyn FnOnce(Result<(), Failure>) + Send>,
}

impl Uses {
    /// Takes uses that are set aside.
    pub fn take(&self, wanted: Wanted, allowed: Allowed) -> Taken {
        let mut counts = self.0.lock();
        let count = counts.entry(wanted.version).or_insert_with(|| Count::after(allowed.reserved));
        let Allowed { limit, reserved } = allowed;
        if count.used.saturating_add(wanted.count) > reserved && reserved < limit {
            return Taken::Wait;
        }
        let granted = reserved.min(limit).saturating_sub(count.used).min(wanted.count);
        let before = count.used;
        count.used += granted;
        Taken::Granted { count: granted, before }
    }

    /// How many uses of a version there were; of one that nobody has used in this life, those that are set aside.
    pub fn used(&self, version: VersionId, reserved: u64) -> u64 {
        self.0.lock().get(&version).map_or(reserved, |count| count.used)
    }

    /// Forgets a key that is gone.
    pub fn forget(&self, id: Id) {
        self.0.lock().retain(|(key, _), count| *key != id || !count.waiting.is_empty());
    }

    /// How many are used and how many are waited for, when nobody is setting uses aside: whoever asks does it from now on.
    fn begin(&self, version: VersionId) -> Option<(u64, u64)> {
        let mut counts = self.0.lock();
        let count = counts.get_mut(&version).filter(|count| !count.reserving)?;
        count.reserving = true;
        Some((count.used, count.waiting.iter().fold(0, |sum, waiting| sum.saturating_add(waiting.count))))
    }

    /// Ends it, and hands out those who wait.
    fn end(&self, version: VersionId) -> Vec<Waiting> {
        let mut counts = self.0.lock();
        let Some(count) = counts.get_mut(&version) else { return Vec::new() };
        count.reserving = false;
        std::mem::take(&mut count.waiting)
    }

    fn wait(&self, version: VersionId, reserved: u64, waiting: Waiting) -> Result<(), Waiting> {
        let mut counts = self.0.lock();
        let count = counts.entry(version).or_insert_with(|| Count::after(reserved));
        if count.waiting.len() >= MOST_WAITING {
            return Err(waiting);
        }
        count.waiting.push(waiting);
        Ok(())
    }
}

impl Count {
    const fn after(reserved: u64) -> Self {
        Self { used: reserved, reserving: false, waiting: Vec::new() }
    }
}

/// Takes uses of a version, if enough of them are set aside. Of a key that has no limit any more, as many as are wanted.
pub fn take(unlocked: &Unlocked, wanted: Wanted) -> Taken {
    let (taken, limit) = unlocked.keys.take_uses(wanted);
    if let (Taken::Granted { count, before }, Some(limit)) = (taken, limit) {
        report(unlocked, wanted.version, before, before + count, limit);
    }
    taken
}

/// Tells the log once that a version is nearly used up, and once that it is.
fn report(unlocked: &Unlocked, (id, version): VersionId, before: u64, used: u64, limit: u64) {
    let is_crossed = |is: fn(u64, u64) -> bool| is(used, limit) && !is(before, limit);
    if is_crossed(key::is_near) || is_crossed(|used, limit| used >= limit) {
        let name = unlocked.keys.key_record(id).map(|(body, _)| body.name.to_string()).unwrap_or_default();
        let told = format!("version {version} of {name}: {used} of {limit} uses");
        unlocked.journal.event(Severity::Warning, "usage_limit_near", &told);
    }
}

/// Has more uses of a version set aside, and calls `then` when that is done or has failed.
pub fn wait(unlocked: &Arc<Unlocked>, wanted: Wanted, then: impl FnOnce(Result<(), Failure>) + Send + 'static) {
    let waiting = Waiting { count: wanted.count, then: Box::new(then) };
    let reserved = unlocked.keys.reserved_uses(wanted.version);
    match unlocked.keys.uses.wait(wanted.version, reserved, waiting) {
        Ok(()) => set_aside(unlocked, wanted.version),
        Err(waiting) => (waiting.then)(Err(Failure::Busy)),
    }
}

/// One commit for all who wait.
fn set_aside(unlocked: &Arc<Unlocked>, version: VersionId) {
    let Some((used, wanted)) = unlocked.keys.uses.begin(version) else { return };
    let reservation = Reservation { unlocked: Arc::clone(unlocked), version, outcome: Err(Failure::Stopping) };
    let change = unlocked.keys.key_record(version.0).and_then(|(body, generation)| {
        key::reserve(version.0, &body, version.1, used, wanted).map(|change| (change, body, generation))
    });
    let Some((change, body, generation)) = change else {
        // Enough is set aside by now, or the limit is another one: those who wait find out.
        return reservation.end(Ok(()));
    };
    let commit = Commit {
        changes: vec![change],
        expects: vec![(KeyBody::record_key(version.0), generation)],
        ..Commit::default()
    };
    let finish = Finish::reply(move |outcome| reservation.end(so(outcome)));
    let (entry, commit_id) = (line(&body, version), crate::random::id());
    let (lost_races, request_digest, reply) = (0, None, Vec::new());
    let job = Job { commit, entry, commit_id, lost_races, request_digest, reply, finish };
    // A committer that has ended drops the job, and with it the reservation, which tells those who wait.
    drop(unlocked.order(Order::Job(Box::new(job))));
}

fn line(body: &KeyBody, (id, version): VersionId) -> AuditEntry {
    let mut entry = system_entry(now(), "key.uses", body.name.as_str(), "ok");
    (entry.key, entry.key_version) = (Some(id), version);
    entry
}

/// What those who waited do next: try again, or give up. What lost a race or has no line yet was not in vain.
fn so(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Done | Outcome::Conflict | Outcome::Repeated | Outcome::AuditUnavailable => Ok(()),
        Outcome::Full => Err(Failure::StorageFull),
        Outcome::Unknown | Outcome::Stopped => Err(Failure::WritingStopped),
        Outcome::Failed => Err(Failure::StorageFailed),
    }
}

/// A commit that sets uses aside, on its way. However it ends, those who wait for it hear of it.
struct Reservation {
    unlocked: Arc<Unlocked>,
    version: VersionId,
    outcome: Result<(), Failure>,
}

impl Reservation {
    fn end(mut self, outcome: Result<(), Failure>) {
        self.outcome = outcome;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for waiting in self.unlocked.keys.uses.end(self.version) {
            (waiting.then)(self.outcome.clone());
        }
    }
}

/// The alarm that names the keys whose active version is nearly used up, and how many they are.
pub fn near(unlocked: &Unlocked) -> (Option<Alarm>, u64) {
    let near = unlocked.keys.near_limit();
    let told: Vec<String> = near.iter().map(|(name, used, limit)| format!("{name} ({used} of {limit})")).collect();
    let raised = (!told.is_empty()).then(|| alarm("usage_limit_near", &told.join(", ")));
    (raised, near.len() as u64)
}

/// What the record of a key says, for whoever changes it.
pub type KeyRecord = (KeyBody, Generation);

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: VersionId = (Id([1; 16]), 1);

    fn take(uses: &Uses, count: u64, limit: u64, reserved: u64) -> Taken {
        uses.take(Wanted { version: VERSION, count }, Allowed { limit, reserved })
    }

    const fn granted(before: u64, count: u64) -> Taken {
        Taken::Granted { count, before }
    }

    #[test]
    fn what_an_earlier_life_set_aside_counts_as_used() {
        let uses = Uses::default();
        assert_eq!(uses.used(VERSION, 40), 40);
        assert_eq!(take(&uses, 1, 100, 40), Taken::Wait);
        assert_eq!(take(&uses, 3, 100, 42), Taken::Wait, "a request waits for all of its uses");
        assert_eq!(take(&uses, 2, 100, 42), granted(40, 2));
        assert_eq!(uses.used(VERSION, 42), 42);
    }

    #[test]
    fn the_last_uses_are_shared_out_and_then_there_are_none() {
        let uses = Uses::default();
        assert_eq!(take(&uses, 0, 10, 0), granted(0, 0));
        assert_eq!(take(&uses, 7, 10, 10), granted(0, 7));
        assert_eq!(take(&uses, 7, 10, 10), granted(7, 3));
        assert_eq!(take(&uses, 7, 10, 10), granted(10, 0));
        assert_eq!(take(&uses, 1, 5, 10), granted(10, 0), "a lower limit");
        assert_eq!(take(&uses, 1, 11, 10), Taken::Wait, "a higher one");
    }
}
