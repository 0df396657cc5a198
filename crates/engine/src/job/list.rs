//! `job.list` and `job.show`: what the server works on, and how far it is.

use strongroom_envelope::{Id, RecordKind, Timestamp};

use super::body::{JobBody, JobKind, JobState};
use super::record_key;
use crate::name::Name;
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, IdsRequest, Operation, Refusal, Reply, Stop};

/// The longest list.
const LIST_LIMIT: usize = 1000;

/// A job, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its id.
    pub id: Id,
    /// What it does.
    pub kind: JobKind,
    /// The key it is about.
    pub key: Name,
    /// The key version that was made with it.
    pub key_version: u32,
    /// Where it is.
    pub state: JobState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// How many values there were to do.
    pub total: u64,
    /// How many of them are done.
    pub done: u64,
    /// At most so many a second.
    pub rate: Option<u32>,
}

/// Lists jobs, the oldest first.
#[derive(Debug)]
pub struct List;

/// Jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReply {
    /// The jobs.
    pub jobs: Vec<JobView>,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::JobList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        let ids =
            facts.ids(&IdsRequest { kind: RecordKind::Job, after: None, limit: LIST_LIMIT, unfinished: false })?;
        facts.prefetch(ids.iter().map(|id| record_key(*id)))?;
        let mut jobs = Vec::with_capacity(ids.len());
        for id in ids {
            match facts.record::<JobBody>(record_key(*id)) {
                Ok(Some(job)) => jobs.push(view(facts, *id, job)?),
                // Ended since the list was made, or kept aside: the quarantine lists it.
                Ok(None) | Err(Stop::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Done::read(ListReply { jobs }))
    }
}

impl Reply for ListReply {}

/// Shows one job.
#[derive(Debug)]
pub struct Show {
    /// Which one.
    pub id: Id,
}

impl Operation for Show {
    type Reply = JobView;
    const ACTION: Action = Action::JobShow;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<JobView>, Stop> {
        let job = existing(facts, Self::ACTION, self.id)?;
        let view = view(facts, self.id, job)?;
        Ok(Done::read(view))
    }
}

impl Reply for JobView {}

/// The job, or the refusal of a missing one.
pub(super) fn existing<'a>(facts: &mut Facts<'a>, action: Action, id: Id) -> Result<&'a JobBody, Stop> {
    facts.permit(action, Object::Id(id))?;
    let missing = || Refusal::NotFound { what: "job", target: id.to_string() };
    Ok(facts.record::<JobBody>(record_key(id))?.ok_or_else(missing)?)
}

/// How far a job is: what is left is counted, not noted.
pub(super) fn view(facts: &mut Facts<'_>, id: Id, job: &JobBody) -> Result<JobView, Stop> {
    let left = match job.state {
        JobState::Done => 0,
        // It is one thing to do.
        _ if job.kind == JobKind::Scrub => job.total,
        JobState::Incomplete => job.left.unwrap_or(0),
        JobState::Running | JobState::Paused => left(facts, job)?,
    };
    Ok(JobView {
        id,
        kind: job.kind,
        key: job.key_name.clone(),
        key_version: job.key_version,
        state: job.state,
        created_at: job.created_at,
        updated_at: job.updated_at,
        total: job.total,
        done: job.total.saturating_sub(left),
        rate: job.rate,
    })
}

/// How many values are stored under versions before the job's.
pub(super) fn left(facts: &mut Facts<'_>, job: &JobBody) -> Result<u64, Stop> {
    let stored = facts.stored(job.key_id)?;
    let older: u64 = stored.iter().filter(|(version, _)| *version < job.key_version).map(|(_, count)| count).sum();
    let clear = if job.kind == JobKind::Convert { clear(facts)? } else { 0 };
    Ok(older + clear)
}

/// How many values have no layer of an application key.
pub(crate) fn clear(facts: &mut Facts<'_>) -> Result<u64, Stop> {
    Ok(facts.stored(Id::NIL)?.iter().map(|(_, count)| count).sum())
}
