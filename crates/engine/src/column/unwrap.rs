//! `column.unwrap`: a column encryption key is opened with the version of a master key that it is wrapped under.

use std::sync::Arc;

use strongroom_envelope::Id;
use strongroom_secret::ColumnKey;

use super::master::{Master, Wrapping};
use super::path::MasterPath;
use crate::key::{named, permitted_id};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, KeyChoice, KeyHandle, Operation, Reply, Stop};

/// Opens a column encryption key.
#[derive(Debug)]
pub struct Unwrap {
    /// The master key version it is wrapped under.
    pub path: MasterPath,
    /// How it is wrapped.
    pub wrapping: Wrapping,
    /// The wrapped key.
    pub envelope: Vec<u8>,
}

/// A column encryption key.
#[derive(Debug)]
pub struct UnwrapReply {
    /// The key itself.
    pub key: ColumnKey,
}

impl Operation for Unwrap {
    type Reply = UnwrapReply;
    const ACTION: Action = Action::ColumnUnwrap;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<UnwrapReply>, Stop> {
        let handle = version(facts, Self::ACTION, &self.path, KeyChoice::Exact)?;
        let master = Master::of(&handle)?;
        master.check(self.wrapping)?;
        Ok(Done::read(UnwrapReply { key: master.unwrap(&self.envelope)? }))
    }
}

/// Never kept: it holds a key.
impl Reply for UnwrapReply {}

/// The version that a path names.
pub(super) fn version(
    facts: &mut Facts<'_>,
    action: Action,
    path: &MasterPath,
    choice: impl FnOnce(Id, u32) -> KeyChoice,
) -> Result<Arc<KeyHandle>, Stop> {
    let selector = Selector::Name(path.name.clone());
    let key_id = permitted_id(facts, action, &selector)?;
    let handle = facts.key(&choice(key_id, path.version))?;
    named(facts, action, &selector, handle)
}
