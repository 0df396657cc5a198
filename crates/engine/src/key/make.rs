//! Making an application key, and another version of one.

use std::sync::Arc;

use strongroom_crypto::{asymmetric, column_envelope};
use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Generation, Id, Timestamp, body};
use strongroom_secret::SecretBytes;

use super::algorithm::Algorithm;
use super::body::{KeyBody, KeyVersion};
use super::state::State;
use super::unwrap::{WrapKeyHandle, material};
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

/// Makes a key with one active version, wrapped under `wrap`, that seals values.
///
/// # Panics
/// For a purpose that does not seal.
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
    let bytes = new_bytes(None, &mut |slot| randomness.fill(slot));
    let first = new_version(id, 1, wrap, (None, &bytes), now);
    let body = KeyBody::new(name.clone(), purpose, None, now, first);
    let material = Arc::new(material(&body, &bytes).expect("32 bytes are a key that seals"));
    let (state, generation) = (State::Active, Generation::NONE);
    let handle = KeyHandle { key_id: id, version: 1, name, purpose, state, generation, usage_limit: None, material };
    NewKey { id, body, handle }
}

impl NewKey {
    /// What stores it. The commit belongs to those that are witnessed: it creates a key.
    #[must_use]
    pub fn change(&self) -> Change {
        key_change(self.id, &self.body, NameChange::Take(self.body.name.clone()))
    }
}

/// Writes a key's record.
pub(super) fn key_change(id: Id, key: &KeyBody, name: NameChange) -> Change {
    Change::Put { key: KeyBody::record_key(id), body: SecretBytes::from_vec(body::encode(key)), name }
}

/// The bytes of a new version.
pub(super) fn new_bytes(algorithm: Option<Algorithm>, fill: &mut dyn FnMut(&mut [u8])) -> SecretBytes {
    if let Some(signature) = algorithm.and_then(Algorithm::signature) {
        // Primes and scalars are found by the library, with its own randomness.
        return asymmetric::PrivateKey::generate(signature).to_pkcs8();
    }
    if algorithm == Some(Algorithm::Rsa3072Oaep) {
        return column_envelope::MasterKey::generate().to_pkcs8();
    }
    let mut bytes = SecretBytes::with_capacity(KEY_BYTES);
    fill(bytes.extend_zeroed(KEY_BYTES));
    bytes
}

/// A version that is active at once.
pub(super) fn new_version(
    id: Id,
    number: u32,
    wrap: &WrapKeyHandle,
    (algorithm, bytes): (Option<Algorithm>, &SecretBytes),
    now: Timestamp,
) -> KeyVersion {
    KeyVersion {
        number,
        state: State::Active,
        created_at: now,
        activated_at: now,
        deactivated_at: Timestamp(0),
        wrapped: wrap.wrap(id, number, bytes.expose()),
        compromised_at: None,
        destroy_at: None,
        imported: None,
        public: algorithm.and_then(|algorithm| public_spki(algorithm, bytes)).map(Into::into),
        reserved: None,
        wrapped_under_root: None,
    }
}

/// The public key of a version that has one.
fn public_spki(algorithm: Algorithm, bytes: &SecretBytes) -> Option<Vec<u8>> {
    if algorithm == Algorithm::Rsa3072Oaep {
        let master = column_envelope::MasterKey::from_pkcs8(bytes).ok()?;
        return Some(master.public().spki().to_vec());
    }
    let private = asymmetric::PrivateKey::from_pkcs8(algorithm.signature()?, bytes).ok()?;
    Some(private.public_spki())
}

/// Bytes of a symmetric key.
pub(super) const KEY_BYTES: usize = 32;
