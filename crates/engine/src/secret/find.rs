//! From what a caller gives to the head of a secret, and what a deleted or changed one is refused with.

use strongroom_envelope::RecordKind;

use super::body::SecretBody;
use crate::find::{self, Named};
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Facts, Refusal, Stop};

/// A secret that the caller may do this to.
pub(super) type Found<'a> = find::Found<'a, SecretBody>;

impl Named for SecretBody {
    const KIND: RecordKind = RecordKind::Secret;
    const WHAT: &'static str = "secret";

    fn name(&self) -> &Name {
        &self.name
    }
}

/// The secret, or that there is none.
pub(super) fn find<'a>(facts: &mut Facts<'a>, action: Action, selector: &Selector) -> Result<Option<Found<'a>>, Stop> {
    find::find(facts, action, selector)
}

/// The secret, or the refusal of a missing one.
pub(super) fn existing<'a>(facts: &mut Facts<'a>, action: Action, selector: &Selector) -> Result<Found<'a>, Stop> {
    find::existing(facts, action, selector)
}

/// The secret, or the refusal of a missing or deleted one.
pub(super) fn live<'a>(facts: &mut Facts<'a>, action: Action, selector: &Selector) -> Result<Found<'a>, Stop> {
    let found = existing(facts, action, selector)?;
    found.refuse_deleted(selector)?;
    Ok(found)
}

pub(super) fn missing(selector: &Selector) -> Refusal {
    find::missing::<SecretBody>(selector)
}

impl Found<'_> {
    /// Refuses when the secret is deleted.
    pub fn refuse_deleted(&self, selector: &Selector) -> Result<(), Refusal> {
        match self.body.deleted_at {
            Some(_) => Err(Refusal::Deleted { target: selector.to_string() }),
            None => Ok(()),
        }
    }

    /// Compare-and-set: refuses when another version is current than the caller expects.
    pub fn refuse_other_version(&self, expected: Option<u32>) -> Result<(), Refusal> {
        let found = self.body.current;
        match expected {
            Some(expected) if expected != found => Err(Refusal::VersionConflict { expected, found }),
            _ => Ok(()),
        }
    }
}
