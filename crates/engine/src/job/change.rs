//! `job.pause` and `job.resume`, and how the server ends a job and forgets it.

use strongroom_envelope::Id;

use super::body::{JobBody, JobKind, JobState};
use super::list::{JobView, existing, left, view};
use super::{change, record_key};
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// Stops a job for now.
#[derive(Debug)]
pub struct Pause {
    /// Which one.
    pub id: Id,
}

/// Lets a job go on.
#[derive(Debug)]
pub struct Resume {
    /// Which one.
    pub id: Id,
}

impl Operation for Pause {
    type Reply = JobView;
    const ACTION: Action = Action::JobPause;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<JobView>, Stop> {
        let job = existing(facts, Self::ACTION, self.id)?;
        let from: &[JobState] = &[JobState::Running, JobState::Paused];
        moved(facts, self.id, job, from, JobState::Paused)
    }
}

impl Operation for Resume {
    type Reply = JobView;
    const ACTION: Action = Action::JobResume;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<JobView>, Stop> {
        let job = existing(facts, Self::ACTION, self.id)?;
        let from: &[JobState] = &[JobState::Running, JobState::Paused, JobState::Incomplete];
        moved(facts, self.id, job, from, JobState::Running)
    }
}

fn moved(facts: &mut Facts<'_>, id: Id, job: &JobBody, from: &[JobState], to: JobState) -> Result<Done<JobView>, Stop> {
    if !from.contains(&job.state) {
        let reason = format!("the job is {}", job.state.word());
        return Err(Refusal::Invalid { field: "id", reason }.into());
    }
    let moved = job.moved(to, None, facts.now());
    let reply = view(facts, id, &moved)?;
    Ok(facts.commit(reply, vec![change(id, &moved)]))
}

/// Ends a job whose work was looked at again; the server does it by itself.
#[derive(Debug)]
pub struct Finish {
    /// Which one.
    pub id: Id,
}

/// Whether the job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReply {
    /// Nothing is left.
    Done,
    /// So many values could not be done.
    Incomplete(u64),
    /// It is not running.
    Not,
}

impl Operation for Finish {
    type Reply = FinishReply;
    const ACTION: Action = Action::KeyReencrypt;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<FinishReply>, Stop> {
        let job = existing(facts, Self::ACTION, self.id)?;
        facts.permit(Self::ACTION, Object::Name(job.key_name.as_str()))?;
        facts.used_key(job.key_id, job.key_version);
        if job.state != JobState::Running {
            return Ok(Done::read(FinishReply::Not));
        }
        // Whoever says that old bytes are removed has removed them; of values it is counted.
        let left = if job.kind == JobKind::Scrub { 0 } else { left(facts, job)? };
        let (state, reply) = match left {
            0 => (JobState::Done, FinishReply::Done),
            left => (JobState::Incomplete, FinishReply::Incomplete(left)),
        };
        let ended = job.moved(state, (left > 0).then_some(left), facts.now());
        Ok(facts.commit_witnessed(reply, vec![change(self.id, &ended)]))
    }
}

impl Reply for FinishReply {}

/// Removes a job that ended long ago; the server does it by itself.
#[derive(Debug)]
pub struct Purge {
    /// Which one.
    pub id: Id,
    /// How long a job that is done stays listed, milliseconds.
    pub retention_milliseconds: i64,
}

/// Whether the job was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeReply {
    /// Whether it is gone.
    pub removed: bool,
}

impl Operation for Purge {
    type Reply = PurgeReply;
    const ACTION: Action = Action::JobList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<PurgeReply>, Stop> {
        facts.permit(Self::ACTION, Object::Id(self.id))?;
        let limit = facts.now().0.saturating_sub(self.retention_milliseconds);
        let job = facts.record::<JobBody>(record_key(self.id))?;
        if !job.is_some_and(|job| job.state == JobState::Done && job.updated_at.0 <= limit) {
            return Ok(Done::read(PurgeReply { removed: false }));
        }
        let key = record_key(self.id);
        Ok(facts.commit(PurgeReply { removed: true }, vec![Change::Delete { key, name: NameChange::None }]))
    }
}

impl Reply for PurgeReply {}
