//! Values that are stored under an older key version are sealed again under the active one; the server's jobs do it.

use strongroom_envelope::value::{self, Place, Purpose};
use strongroom_envelope::{Id, RecordKey, RecordKind, body};
use strongroom_secret::SecretBytes;

use super::KEY_NAME;
use super::body::{Provider, SecretVersionBody, VALUE_FIELD};
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, KeyChoice, KeyHandle, NameChange, Operation, Refusal, Reply, Stop};

/// The most records of one commit.
pub const REENCRYPT_RECORDS: usize = 60;
/// The most bytes of their bodies, the last one apart.
const REENCRYPT_BYTES: usize = 32 << 10;

/// Seals again what these records hold. Their heads do not change: id, number and time of a version stay.
#[derive(Debug)]
pub struct Reencrypt {
    /// Records of versions, at most [`REENCRYPT_RECORDS`].
    pub records: Vec<Id>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReencryptReply {
    /// How many of the records were looked at, from the beginning; what is left was too large for this commit.
    pub looked_at: usize,
    /// How many were sealed again.
    pub sealed: usize,
    /// Those that could not be, and why.
    pub failed: Vec<(Id, Refusal)>,
}

impl Operation for Reencrypt {
    type Reply = ReencryptReply;
    const ACTION: Action = Action::KeyReencrypt;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ReencryptReply>, Stop> {
        facts.permit(Self::ACTION, Object::Name(KEY_NAME))?;
        facts.prefetch(self.records.iter().map(|id| record_key(*id)))?;
        let active = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let mut reply = ReencryptReply::default();
        let mut changes = Vec::with_capacity(self.records.len());
        let mut bytes = 0;
        for id in &self.records {
            if bytes > REENCRYPT_BYTES {
                break;
            }
            reply.looked_at += 1;
            match again(facts, &active, *id) {
                Ok(Some((change, size))) => {
                    bytes += size;
                    changes.push(change);
                }
                // Destroyed meanwhile, or sealed by a put.
                Ok(None) => {}
                Err(Stop::Refused(why)) => reply.failed.push((*id, why)),
                Err(other) => return Err(other),
            }
        }
        reply.sealed = changes.len();
        facts.used_key(active.key_id, active.version);
        facts.count(u32::try_from(reply.sealed).unwrap_or(u32::MAX));
        Ok(facts.commit(reply, changes))
    }
}

/// The record with its value under the active version, and how many bytes that is.
fn again(facts: &mut Facts<'_>, active: &KeyHandle, id: Id) -> Result<Option<(Change, usize)>, Stop> {
    let Some(stored) = facts.record::<SecretVersionBody>(record_key(id))? else { return Ok(None) };
    if stored.provider == Provider::Aes256 && (stored.key_id, stored.key_version) == (active.key_id, active.version) {
        return Ok(None);
    }
    let place = Place::Record { key: record_key(id), field: VALUE_FIELD, version: stored.number };
    let mut again = stored.clone();
    again.value = Vec::with_capacity(stored.value.len() + value::LEAST_LENGTH);
    let sealing = active.sealing(Purpose::Secrets)?;
    let mut reseal = |plaintext: &[u8]| {
        value::seal(sealing, Purpose::Secrets, active.key_id, active.version, &place, plaintext, &mut again.value);
    };
    match stored.provider {
        Provider::Cleartext => reseal(&stored.value),
        Provider::Aes256 => reseal(open(facts, stored, &place)?.expose()),
    }
    again.provider = Provider::Aes256;
    (again.key_id, again.key_version) = (active.key_id, active.version);
    let body = body::encode(&again);
    let size = body.len();
    let change = Change::Put { key: record_key(id), body: SecretBytes::from_vec(body), name: NameChange::None };
    Ok(Some((change, size)))
}

/// The value, whatever the state of the version that sealed it: a compromised one is the best reason to seal it again.
fn open(facts: &mut Facts<'_>, stored: &SecretVersionBody, place: &Place<'_>) -> Result<SecretBytes, Stop> {
    let old = facts.key(&KeyChoice::Whatever(stored.key_id, stored.key_version))?;
    let mut opened = SecretBytes::with_capacity(stored.value.len());
    let header = value::open(old.sealing(Purpose::Secrets)?, Purpose::Secrets, place, &stored.value, &mut opened)
        .map_err(|_| Refusal::DoesNotOpen)?;
    let named = (header.key_id, header.key_version) == (stored.key_id, stored.key_version);
    if named { Ok(opened) } else { Err(Refusal::DoesNotOpen.into()) }
}

const fn record_key(id: Id) -> RecordKey {
    RecordKey::new(RecordKind::SecretVersion, id)
}

impl Reply for ReencryptReply {}
