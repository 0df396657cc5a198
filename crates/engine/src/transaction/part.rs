//! Where parts lie: small ones in the transaction's own record, large ones in records of their own until it is closed.

use minicbor::bytes::ByteVec;
use strongroom_envelope::{Id, body as encoding};
use strongroom_secret::SecretBytes;

use super::PART_BYTES;
use super::body::{Datum, Part, PartBody, TransactionBody};
use super::seal::Seal;
use crate::rule::{Change, Facts, NameChange, Refusal, Stop};

/// A part of at most so many stored bytes lies in the transaction's record, which is written again at every step.
const INLINE_PART: usize = 4 << 10;
/// As long as all of them together are no more than this.
const INLINE_ALL: usize = 32 << 10;
/// The most bytes of parts and steps in the record of a closed transaction, which is not written again.
const FOLDED: usize = 1 << 20;
/// The most records that closing a transaction takes in: with its own they are one commit.
const FOLDED_RECORDS: usize = 59;

/// Seals a part and finds its place; the change that writes it when it has a record of its own.
pub(super) fn place(
    facts: &mut Facts<'_>,
    id: Id,
    seal: &Seal,
    transaction: Option<&TransactionBody>,
    what: (u32, Datum),
    clear: &SecretBytes,
) -> (Part, Option<Change>) {
    let size = clear.len() as u64;
    let stored = seal.seal(what, clear.expose());
    let inline = transaction.map_or(0, inline_bytes);
    if stored.len() <= INLINE_PART && inline + stored.len() <= INLINE_ALL {
        return (Part { size, inline: Some(ByteVec::from(stored)), record: None }, None);
    }
    let record = facts.new_id();
    let change = record_change(record, &PartBody::new(id, what, seal.master(), stored));
    (Part { size, inline: None, record: Some(record) }, Some(change))
}

/// Refuses what is too large before anything is done with it.
pub(super) fn check(what: &'static str, part: &SecretBytes) -> Result<(), Refusal> {
    if part.len() <= PART_BYTES {
        return Ok(());
    }
    Err(Refusal::TooLarge { what, actual: part.len(), limit: PART_BYTES })
}

/// The bytes of a part as they are stored.
pub(super) fn stored<'a>(
    facts: &mut Facts<'a>,
    id: Id,
    (sequence, datum): (u32, Datum),
    part: &'a Part,
) -> Result<&'a [u8], Stop> {
    if let Some(inline) = &part.inline {
        return Ok(inline);
    }
    let record = part.record.ok_or(Refusal::DoesNotOpen)?;
    // When the transaction still names it and it is gone, closing has taken it in meanwhile; or somebody gave it up.
    let lost = || Refusal::NotFound { what: datum.word(), target: format!("step {sequence} of {id}") };
    let body = facts.record::<PartBody>(PartBody::record_key(record))?.ok_or_else(|| Stop::Lost(lost()))?;
    let belongs = body.transaction == id && body.sequence == sequence && body.datum == datum;
    if belongs { Ok(&body.payload) } else { Err(Refusal::DoesNotOpen.into()) }
}

/// Asks for the records of these parts at once.
pub(super) fn prefetch<'p>(facts: &Facts<'_>, parts: impl Iterator<Item = &'p Part>) -> Result<(), Stop> {
    facts.prefetch(parts.filter_map(|part| part.record).map(PartBody::record_key))
}

/// A part in clear, if it is there.
pub(super) fn open<'a>(
    facts: &mut Facts<'a>,
    id: Id,
    seal: &Seal,
    what: (u32, Datum),
    part: Option<&'a Part>,
) -> Result<Option<SecretBytes>, Stop> {
    let Some(part) = part else { return Ok(None) };
    let stored = stored(facts, id, what, part)?;
    seal.open(facts, what, stored, false).map(Some)
}

/// Takes the parts of a transaction that ends into its own record, when they fit: the changes that remove theirs. One that
/// cannot be read, or is still under an older key than its transaction, keeps all of them where they are: a transaction can
/// always end, and its record holds nothing that is sealed under another version than it says.
pub(super) fn fold(facts: &mut Facts<'_>, id: Id, transaction: &mut TransactionBody) -> Result<Vec<Change>, Stop> {
    let apart: Vec<Id> = transaction.parts().filter_map(|(_, _, part)| part.record).collect();
    let parts: u64 = transaction.parts().map(|(_, _, part)| part.size + SEALED_MORE).sum();
    let steps: u64 = transaction.steps.iter().map(|step| step.procedure.len() as u64 + STEP_MORE).sum();
    if apart.is_empty() || apart.len() > FOLDED_RECORDS || parts + steps > FOLDED as u64 {
        return Ok(Vec::new());
    }
    facts.prefetch(apart.iter().map(|record| PartBody::record_key(*record)))?;
    let mut folded = transaction.clone();
    let key = (transaction.key_id, transaction.key_version);
    for (sequence, datum, part) in folded.parts_mut() {
        if let Some(record) = part.record {
            let body = match facts.record::<PartBody>(PartBody::record_key(record)) {
                Ok(Some(body)) => body,
                // When it is gone because the transaction was closed meanwhile, this commit is not taken.
                Ok(None) | Err(Stop::Refused(_)) => return Ok(Vec::new()),
                Err(other) => return Err(other),
            };
            let belongs = body.transaction == id && body.sequence == sequence && body.datum == datum;
            if !belongs || (body.key_id, body.key_version) != key {
                return Ok(Vec::new());
            }
            part.inline = Some(ByteVec::from(body.payload.clone()));
            part.record = None;
        }
    }
    *transaction = folded;
    Ok(apart.into_iter().map(removal).collect())
}

/// Writes a part's record.
pub(super) fn record_change(record: Id, part: &PartBody) -> Change {
    let body = SecretBytes::from_vec(encoding::encode(part));
    Change::Put { key: PartBody::record_key(record), body, name: NameChange::None }
}

/// Removes a part's record.
pub(super) fn removal(record: Id) -> Change {
    Change::Delete { key: PartBody::record_key(record), name: NameChange::None }
}

fn inline_bytes(transaction: &TransactionBody) -> usize {
    transaction.parts().filter_map(|(_, _, part)| part.inline.as_ref()).map(|inline| inline.len()).sum()
}

/// What a part needs beside its bytes, at most: the two-tier form and the heads of CBOR items.
const SEALED_MORE: u64 = 256;
/// What a step needs beside the name of its procedure and its parts, at most.
const STEP_MORE: u64 = 48;
