//! After the master key was rotated a transaction gets a new key of its own, under the new version, and its parts are sealed again.

use minicbor::bytes::ByteVec;
use strongroom_envelope::{RecordKey, RecordKind};

use super::body::{PartBody, TransactionBody};
use super::seal::Seal;
use crate::reencrypt::Again;
use crate::rule::{Facts, KeyHandle, Refusal, Stop};

/// Adds the record with what it holds under the active version of the master key. A part brings its transaction along, whose
/// new key it is sealed under in the next commit: both together may be too large for one.
pub(crate) fn seal_again(
    facts: &mut Facts<'_>,
    active: &KeyHandle,
    key: RecordKey,
    again: &mut Again,
) -> Result<(), Stop> {
    if again.has(key) {
        return Ok(());
    }
    if key.kind == RecordKind::Transaction {
        head(facts, active, key, again).map(|_| ())
    } else {
        part(facts, active, key, again)
    }
}

/// The transaction's new key; none when it is gone or in clear.
fn head(facts: &mut Facts<'_>, active: &KeyHandle, key: RecordKey, again: &mut Again) -> Result<Option<Seal>, Stop> {
    let Some(stored) = facts.record::<TransactionBody>(key)? else { return Ok(None) };
    if !stored.is_encrypted() {
        return Ok(None);
    }
    let old = Seal::whatever(facts, key.id, stored)?;
    if old.master() == Some((active.key_id, active.version)) {
        return Ok(Some(old));
    }
    let new = Seal::under(facts, active, key.id)?;
    let mut body = stored.clone();
    for (sequence, datum, part) in body.parts_mut() {
        if let Some(inline) = &part.inline {
            let clear = old.open(facts, (sequence, datum), inline, true)?;
            part.inline = Some(ByteVec::from(new.seal((sequence, datum), clear.expose())));
        }
    }
    new.note_in(&mut body);
    again.put(key, &body);
    Ok(Some(new))
}

/// A part is sealed under the key that its transaction has by now; while that is being changed in the same commit it waits for
/// the next one, which knows the new key.
fn part(facts: &mut Facts<'_>, active: &KeyHandle, key: RecordKey, again: &mut Again) -> Result<(), Stop> {
    let Some(stored) = facts.record::<PartBody>(key)? else { return Ok(()) };
    if (stored.key_id, stored.key_version) == (Some(active.key_id), Some(active.version)) || stored.key_id.is_none() {
        return Ok(());
    }
    let transaction = TransactionBody::record_key(stored.transaction);
    if again.has(transaction) {
        return Ok(());
    }
    let Some(seal) = head(facts, active, transaction, again)? else { return Err(Refusal::DoesNotOpen.into()) };
    if again.has(transaction) {
        return Ok(());
    }
    let what = (stored.sequence, stored.datum);
    let clear = seal.open(facts, what, &stored.payload, true)?;
    let mut body = stored.clone();
    body.payload = seal.seal(what, clear.expose());
    body.key_id = seal.master().map(|master| master.0);
    body.key_version = seal.master().map(|master| master.1);
    again.put(key, &body);
    Ok(())
}
