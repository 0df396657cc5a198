//! `column.rewrap`: a wrapped column encryption key is wrapped again, under the active version of a master key.

use super::master::{Master, Wrapping};
use super::path::MasterPath;
use super::unwrap::version;
use crate::key::{Allowance, active};
use crate::name::Selector;
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, KeyChoice, Operation, Reply, Stop};

/// Wraps a column encryption key again; the key never leaves the server.
#[derive(Debug)]
pub struct Rewrap {
    /// The master key version it is wrapped under.
    pub path: MasterPath,
    /// How it is wrapped.
    pub wrapping: Wrapping,
    /// The wrapped key.
    pub envelope: Vec<u8>,
    /// The master key it shall be wrapped under.
    pub to_master: Selector,
    /// Also open what a compromised version wrapped; needs [`Action::KeyDecryptCompromised`].
    pub compromised: bool,
}

/// The same column encryption key, wrapped again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewrapReply {
    /// The master key version it is wrapped under now.
    pub path: MasterPath,
    /// How it is wrapped.
    pub wrapping: Wrapping,
    /// The key, wrapped.
    pub envelope: Vec<u8>,
}

impl Operation for Rewrap {
    type Reply = RewrapReply;
    const ACTION: Action = Action::ColumnRewrap;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RewrapReply>, Stop> {
        let next = active(facts, Self::ACTION, &self.to_master)?;
        let target = Master::of(&next)?;
        if self.compromised {
            facts.permit(Action::KeyDecryptCompromised, Object::Name(self.path.name.as_str()))?;
        }
        let choice = match self.compromised {
            true => KeyChoice::Compromised,
            false => KeyChoice::Exact,
        };
        // Judged last, so that the line names the master key that was, and the version that is.
        let before = version(facts, Self::ACTION, &self.path, choice)?;
        let source = Master::of(&before)?;
        source.check(self.wrapping)?;
        let key = source.unwrap(&self.envelope)?;
        Allowance::ask(facts, &next, |_| Ok(1))?.take()?;
        facts.used_key(next.key_id, next.version);
        let envelope = target.wrap(&key)?;
        Ok(Done::read(RewrapReply { path: target.path(), wrapping: target.wrapping(), envelope }))
    }
}

/// Never kept: wrapping again is as good.
impl Reply for RewrapReply {}
