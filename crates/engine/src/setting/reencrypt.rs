//! After the key for settings was rotated, a setting gets a new key of its own, under the new version.

use strongroom_envelope::RecordKey;

use super::body::SettingBody;
use super::seal::{open_encoded, seal_under};
use crate::reencrypt::Again;
use crate::rule::{Facts, KeyChoice, KeyHandle, Refusal, Stop};

/// Adds the record with its value under the active version. Name, class, revision and times stay.
pub(crate) fn seal_again(
    facts: &mut Facts<'_>,
    active: &KeyHandle,
    key: RecordKey,
    again: &mut Again,
) -> Result<(), Stop> {
    let Some(setting) = facts.record::<SettingBody>(key)? else { return Ok(()) };
    let (Some(id), Some(version)) = (setting.key_id, setting.key_version) else {
        // One that is in clear as its class says has nothing to be sealed again.
        return if setting.class.is_encrypted() { Err(Refusal::DoesNotOpen.into()) } else { Ok(()) };
    };
    if (id, version) == (active.key_id, active.version) {
        return Ok(());
    }
    // Whatever the state of the version that sealed it: a compromised one is the best reason to seal it again.
    let encoded = open_encoded(facts, key.id, setting, KeyChoice::Whatever(id, version))?;
    let sealed = seal_under(facts, active, (key.id, setting.revision), &encoded)?;
    let mut setting = setting.clone();
    setting.take(sealed);
    again.put(key, &setting);
    Ok(())
}
