//! What the uses of a key have in common: which key is meant, limits, and items that fail alone.

use std::sync::Arc;

use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_envelope::{Id, RecordKind};
use strongroom_secret::SecretBytes;

use crate::find::missing;
use crate::key::KeyBody;
use crate::key::limit::Allowance;
use crate::name::{Name, Selector};
use crate::policy::{Action, Object};
use crate::rule::{Facts, KeyChoice, KeyHandle, Refusal, Stop};

/// The most items of a batch.
pub const BATCH_LIMIT: usize = 1000;
/// The longest plaintext of one value.
pub const PLAINTEXT_BYTES: usize = 1 << 20;

/// The active version of the key that is meant. The key's record is not read: what memory holds of it is as new as the index.
pub(crate) fn active(facts: &mut Facts<'_>, action: Action, selector: &Selector) -> Result<Arc<KeyHandle>, Stop> {
    let id = permitted_id(facts, action, selector)?;
    let handle = facts.key(&KeyChoice::Active(id))?;
    named(facts, action, selector, handle)
}

/// The id of the key that is meant; for one given by id the name is judged when it is known.
pub(crate) fn permitted_id(facts: &mut Facts<'_>, action: Action, selector: &Selector) -> Result<Id, Stop> {
    match selector {
        Selector::Name(name) => {
            facts.permit(action, Object::Name(name.as_str()))?;
            facts.name(RecordKind::Key, name)?.ok_or_else(|| missing::<KeyBody>(selector).into())
        }
        Selector::Id(id) => {
            facts.permit(action, Object::Id(*id))?;
            Ok(*id)
        }
    }
}

/// Judges a key that was given by id on its name: whoever may not touch that name is answered as if nothing were there.
pub(crate) fn named(
    facts: &mut Facts<'_>,
    action: Action,
    selector: &Selector,
    handle: Arc<KeyHandle>,
) -> Result<Arc<KeyHandle>, Stop> {
    match selector {
        Selector::Name(name) if *name == handle.name => Ok(handle),
        // Renamed since the name was looked up.
        Selector::Name(_) => Err(Stop::Stale),
        Selector::Id(_) => match permit_name(facts, action, &handle.name) {
            Err(Stop::Refused(Refusal::Denied { .. })) => Err(missing::<KeyBody>(selector).into()),
            other => other.map(|()| handle),
        },
    }
}

fn permit_name(facts: &mut Facts<'_>, action: Action, name: &Name) -> Result<(), Stop> {
    facts.permit(action, Object::Name(name.as_str()))
}

/// Notes a batch for the audit line, and refuses one that is too long.
pub(super) fn check_batch(facts: &mut Facts<'_>, items: usize) -> Result<(), Refusal> {
    if items == 1 {
        return Ok(());
    }
    facts.count(u32::try_from(items).unwrap_or(u32::MAX));
    if (1..=BATCH_LIMIT).contains(&items) {
        return Ok(());
    }
    Err(Refusal::Invalid { field: "items", reason: format!("choose 1 to {BATCH_LIMIT} items") })
}

/// Notes the names of a batch's contexts for the audit line; their texts are never written.
pub(super) fn note_contexts<'a>(facts: &mut Facts<'_>, contexts: impl Iterator<Item = &'a Context>) {
    for context in contexts {
        facts.context(context);
    }
}

/// What the only value of a request is refused for is what the request is refused for, and stands in its line.
pub(super) fn refuse_only<T>(many: bool, items: &[Result<T, Refusal>]) -> Result<(), Refusal> {
    match items {
        [Err(refusal)] if !many => Err(refusal.clone()),
        _ => Ok(()),
    }
}

/// What became of one item: a refusal concerns this item alone, anything else the whole request.
pub(super) fn alone<T>(outcome: Result<T, Stop>) -> Result<Result<T, Refusal>, Stop> {
    match outcome {
        Ok(done) => Ok(Ok(done)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(other) => Err(other),
    }
}

/// What a value may be refused for, whatever the key.
pub(super) fn check_value<'a>(
    context: Result<&'a Context, &Refusal>,
    plaintext: &[u8],
) -> Result<&'a Context, Refusal> {
    let context = context.map_err(Clone::clone)?;
    let actual = plaintext.len();
    if actual > PLAINTEXT_BYTES {
        return Err(Refusal::TooLarge { what: "the value", actual, limit: PLAINTEXT_BYTES });
    }
    Ok(context)
}

/// Seals a value for an application: one use of the key.
pub(super) fn seal(
    uses: &mut Allowance<'_>,
    context: Result<&Context, &Refusal>,
    plaintext: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let context = check_value(context, plaintext)?;
    let key = uses.key();
    let sealing = key.sealing(Purpose::Values)?;
    uses.take()?;
    let mut sealed = Vec::with_capacity(value::LEAST_LENGTH + plaintext.len());
    value::seal(sealing, Purpose::Values, key.key_id, key.version, &Place::Context(context), plaintext, &mut sealed);
    Ok(sealed)
}

/// Opens a value of an application with the version it names. Whatever does not fit gives one and the same refusal.
pub(super) fn open(
    facts: &mut Facts<'_>,
    choice: impl FnOnce(Id, u32) -> KeyChoice,
    key_id: Id,
    context: Result<&Context, &Refusal>,
    sealed: &[u8],
) -> Result<(Arc<KeyHandle>, SecretBytes), Stop> {
    let context = context.map_err(Clone::clone)?;
    let header = value::parse(sealed).map_err(|_| Refusal::DoesNotOpen)?;
    if header.key_id != key_id || header.purpose != Purpose::Values {
        return Err(Refusal::DoesNotOpen.into());
    }
    let handle = facts.key(&choice(key_id, header.key_version))?;
    let mut opened = SecretBytes::with_capacity(sealed.len());
    let sealing = handle.sealing(Purpose::Values)?;
    value::open(sealing, Purpose::Values, &Place::Context(context), sealed, &mut opened)
        .map_err(|_| Refusal::DoesNotOpen)?;
    Ok((handle, opened))
}
