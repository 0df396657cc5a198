//! From what a caller gives to a named record, authorised by its canonical name.

use strongroom_envelope::{Id, RecordKey, RecordKind};

use crate::name::{Name, Selector};
use crate::policy::{Action, Object};
use crate::rule::{Facts, Refusal, Stop, Stored};

/// A record with a name.
pub(crate) trait Named: Stored {
    /// The kind of its record.
    const KIND: RecordKind;
    /// What people call it.
    const WHAT: &'static str;
    /// The name it has.
    fn name(&self) -> &Name;
}

/// A record that the caller may do this to.
pub(crate) struct Found<'a, T> {
    pub id: Id,
    pub body: &'a T,
}

/// The record, or that there is none. Permission is judged before existence is told: a caller who may not learns nothing.
pub(crate) fn find<'a, T: Named>(
    facts: &mut Facts<'a>,
    action: Action,
    selector: &Selector,
) -> Result<Option<Found<'a, T>>, Stop> {
    match selector {
        Selector::Name(name) => by_name(facts, action, name),
        Selector::Id(id) => by_id(facts, action, *id),
    }
}

/// The record, or the refusal of a missing one.
pub(crate) fn existing<'a, T: Named>(
    facts: &mut Facts<'a>,
    action: Action,
    selector: &Selector,
) -> Result<Found<'a, T>, Stop> {
    find(facts, action, selector)?.ok_or_else(|| missing::<T>(selector).into())
}

/// The refusal of a missing one.
pub(crate) fn missing<T: Named>(selector: &Selector) -> Refusal {
    Refusal::NotFound { what: T::WHAT, target: selector.to_string() }
}

fn by_name<'a, T: Named>(facts: &mut Facts<'a>, action: Action, name: &Name) -> Result<Option<Found<'a, T>>, Stop> {
    facts.permit(action, Object::Name(name.as_str()))?;
    let Some(id) = facts.name(T::KIND, name)? else {
        return Ok(None);
    };
    match facts.record::<T>(RecordKey::new(T::KIND, id))? {
        Some(body) if body.name() == name => Ok(Some(Found { id, body })),
        // Renamed or destroyed since the name was looked up.
        Some(_) | None => Err(Stop::Stale),
    }
}

/// An id is judged twice: first whether the caller may do this at all, then on the name it stands for. Whoever may not touch
/// that name is answered as if nothing were there.
fn by_id<'a, T: Named>(facts: &mut Facts<'a>, action: Action, id: Id) -> Result<Option<Found<'a, T>>, Stop> {
    facts.permit(action, Object::Id(id))?;
    let Some(body) = facts.record::<T>(RecordKey::new(T::KIND, id))? else {
        return Ok(None);
    };
    match facts.permit(action, Object::Name(body.name().as_str())) {
        Ok(()) => Ok(Some(Found { id, body })),
        Err(Stop::Refused(Refusal::Denied { .. })) => Ok(None),
        Err(other) => Err(other),
    }
}
