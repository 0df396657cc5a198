//! `credential.delete`: a credential ends, and its name is free again.

use strongroom_envelope::Id;

use super::body::CredentialBody;
use super::refuse_other_revision;
use super::reply::Remembered;
use crate::find::existing;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Change, Done, Facts, NameChange, Operation, Reply, Stop};

/// Deletes a credential for good.
#[derive(Debug)]
pub struct Delete {
    /// Which credential.
    pub selector: Selector,
    /// Only when this revision is there.
    pub expected_revision: Option<u32>,
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteReply {
    /// The credential.
    pub id: Id,
    /// The name it had.
    pub name: Name,
    /// The revision it had.
    pub revision: u32,
}

impl Operation for Delete {
    type Reply = DeleteReply;
    const ACTION: Action = Action::CredentialDelete;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<DeleteReply>, Stop> {
        let found = existing::<CredentialBody>(facts, Self::ACTION, &self.selector)?;
        let (name, revision) = (found.body.name.clone(), found.body.revision);
        refuse_other_revision(self.expected_revision, revision)?;
        let change = Change::Delete { key: CredentialBody::record_key(found.id), name: NameChange::Free(name.clone()) };
        Ok(facts.commit_witnessed(DeleteReply { id: found.id, name, revision }, vec![change]))
    }
}

impl Reply for DeleteReply {
    fn remember(&self) -> Vec<u8> {
        Remembered::of(self.id, &self.name, self.revision).encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, revision, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, revision })
    }
}
