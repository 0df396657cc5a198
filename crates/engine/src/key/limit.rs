//! `key.limit`: how often each version of a key may protect something; and the counting of it.
//!
//! A use is what makes something new: a value that is sealed, a data key or a column encryption key, a MAC, a signature. Opening
//! and verifying are never limited. The shell counts; what is counted is set aside in the key's record beforehand, so that no
//! use is forgotten.

use strongroom_envelope::Id;
use strongroom_envelope::value::Purpose;

use super::body::KeyBody;
use super::make::key_change;
use super::show::KeyView;
use crate::find::{Found, existing};
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Change, Done, Facts, KeyHandle, NameChange, Operation, Refusal, Stop};

/// The lowest and the highest limit.
const LIMITS: std::ops::RangeInclusive<u64> = 1..=1_000_000_000_000_000;
/// A block that is set aside is a 64th of the limit, but never more than this.
const LARGEST_BLOCK: u64 = 10_000;
/// The share of its uses from which on a version is near its limit, percent.
const NEAR: u128 = 90;

/// Limits how often each version of a key may protect something.
#[derive(Debug)]
pub struct Limit {
    /// Which key.
    pub selector: Selector,
    /// How often; none for as often as one likes.
    pub limit: Option<u64>,
}

impl Operation for Limit {
    type Reply = KeyView;
    const ACTION: Action = Action::KeyLimit;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<KeyView>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        check("limit", self.limit)?;
        let stored = facts.stored(found.id)?;
        let mut key = found.body.clone();
        if !matches!(key.purpose, Purpose::Values | Purpose::Mac | Purpose::Sign | Purpose::Columns) {
            return Err(Refusal::WrongPurpose { key: key.name.to_string(), purpose: key.purpose }.into());
        }
        key.usage_limit = self.limit;
        key.updated_at = facts.now();
        let reply = KeyView::of(found.id, &key, stored);
        Ok(facts.commit_witnessed(reply, vec![key_change(found.id, &key, NameChange::None)]))
    }
}

/// Refuses what is no limit.
pub(super) fn check(field: &'static str, limit: Option<u64>) -> Result<(), Refusal> {
    if limit.is_none_or(|limit| LIMITS.contains(&limit)) {
        return Ok(());
    }
    Err(Refusal::Invalid { field, reason: "choose 1 to 1,000,000,000,000,000, or none".to_owned() })
}

/// The uses that a request was granted, for its items in their order.
pub(crate) struct Allowance<'a> {
    key: &'a KeyHandle,
    left: Option<u64>,
}

impl<'a> Allowance<'a> {
    /// Asks for as many uses as `wanted` says; of a key without a limit there are always enough, and nothing is asked.
    pub fn ask(
        facts: &mut Facts<'_>,
        key: &'a KeyHandle,
        wanted: impl FnOnce(&mut Facts<'_>) -> Result<usize, Stop>,
    ) -> Result<Self, Stop> {
        let left = facts.uses(key, wanted)?;
        Ok(Self { key, left })
    }

    /// Of which key.
    pub const fn key(&self) -> &'a KeyHandle {
        self.key
    }

    /// Takes one.
    pub fn take(&mut self) -> Result<(), Refusal> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => {
                let (key, version) = (self.key.name.to_string(), self.key.version);
                Err(Refusal::UsageLimitReached { key, version, limit: self.key.usage_limit.unwrap_or(0) })
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

/// Sets a block of uses aside: as many as are wanted now, and at least a 64th of the limit. None when there is no limit, no
/// such version, or enough is set aside already.
#[must_use]
pub fn reserve(id: Id, key: &KeyBody, number: u32, used: u64, wanted: u64) -> Option<Change> {
    let limit = key.usage_limit?;
    let mut key = key.clone();
    let version = key.version_mut(number)?;
    if version.reserved.unwrap_or(0) >= used.saturating_add(wanted).min(limit) {
        return None;
    }
    let block = wanted.max((limit / 64).clamp(1, LARGEST_BLOCK));
    version.reserved = Some(used.saturating_add(block).min(limit));
    Some(key_change(id, &key, NameChange::None))
}

/// Whether so many uses are nearly all, or all.
#[must_use]
pub fn is_near(used: u64, limit: u64) -> bool {
    u128::from(used) * 100 >= u128::from(limit) * NEAR
}
