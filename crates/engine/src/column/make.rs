//! `column.key`: a column encryption key is made, and wrapped under the active version of a master key.

use strongroom_crypto::column_cell::{KEY_CHECK, key_check};
use strongroom_secret::ColumnKey;

use super::master::{Master, Wrapping};
use super::path::MasterPath;
use crate::key::{Allowance, active};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// Makes a column encryption key.
#[derive(Debug)]
pub struct Make {
    /// Under which master key.
    pub master: Selector,
    /// How it shall be wrapped; none for what the master key wraps by.
    pub wrapping: Option<Wrapping>,
}

/// A column encryption key.
#[derive(Debug)]
pub struct MakeReply {
    /// The master key version it is wrapped under.
    pub path: MasterPath,
    /// How it is wrapped.
    pub wrapping: Wrapping,
    /// The key, wrapped.
    pub envelope: Vec<u8>,
    /// The key itself.
    pub key: ColumnKey,
    /// What it is recognised by.
    pub check: [u8; KEY_CHECK],
}

impl Operation for Make {
    type Reply = MakeReply;
    const ACTION: Action = Action::ColumnKey;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<MakeReply>, Stop> {
        let handle = active(facts, Self::ACTION, &self.master)?;
        let master = Master::of(&handle)?;
        if let Some(wrapping) = self.wrapping {
            master.check(wrapping)?;
        }
        Allowance::ask(facts, &handle, |_| Ok(1))?.take()?;
        let key = ColumnKey::fill_with(|slot| facts.fill(slot));
        let (envelope, check) = (master.wrap(&key)?, key_check(&key));
        Ok(Done::read(MakeReply { path: master.path(), wrapping: master.wrapping(), envelope, key, check }))
    }
}

/// Never kept: it holds a key.
impl Reply for MakeReply {}
