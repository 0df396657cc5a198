//! `secret.destroy`: a secret, or one version of it, is gone for good; and the purge that ends a deletion.

use strongroom_envelope::{Id, Timestamp};

use super::body::SecretBody;
use super::find::{Found, existing, find};
use super::get::missing_version;
use super::put::{head_change, version_end};
use super::reply::Remembered;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Change, Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// Removes records for good. Their old bytes leave the store's files with the next scrub.
#[derive(Debug)]
pub struct Destroy {
    /// Which secret, a deleted one included.
    pub selector: Selector,
    /// Only this version, which must not be the current one; none for the whole secret.
    pub version: Option<u32>,
}

/// What was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestroyReply {
    /// The secret.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The versions that are gone.
    pub versions: Vec<u32>,
    /// Whether the secret itself is gone and its name free.
    pub whole: bool,
}

impl Operation for Destroy {
    type Reply = DestroyReply;
    const ACTION: Action = Action::SecretDestroy;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<DestroyReply>, Stop> {
        let found = existing(facts, Self::ACTION, &self.selector)?;
        let (reply, changes) = match self.version {
            Some(version) => self.one_version(&found, version, facts.now())?,
            None => whole(found.id, found.body),
        };
        Ok(facts.commit(reply, changes))
    }
}

impl Destroy {
    fn one_version(
        &self,
        found: &Found<'_>,
        version: u32,
        now: Timestamp,
    ) -> Result<(DestroyReply, Vec<Change>), Refusal> {
        let entry = found.body.entry(Some(version)).ok_or_else(|| missing_version(&self.selector, version))?;
        if version == found.body.current {
            let reason = "this version is the current one; store a new one first, or destroy the whole secret";
            return Err(Refusal::Invalid { field: "version", reason: reason.to_owned() });
        }
        let mut head = found.body.clone();
        head.updated_at = now;
        head.versions.retain(|row| row.number != version);
        let changes = vec![head_change(found.id, &head, NameChange::None), version_end(entry)];
        Ok((DestroyReply { id: found.id, name: head.name, versions: vec![version], whole: false }, changes))
    }
}

fn whole(id: Id, head: &SecretBody) -> (DestroyReply, Vec<Change>) {
    let name = head.name.clone();
    let versions = head.versions.iter().map(|entry| entry.number).collect();
    let mut changes = Vec::with_capacity(1 + head.versions.len());
    changes.push(Change::Delete { key: SecretBody::record_key(id), name: NameChange::Free(name.clone()) });
    changes.extend(head.versions.iter().map(version_end));
    (DestroyReply { id, name, versions, whole: true }, changes)
}

impl Reply for DestroyReply {
    fn remember(&self) -> Vec<u8> {
        let (flag, numbers) = (Some(self.whole), Some(self.versions.clone()));
        Remembered { flag, numbers, ..Remembered::of(self.id, &self.name) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, flag, numbers, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, versions: numbers?, whole: flag? })
    }
}

/// Ends a deletion whose time is over; the server does it by itself.
#[derive(Debug)]
pub struct Purge {
    /// Which secret.
    pub id: Id,
    /// How long a deleted secret can be undeleted, in milliseconds.
    pub retention_milliseconds: i64,
}

/// Whether the secret was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgeReply {
    /// It is gone.
    Destroyed(DestroyReply),
    /// It is not deleted, not for long enough, or not there.
    NotDue,
}

impl Operation for Purge {
    type Reply = PurgeReply;
    const ACTION: Action = Action::SecretDestroy;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<PurgeReply>, Stop> {
        let selector = Selector::Id(self.id);
        let found = find(facts, Self::ACTION, &selector)?;
        let Some(found) = found.filter(|found| self.is_due(found.body, facts.now())) else {
            return Ok(Done::read(PurgeReply::NotDue));
        };
        let (reply, changes) = whole(found.id, found.body);
        Ok(facts.commit(PurgeReply::Destroyed(reply), changes))
    }
}

impl Purge {
    fn is_due(&self, head: &SecretBody, now: Timestamp) -> bool {
        head.deleted_at.is_some_and(|deleted| now.0 >= deleted.0.saturating_add(self.retention_milliseconds))
    }
}

impl Reply for PurgeReply {}
