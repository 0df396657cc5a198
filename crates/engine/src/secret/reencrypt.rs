//! A secret's value is sealed again under the active key version. Its head does not change: id, number and time stay.

use strongroom_envelope::RecordKey;
use strongroom_envelope::value::{self, Place, Purpose};
use strongroom_secret::SecretBytes;

use super::body::{Provider, SecretVersionBody, VALUE_FIELD};
use crate::reencrypt::Again;
use crate::rule::{Facts, KeyChoice, KeyHandle, Refusal, Stop};

/// Adds the record with its value under the active version.
pub(crate) fn seal_again(
    facts: &mut Facts<'_>,
    active: &KeyHandle,
    key: RecordKey,
    changes: &mut Again,
) -> Result<(), Stop> {
    let Some(stored) = facts.record::<SecretVersionBody>(key)? else { return Ok(()) };
    if stored.provider == Provider::Aes256 && (stored.key_id, stored.key_version) == (active.key_id, active.version) {
        return Ok(());
    }
    let place = Place::Record { key, field: VALUE_FIELD, version: stored.number };
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
    changes.put(key, &again);
    Ok(())
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
