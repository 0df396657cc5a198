//! Records that an older store key sealed are written again, and the committer seals them under the active one.

use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_secret::SecretBytes;

use crate::policy::{Action, Object};
use crate::reencrypt::ReencryptReply;
use crate::rule::{Change, Done, Facts, NameChange, Operation, Stop};

/// What people call the keys that seal records.
pub const STORE_KEY_NAME: &str = "store";
/// Stands for them where the id of a key is wanted.
pub const STORE_KEY_ID: Id = Id([0xff; 16]);
/// The most bytes of the bodies of one commit, the last one apart.
const BYTES: usize = 32 << 10;

/// Whether a record of this kind is sealed under a store key.
#[must_use]
pub const fn is_sealed(kind: RecordKind) -> bool {
    kind.is_indexed() && !matches!(kind, RecordKind::Protector | RecordKind::Keyring)
}

/// Writes records again as they are.
#[derive(Debug)]
pub struct Reseal {
    /// Which ones, at most 60.
    pub records: Vec<RecordKey>,
}

impl Operation for Reseal {
    type Reply = ReencryptReply;
    const ACTION: Action = Action::KeyReencrypt;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ReencryptReply>, Stop> {
        facts.permit(Self::ACTION, Object::Name(STORE_KEY_NAME))?;
        facts.prefetch(self.records.iter().copied())?;
        let mut reply = ReencryptReply::default();
        let mut changes = Vec::with_capacity(self.records.len());
        let mut bytes = 0;
        for key in &self.records {
            if bytes > BYTES {
                break;
            }
            reply.looked_at += 1;
            match facts.body(*key) {
                Ok(Some(body)) => {
                    bytes += body.len();
                    let body = SecretBytes::from_slice(body.expose());
                    changes.push(Change::Put { key: *key, body, name: NameChange::None });
                }
                // Removed meanwhile.
                Ok(None) => {}
                Err(Stop::Refused(why)) => reply.failed.push((*key, why)),
                Err(other) => return Err(other),
            }
        }
        reply.sealed = changes.len();
        facts.count(u32::try_from(reply.sealed).unwrap_or(u32::MAX));
        Ok(facts.commit(reply, changes))
    }
}
