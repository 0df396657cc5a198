//! From what a caller gives to the head of a secret, authorised by its canonical name.

use strongroom_envelope::Id;

use super::body::SecretBody;
use crate::name::{Name, Selector};
use crate::policy::{Action, Object};
use crate::rule::{Facts, Refusal, Stop};

/// A secret that the caller may do this to.
pub(super) struct Found<'a> {
    pub id: Id,
    pub head: &'a SecretBody,
}

/// The secret, or that there is none. Permission is judged before existence is told: a caller who may not learns nothing.
pub(super) fn find<'a>(facts: &mut Facts<'a>, action: Action, selector: &Selector) -> Result<Option<Found<'a>>, Stop> {
    match selector {
        Selector::Name(name) => by_name(facts, action, name),
        Selector::Id(id) => by_id(facts, action, *id),
    }
}

/// The secret, or the refusal of a missing one.
pub(super) fn existing<'a>(facts: &mut Facts<'a>, action: Action, selector: &Selector) -> Result<Found<'a>, Stop> {
    find(facts, action, selector)?.ok_or_else(|| missing(selector).into())
}

/// The secret, or the refusal of a missing or deleted one.
pub(super) fn live<'a>(facts: &mut Facts<'a>, action: Action, selector: &Selector) -> Result<Found<'a>, Stop> {
    let found = existing(facts, action, selector)?;
    found.refuse_deleted(selector)?;
    Ok(found)
}

pub(super) fn missing(selector: &Selector) -> Refusal {
    Refusal::NotFound { what: "secret", target: selector.to_string() }
}

impl Found<'_> {
    /// Refuses when the secret is deleted.
    pub fn refuse_deleted(&self, selector: &Selector) -> Result<(), Refusal> {
        match self.head.deleted_at {
            Some(_) => Err(Refusal::Deleted { target: selector.to_string() }),
            None => Ok(()),
        }
    }

    /// Compare-and-set: refuses when another version is current than the caller expects.
    pub fn refuse_other_version(&self, expected: Option<u32>) -> Result<(), Refusal> {
        let found = self.head.current;
        match expected {
            Some(expected) if expected != found => Err(Refusal::VersionConflict { expected, found }),
            _ => Ok(()),
        }
    }
}

fn by_name<'a>(facts: &mut Facts<'a>, action: Action, name: &Name) -> Result<Option<Found<'a>>, Stop> {
    facts.permit(action, Object::Name(name.as_str()))?;
    let Some(id) = facts.name(SecretBody::KIND, name)? else {
        return Ok(None);
    };
    match facts.record::<SecretBody>(SecretBody::record_key(id))? {
        Some(head) if head.name == *name => Ok(Some(Found { id, head })),
        // Renamed or destroyed since the name was looked up.
        Some(_) | None => Err(Stop::Stale),
    }
}

/// An id is judged twice: first whether the caller may do this at all, then on the name it stands for. Whoever may not touch
/// that name is answered as if nothing were there.
fn by_id<'a>(facts: &mut Facts<'a>, action: Action, id: Id) -> Result<Option<Found<'a>>, Stop> {
    facts.permit(action, Object::Id(id))?;
    let Some(head) = facts.record::<SecretBody>(SecretBody::record_key(id))? else {
        return Ok(None);
    };
    match facts.permit(action, Object::Name(head.name.as_str())) {
        Ok(()) => Ok(Some(Found { id, head })),
        Err(Stop::Refused(Refusal::Denied { .. })) => Ok(None),
        Err(other) => Err(other),
    }
}
