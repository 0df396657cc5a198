//! `secret.delete` and `secret.undelete`: a secret is gone for a time, and its name stays taken.

use strongroom_envelope::{Id, Timestamp};

use super::find::{existing, live};
use super::put::head_change;
use super::reply::Remembered;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Reply, Stop};

/// Deletes a secret for a time: nothing can be read until it is undeleted; later it is purged.
#[derive(Debug)]
pub struct Delete {
    /// Which secret.
    pub selector: Selector,
    /// Only when this version is current.
    pub expected_version: Option<u32>,
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteReply {
    /// The secret.
    pub id: Id,
    /// Its name, which stays taken.
    pub name: Name,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

impl Operation for Delete {
    type Reply = DeleteReply;
    const ACTION: Action = Action::SecretDelete;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<DeleteReply>, Stop> {
        let found = live(facts, Self::ACTION, &self.selector)?;
        found.refuse_other_version(self.expected_version)?;
        let deleted_at = facts.now();
        let mut head = found.body.clone();
        head.deleted_at = Some(deleted_at);
        let change = head_change(found.id, &head, NameChange::None);
        let reply = DeleteReply { id: found.id, name: head.name, deleted_at };
        Ok(facts.commit(reply, vec![change]))
    }
}

impl Reply for DeleteReply {
    fn remember(&self) -> Vec<u8> {
        Remembered { at: Some(self.deleted_at), ..Remembered::of(self.id, &self.name) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, at, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, deleted_at: at? })
    }
}

/// Takes a deletion back. A secret that is not deleted stays as it is.
#[derive(Debug)]
pub struct Undelete {
    /// Which secret.
    pub selector: Selector,
}

/// What is there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeleteReply {
    /// The secret.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The version that is current.
    pub version: u32,
}

impl Operation for Undelete {
    type Reply = UndeleteReply;
    const ACTION: Action = Action::SecretUndelete;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<UndeleteReply>, Stop> {
        let found = existing(facts, Self::ACTION, &self.selector)?;
        let mut head = found.body.clone();
        let reply = UndeleteReply { id: found.id, name: head.name.clone(), version: head.current };
        if head.deleted_at.take().is_none() {
            return Ok(Done::read(reply));
        }
        let change = head_change(found.id, &head, NameChange::None);
        Ok(facts.commit(reply, vec![change]))
    }
}

impl Reply for UndeleteReply {
    fn remember(&self) -> Vec<u8> {
        Remembered { number: Some(self.version), ..Remembered::of(self.id, &self.name) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, number, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, version: number? })
    }
}
