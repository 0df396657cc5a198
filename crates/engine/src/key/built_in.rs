//! The keys that the server itself needs: one for each family of stored values.

use strongroom_envelope::RecordKind;

use super::body::KeyBody;
use super::make::{key_change, new_bytes, new_version};
use crate::name::Name;
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Reply, Stop};
use crate::stored::Family;

/// Makes a family's key in a store that does not have it yet; the server does it by itself.
#[derive(Debug)]
pub struct BuiltIn {
    /// Whose.
    pub family: Family,
}

/// Whether it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltInReply {
    /// Whether there was none before.
    pub made: bool,
}

impl Operation for BuiltIn {
    type Reply = BuiltInReply;
    const ACTION: Action = Action::KeyCreate;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<BuiltInReply>, Stop> {
        let text = self.family.key_name();
        facts.permit(Self::ACTION, Object::Name(text))?;
        let invalid = |_| Refusal::Invalid { field: "name", reason: "a built-in name is not valid".to_owned() };
        let name = Name::parse(text).map_err(invalid)?;
        if facts.name(RecordKind::Key, &name)?.is_some() {
            return Ok(Done::read(BuiltInReply { made: false }));
        }
        let wraps = facts.wraps(None)?;
        let wrap = wraps.root.last().ok_or_else(|| Refusal::KeyLocked { key: text.to_owned() })?;
        let (id, now) = (facts.new_id(), facts.now());
        let bytes = new_bytes(None, &mut |slot| facts.fill(slot));
        let first = new_version(id, 1, wrap, (None, &bytes), now);
        let key = KeyBody::new(name.clone(), self.family.purpose(), None, now, first);
        facts.used_key(id, 1);
        let change = key_change(id, &key, NameChange::Take(name));
        Ok(facts.commit_witnessed(BuiltInReply { made: true }, vec![change]))
    }
}

impl Reply for BuiltInReply {}
