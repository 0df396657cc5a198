//! After the key for credentials was rotated, a credential gets a new key of its own, under the new version.

use strongroom_envelope::RecordKey;

use super::body::CredentialBody;
use super::seal::{open_with, seal_under};
use crate::reencrypt::Again;
use crate::rule::{Facts, KeyChoice, KeyHandle, Stop};

/// Adds the record with its value under the active version. Everything else of it stays.
pub(crate) fn seal_again(
    facts: &mut Facts<'_>,
    active: &KeyHandle,
    key: RecordKey,
    again: &mut Again,
) -> Result<(), Stop> {
    let Some(credential) = facts.record::<CredentialBody>(key)? else { return Ok(()) };
    let under = (credential.key_id, credential.key_version);
    if under == (active.key_id, active.version) {
        return Ok(());
    }
    // Whatever the state of the version that sealed it: a compromised one is the best reason to seal it again.
    let unsealed = open_with(facts, key.id, credential, &KeyChoice::Whatever(under.0, under.1))?;
    let place = (key.id, credential.revision);
    let sealed = seal_under(facts, active, &credential.owner().binding(), place, &unsealed.value)?;
    let mut credential = credential.clone();
    credential.take(sealed);
    again.put(key, &credential);
    Ok(())
}
