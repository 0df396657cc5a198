//! Making an application key.

use strongroom_crypto::SealingKey;
use strongroom_envelope::value::{self, Purpose};
use strongroom_envelope::{Id, Timestamp, body};
use strongroom_secret::{ApplicationKey, SecretBytes};

use super::body::{KeyBody, KeyVersion, State, place};
use super::unwrap::WrapKeyHandle;
use crate::name::Name;
use crate::rule::{Change, KeyHandle, NameChange, Randomness};

/// A key that was made and is not stored yet.
pub struct NewKey {
    /// Its id.
    pub id: Id,
    /// Its record.
    pub body: KeyBody,
    /// Its first version, ready for use once the record is stored.
    pub handle: KeyHandle,
}

/// Makes a key with one active version, wrapped under `wrap`.
pub fn new_application_key(
    name: Name,
    purpose: Purpose,
    wrap: &WrapKeyHandle,
    randomness: &mut dyn Randomness,
    now: Timestamp,
) -> NewKey {
    let mut random = [0; 10];
    randomness.fill(&mut random);
    let id = Id::v7(now.0, random);
    let key = ApplicationKey::fill_with(|slot| randomness.fill(slot));
    let first = KeyVersion {
        number: FIRST,
        state: State::Active,
        created_at: now,
        activated_at: now,
        deactivated_at: Timestamp(0),
        wrapped: wrap_version(&key, wrap, id, FIRST),
    };
    let handle = KeyHandle { key_id: id, version: FIRST, sealing: SealingKey::new(key.expose()) };
    NewKey { id, body: KeyBody::new(name, purpose, now, first), handle }
}

impl NewKey {
    /// What stores it. The commit belongs to those that are witnessed: it creates a key.
    #[must_use]
    pub fn change(&self) -> Change {
        let body = SecretBytes::from_vec(body::encode(&self.body));
        Change::Put { key: KeyBody::record_key(self.id), body, name: NameChange::Take(self.body.name.clone()) }
    }
}

fn wrap_version(key: &ApplicationKey, wrap: &WrapKeyHandle, key_id: Id, number: u32) -> Vec<u8> {
    let mut wrapped = Vec::new();
    let place = place(key_id, number);
    value::seal(&wrap.sealing, Purpose::Key, wrap.key_id, wrap.version, &place, key.expose(), &mut wrapped);
    wrapped
}

/// The number of a key's first version.
const FIRST: u32 = 1;
