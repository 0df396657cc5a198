//! Values that are stored under an older key version are sealed again under the active one; the server's jobs do it.

use strongroom_envelope::body::{self, Body};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_secret::SecretBytes;

use crate::name::Name;
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, KeyChoice, KeyHandle, NameChange, Operation, Refusal, Reply, Stop};
use crate::{credential, secret, setting, transaction};

/// The most records of one commit.
pub const RECORDS: usize = 60;
/// The most bytes of their bodies, the last one apart.
const BYTES: usize = 32 << 10;

/// Seals again what these records hold. Nothing else of them changes.
#[derive(Debug)]
pub struct Reencrypt {
    /// The key whose active version shall seal them.
    pub key: Id,
    /// Its name, for the trail.
    pub name: Name,
    /// Records of one family, at most [`RECORDS`].
    pub records: Vec<RecordKey>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReencryptReply {
    /// How many of the records were looked at, from the beginning; what is left was too large for this commit.
    pub looked_at: usize,
    /// How many were sealed again.
    pub sealed: usize,
    /// Those that could not be, and why.
    pub failed: Vec<(RecordKey, Refusal)>,
}

/// The records of one commit, as they will be.
#[derive(Default)]
pub(crate) struct Again {
    changes: Vec<Change>,
    bytes: usize,
}

impl Again {
    /// Adds a record with its value sealed again.
    pub(crate) fn put<B: Body>(&mut self, key: RecordKey, stored: &B) {
        let bytes = body::encode(stored);
        self.bytes += bytes.len();
        self.changes.push(Change::Put { key, body: SecretBytes::from_vec(bytes), name: NameChange::None });
    }

    /// Whether this record is among them.
    pub(crate) fn has(&self, key: RecordKey) -> bool {
        self.changes.iter().any(|change| change.key() == key)
    }

    /// A record may bring another one along, so the last place is left free.
    fn is_full(&self) -> bool {
        self.bytes > BYTES || self.changes.len() + 1 >= RECORDS
    }
}

impl Operation for Reencrypt {
    type Reply = ReencryptReply;
    const ACTION: Action = Action::KeyReencrypt;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ReencryptReply>, Stop> {
        facts.permit(Self::ACTION, Object::Name(self.name.as_str()))?;
        facts.prefetch(self.records.iter().copied())?;
        let active = facts.key(&KeyChoice::Active(self.key))?;
        let mut reply = ReencryptReply::default();
        let mut again = Again::default();
        for key in &self.records {
            if again.is_full() {
                break;
            }
            reply.looked_at += 1;
            match seal_again(facts, &active, *key, &mut again) {
                Ok(()) => {}
                Err(Stop::Refused(why)) => reply.failed.push((*key, why)),
                Err(other) => return Err(other),
            }
        }
        reply.sealed = again.changes.len();
        facts.used_key(active.key_id, active.version);
        facts.count(u32::try_from(reply.sealed).unwrap_or(u32::MAX));
        Ok(facts.commit(reply, again.changes))
    }
}

/// Adds the record with its value under the active version; nothing when it is gone meanwhile, or sealed by a change.
fn seal_again(facts: &mut Facts<'_>, active: &KeyHandle, key: RecordKey, again: &mut Again) -> Result<(), Stop> {
    match key.kind {
        RecordKind::SecretVersion => secret::seal_again(facts, active, key, again),
        RecordKind::Transaction | RecordKind::TransactionStep => transaction::seal_again(facts, active, key, again),
        RecordKind::Setting => setting::seal_again(facts, active, key, again),
        RecordKind::Credential => credential::seal_again(facts, active, key, again),
        _ => Err(Refusal::DoesNotOpen.into()),
    }
}

impl Reply for ReencryptReply {}
