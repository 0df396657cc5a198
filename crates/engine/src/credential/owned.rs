//! From a name to a credential for the account it belongs to.

use strongroom_envelope::{RecordKey, RecordKind};

use super::body::CredentialBody;
use crate::find::Found;
use crate::name::Selector;
use crate::policy::{Action, Object};
use crate::rule::{Facts, Refusal, Stop};

/// The credential, if it belongs to the caller. Whoever else asks learns nothing: not whether there is one either, and so it is
/// judged only once it is known whose it is, and a record that cannot be read belongs to nobody.
pub(super) fn owned<'a>(
    facts: &mut Facts<'a>,
    action: Action,
    selector: &Selector,
) -> Result<Found<'a, CredentialBody>, Stop> {
    let found = match look(facts, selector) {
        Ok(found) => found,
        Err(Stop::Refused(_)) => None,
        Err(other) => return Err(other),
    };
    let (name, uid, certificates) = match &found {
        Some(Found { body, .. }) => (body.name.to_string(), body.uid, body.pins()),
        None => (selector.to_string(), None, &[][..]),
    };
    facts.permit(action, Object::Owned { name: &name, uid, certificates })?;
    found.ok_or_else(|| Refusal::NotFound { what: "credential", target: name }.into())
}

fn look<'a>(facts: &mut Facts<'a>, selector: &Selector) -> Result<Option<Found<'a, CredentialBody>>, Stop> {
    let id = match selector {
        Selector::Id(id) => *id,
        Selector::Name(name) => match facts.name(RecordKind::Credential, name)? {
            Some(id) => id,
            None => return Ok(None),
        },
    };
    match (facts.record::<CredentialBody>(RecordKey::new(RecordKind::Credential, id))?, selector) {
        (Some(body), Selector::Name(name)) if body.name != *name => Err(Stop::Stale),
        (None, Selector::Name(_)) => Err(Stop::Stale),
        (None, Selector::Id(_)) => Ok(None),
        (Some(body), _) => Ok(Some(Found { id, body })),
    }
}
