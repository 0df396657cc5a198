//! `setting.get`: the value of a setting.

use strongroom_envelope::{Id, Timestamp};

use super::body::SettingBody;
use super::class::Class;
use super::seal::open;
use super::value::SettingValue;
use crate::find::existing;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// Reads a value.
#[derive(Debug)]
pub struct Get {
    /// Which setting.
    pub selector: Selector,
}

/// A value in clear, and what is known about it.
#[derive(Debug)]
pub struct GetReply {
    /// The setting.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// What it belongs to.
    pub class: Class,
    /// How often it was changed.
    pub revision: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The value.
    pub value: SettingValue,
}

impl Operation for Get {
    type Reply = GetReply;
    const ACTION: Action = Action::SettingGet;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<GetReply>, Stop> {
        let found = existing::<SettingBody>(facts, Self::ACTION, &self.selector)?;
        let value = open(facts, found.id, found.body)?;
        let SettingBody { name, class, revision, updated_at, .. } = found.body;
        let (id, name) = (found.id, name.clone());
        Ok(Done::read(GetReply { id, name, class: *class, revision: *revision, updated_at: *updated_at, value }))
    }
}

/// Never kept: it holds a value.
impl Reply for GetReply {}
