//! `secret.rename`: another name for the same secret.

use strongroom_envelope::{Id, RecordKind};

use super::find::live;
use super::put::head_change;
use super::reply::Remembered;
use crate::name::{Name, Selector};
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// Gives a secret another name; id, versions and values stay.
#[derive(Debug)]
pub struct Rename {
    /// Which secret.
    pub selector: Selector,
    /// Its new name.
    pub to: Name,
}

/// The secret under its new name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameReply {
    /// The secret.
    pub id: Id,
    /// Its name now.
    pub name: Name,
}

impl Operation for Rename {
    type Reply = RenameReply;
    const ACTION: Action = Action::SecretRename;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RenameReply>, Stop> {
        // Both names are judged; the audit line shows the one the secret had.
        facts.permit(Self::ACTION, Object::Name(self.to.as_str()))?;
        let found = live(facts, Self::ACTION, &self.selector)?;
        let reply = RenameReply { id: found.id, name: self.to.clone() };
        if found.body.name == self.to {
            return Ok(Done::read(reply));
        }
        if facts.name(RecordKind::Secret, &self.to)?.is_some() {
            return Err(Refusal::NameTaken { name: self.to.to_string() }.into());
        }
        let mut head = found.body.clone();
        let from = std::mem::replace(&mut head.name, self.to.clone());
        head.updated_at = facts.now();
        let change = head_change(found.id, &head, NameChange::Move { from, to: self.to.clone() });
        Ok(facts.commit(reply, vec![change]))
    }
}

impl Reply for RenameReply {
    fn remember(&self) -> Vec<u8> {
        Remembered::of(self.id, &self.name).encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name })
    }
}
