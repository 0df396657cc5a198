//! `setting.set`: a new setting, or a new value of one.

use strongroom_envelope::Id;

use super::body::SettingBody;
use super::class::Class;
use super::reply::Remembered;
use super::seal::seal;
use super::suspicion::refuse_suspicious;
use super::value::SettingValue;
use super::{change, refuse_other_revision};
use crate::find::{Found, find, missing};
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// Stores a value. A setting that is there keeps its id; a name that is free gets a new setting.
#[derive(Debug)]
pub struct Set {
    /// Which setting.
    pub selector: Selector,
    /// Its new value.
    pub value: SettingValue,
    /// What it belongs to from now on; none leaves it as it is, and makes a new one encrypted.
    pub class: Option<Class>,
    /// Only when this revision is there; 0: only when there is no such setting.
    pub expected_revision: Option<u32>,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetReply {
    /// The setting.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// What it belongs to.
    pub class: Class,
    /// The revision that was made.
    pub revision: u32,
    /// Whether the setting is new.
    pub created: bool,
}

impl Operation for Set {
    type Reply = SetReply;
    const ACTION: Action = Action::SettingSet;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<SetReply>, Stop> {
        let found = find::<SettingBody>(facts, Self::ACTION, &self.selector)?;
        self.value.check()?;
        match found {
            Some(found) => self.update(facts, &found),
            None => self.create(facts),
        }
    }
}

impl Set {
    fn create(&self, facts: &mut Facts<'_>) -> Result<Done<SetReply>, Stop> {
        let Selector::Name(name) = &self.selector else {
            return Err(missing::<SettingBody>(&self.selector).into());
        };
        refuse_other_revision(self.expected_revision, 0)?;
        let (id, setting) = made(facts, name, self.class.unwrap_or_default(), &self.value)?;
        let reply = SetReply { id, name: name.clone(), class: setting.class, revision: 1, created: true };
        Ok(facts.commit(reply, vec![change(id, &setting, NameChange::Take(name.clone()))]))
    }

    fn update(&self, facts: &mut Facts<'_>, found: &Found<'_, SettingBody>) -> Result<Done<SetReply>, Stop> {
        let mut setting = found.body.clone();
        refuse_other_revision(self.expected_revision, setting.revision)?;
        let class = self.class.unwrap_or(setting.class);
        refuse_suspicious(class, &setting.name, &self.value)?;
        let revision = setting.revision.checked_add(1).ok_or_else(used_up)?;
        let sealed = seal(facts, class, (found.id, revision), &self.value)?;
        setting.take(sealed);
        (setting.class, setting.value_type) = (class, self.value.value_type());
        (setting.revision, setting.updated_at) = (revision, facts.now());
        let reply = SetReply { id: found.id, name: setting.name.clone(), class, revision, created: false };
        Ok(facts.commit(reply, vec![change(found.id, &setting, NameChange::None)]))
    }
}

/// A new setting, with the value as its class wants it.
pub(super) fn made(
    facts: &mut Facts<'_>,
    name: &Name,
    class: Class,
    value: &SettingValue,
) -> Result<(Id, SettingBody), Stop> {
    refuse_suspicious(class, name, value)?;
    let id = facts.new_id();
    let sealed = seal(facts, class, (id, 1), value)?;
    Ok((id, SettingBody::new(name.clone(), class, value.value_type(), facts.now(), sealed)))
}

fn used_up() -> Refusal {
    let reason = "its revision numbers are used up; delete the setting and make it anew".to_owned();
    Refusal::Invalid { field: "revision", reason }
}

impl Reply for SetReply {
    fn remember(&self) -> Vec<u8> {
        let (revision, created, class) = (Some(self.revision), Some(self.created), Some(self.class));
        Remembered { revision, created, class, ..Remembered::of(self.id, &self.name) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, revision, created, class, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, class: class?, revision: revision?, created: created? })
    }
}
