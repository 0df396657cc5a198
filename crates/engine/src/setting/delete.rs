//! `setting.delete`: a setting ends, and its name is free again.

use strongroom_envelope::Id;

use super::body::SettingBody;
use super::refuse_other_revision;
use super::reply::Remembered;
use crate::find::existing;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Change, Done, Facts, NameChange, Operation, Reply, Stop};

/// Deletes a setting for good: what it is set to is known elsewhere, or is set anew.
#[derive(Debug)]
pub struct Delete {
    /// Which setting.
    pub selector: Selector,
    /// Only when this revision is there.
    pub expected_revision: Option<u32>,
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteReply {
    /// The setting.
    pub id: Id,
    /// The name it had.
    pub name: Name,
}

impl Operation for Delete {
    type Reply = DeleteReply;
    const ACTION: Action = Action::SettingDelete;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<DeleteReply>, Stop> {
        let found = existing::<SettingBody>(facts, Self::ACTION, &self.selector)?;
        refuse_other_revision(self.expected_revision, found.body.revision)?;
        let name = found.body.name.clone();
        let change = Change::Delete { key: SettingBody::record_key(found.id), name: NameChange::Free(name.clone()) };
        Ok(facts.commit(DeleteReply { id: found.id, name }, vec![change]))
    }
}

impl Reply for DeleteReply {
    fn remember(&self) -> Vec<u8> {
        Remembered::of(self.id, &self.name).encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name })
    }
}
