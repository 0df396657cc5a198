//! `tx.archive`: closed transactions are read to be archived, and removed when they are.

use strongroom_envelope::{Id, RecordKind, Timestamp};

use super::body::TransactionBody;
use super::get::{GetReply, read};
use super::{head_change, missing, not_now, part};
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, IdsRequest, NameChange, Operation, Refusal, Reply, Stop};

/// The most transactions that one reply looks at; their records are in memory together.
pub const EXPORTED: usize = 16;
/// The most bytes of data in one reply, the last transaction apart.
const EXPORTED_BYTES: u64 = 4 << 20;

/// Reads closed transactions, in the order they were begun.
pub struct Export {
    /// Only those that were closed until then.
    pub until: Timestamp,
    /// Where the reply before ended.
    pub from: Cursor,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Transactions after this one.
    pub after: Option<Id>,
    /// First the steps of that one after this step.
    pub step: Option<u32>,
}

/// Transactions in clear.
pub struct ExportReply {
    /// Each with all its steps; the last one may go on in the next reply.
    pub transactions: Vec<GetReply>,
    /// Where the next reply begins; none when nothing follows.
    pub next: Option<Cursor>,
    /// How many could not be read.
    pub unreadable: u32,
    /// Those that are in an archive already and not wholly removed.
    pub removing: Vec<Id>,
}

/// What a look at one transaction came to.
enum Found {
    /// It is to be archived.
    Closed(GetReply),
    /// It is in an archive, and its removal was interrupted.
    Removing,
    /// It stays.
    Stays,
}

impl Operation for Export {
    type Reply = ExportReply;
    const ACTION: Action = Action::TxArchive;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ExportReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        let reply = match (self.from.after, self.from.step) {
            (Some(id), Some(step)) => go_on(facts, id, step)?,
            _ => self.export(facts)?,
        };
        facts.count(u32::try_from(reply.transactions.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

impl Export {
    fn export(&self, facts: &mut Facts<'_>) -> Result<ExportReply, Stop> {
        let request =
            IdsRequest { kind: RecordKind::Transaction, after: self.from.after, limit: EXPORTED, unfinished: false };
        let ids = facts.ids(&request)?;
        // An id begins with the time it was made at: what was begun later was not closed before. So whoever archives what is old
        // does not read all that is young.
        let later = Id::v7(self.until.0.saturating_add(1), [0; 10]);
        let (ids, young) = ids.split_at(ids.partition_point(|id| *id < later));
        facts.prefetch(ids.iter().map(|id| TransactionBody::record_key(*id)))?;
        let mut reply = ExportReply { transactions: Vec::new(), next: None, unreadable: 0, removing: Vec::new() };
        let mut bytes = 0;
        for id in ids {
            match self.one(facts, *id) {
                Ok(Found::Closed(found)) => {
                    bytes += size(&found);
                    let (left, step) = (found.left, found.steps.last().map(|step| step.step.sequence));
                    reply.transactions.push(found);
                    let step = step.filter(|_| left > 0);
                    if step.is_some() || bytes > EXPORTED_BYTES {
                        reply.next = Some(Cursor { after: Some(*id), step });
                        return Ok(reply);
                    }
                }
                Ok(Found::Removing) => reply.removing.push(*id),
                Ok(Found::Stays) => {}
                // That is no matter of one transaction, and passes.
                Err(locked @ Stop::Refused(Refusal::KeyLocked { .. })) => return Err(locked),
                Err(Stop::Refused(_)) => reply.unreadable += 1,
                Err(other) => return Err(other),
            }
        }
        let last = ids.last().copied().filter(|_| ids.len() == EXPORTED && young.is_empty());
        reply.next = last.map(|id| Cursor { after: Some(id), step: None });
        Ok(reply)
    }

    fn one(&self, facts: &mut Facts<'_>, id: Id) -> Result<Found, Stop> {
        let Some(found) = facts.record::<TransactionBody>(TransactionBody::record_key(id))? else {
            return Ok(Found::Stays);
        };
        if found.archived_at.is_some() {
            return Ok(Found::Removing);
        }
        if !found.state.is_closed() || found.updated_at > self.until {
            return Ok(Found::Stays);
        }
        read(facts, id, found, 0).map(Found::Closed)
    }
}

fn go_on(facts: &mut Facts<'_>, id: Id, step: u32) -> Result<ExportReply, Stop> {
    let found = facts.record::<TransactionBody>(TransactionBody::record_key(id))?.ok_or_else(|| missing(id))?;
    let page = read(facts, id, found, step)?;
    let step = page.steps.last().map(|step| step.step.sequence).filter(|_| page.left > 0);
    Ok(ExportReply {
        transactions: vec![page],
        next: Some(Cursor { after: Some(id), step }),
        unreadable: 0,
        removing: Vec::new(),
    })
}

fn size(found: &GetReply) -> u64 {
    let steps = found.steps.iter().flat_map(|step| step.state.iter().chain(&step.rollback));
    found.request.iter().chain(steps).map(|part| part.len() as u64).sum()
}

/// Never kept: it holds data.
impl Reply for ExportReply {}

/// The most parts that one commit removes, beside the transaction's record.
const REMOVED: usize = 50;

/// Removes a closed transaction; the server does it after the archive that holds it was opened again and compared. What has
/// more parts than one commit takes goes in several; the record names only what is there.
pub struct Archived {
    /// Which one.
    pub id: Id,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedReply {
    /// Whether nothing is left of it; if not, do it again.
    pub removed: bool,
}

impl Operation for Archived {
    type Reply = ArchivedReply;
    const ACTION: Action = Action::TxArchive;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ArchivedReply>, Stop> {
        facts.permit(Self::ACTION, Object::Id(self.id))?;
        let key = TransactionBody::record_key(self.id);
        let Some(found) = facts.record::<TransactionBody>(key)? else {
            return Ok(Done::read(ArchivedReply { removed: true }));
        };
        if !found.state.is_closed() {
            return Err(not_now(self.id, found, "be archived").into());
        }
        let apart: Vec<Id> = found.parts().filter_map(|(_, _, part)| part.record).collect();
        let removed = apart.len() <= REMOVED;
        let mut changes = Vec::with_capacity(REMOVED + 1);
        if removed {
            changes.extend(apart.into_iter().map(part::removal));
            changes.push(Change::Delete { key, name: NameChange::None });
        } else {
            let mut rest = found.clone();
            rest.archived_at = Some(facts.now());
            let parts = rest.steps.iter_mut().flat_map(|step| [&mut step.state, &mut step.rollback]);
            for part in parts.filter(|part| part.as_ref().is_some_and(|part| part.record.is_some())).take(REMOVED) {
                changes.extend(part.take().and_then(|part| part.record).map(part::removal));
            }
            changes.push(head_change(self.id, &rest));
        }
        Ok(facts.commit(ArchivedReply { removed }, changes))
    }
}

impl Reply for ArchivedReply {}
