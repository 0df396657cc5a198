//! A setting's own key, and its value sealed under it.

use strongroom_crypto::SealingKey;
use strongroom_envelope::value::{Place, Purpose};
use strongroom_envelope::{Id, SealedDataKey, two_tier};
use strongroom_secret::{DataKey, SecretBytes};

use super::KEY_NAME;
use super::body::SettingBody;
use super::class::Class;
use super::value::SettingValue;
use crate::rule::{Facts, KeyChoice, KeyHandle, Refusal, Stop};

/// The field that holds the value; it is part of the value's place.
const VALUE_FIELD: u16 = 8;
const PURPOSE: Purpose = Purpose::Settings;

/// A value as it is stored.
pub(super) struct Sealed {
    /// The key version that the setting's own key is sealed under; none for a value in clear.
    pub key: Option<(Id, u32)>,
    /// The bytes of the value field.
    pub value: Vec<u8>,
}

/// The value of a setting as its class wants it, under the active version of the key for settings.
pub(super) fn seal(
    facts: &mut Facts<'_>,
    class: Class,
    (id, revision): (Id, u32),
    value: &SettingValue,
) -> Result<Sealed, Stop> {
    let encoded = value.encode();
    if !class.is_encrypted() {
        return Ok(Sealed { key: None, value: encoded.expose().to_vec() });
    }
    let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
    seal_under(facts, &master, (id, revision), &encoded)
}

/// An encoded value under a new key of its own, which is sealed under this version.
pub(super) fn seal_under(
    facts: &mut Facts<'_>,
    master: &KeyHandle,
    (id, revision): (Id, u32),
    encoded: &SecretBytes,
) -> Result<Sealed, Stop> {
    let data_key = DataKey::fill_with(|slot| facts.fill(slot));
    let (place, key) = (place(id, revision), (master.key_id, master.version));
    let sealed_key = SealedDataKey::seal(master.sealing(PURPOSE)?, PURPOSE, key.0, key.1, &place, &data_key);
    let mut value = Vec::with_capacity(two_tier::LEAST_LENGTH + encoded.len());
    two_tier::seal(&SealingKey::new(data_key.expose()), &sealed_key, &place, encoded.expose(), &mut value);
    Ok(Sealed { key: Some(key), value })
}

/// The value of a setting. Whatever does not fit gives one and the same refusal.
pub(super) fn open(facts: &mut Facts<'_>, id: Id, setting: &SettingBody) -> Result<SettingValue, Stop> {
    let encoded = match (setting.class.is_encrypted(), setting.key_id, setting.key_version) {
        (true, Some(key), Some(version)) => open_encoded(facts, id, setting, KeyChoice::Exact(key, version))?,
        (false, None, None) => SecretBytes::from_slice(&setting.value),
        _ => return Err(Refusal::DoesNotOpen.into()),
    };
    Ok(SettingValue::decode(setting.value_type, encoded).ok_or(Refusal::DoesNotOpen)?)
}

/// The encoded value of an encrypted setting, opened with the key version that the record names.
pub(super) fn open_encoded(
    facts: &mut Facts<'_>,
    id: Id,
    setting: &SettingBody,
    choice: KeyChoice,
) -> Result<SecretBytes, Stop> {
    let does_not_open = || Stop::Refused(Refusal::DoesNotOpen);
    let sealed_key = two_tier::parse(&setting.value).map_err(|_| does_not_open())?.data_key;
    let header = sealed_key.header();
    if (Some(header.key_id), Some(header.key_version)) != (setting.key_id, setting.key_version) {
        return Err(does_not_open());
    }
    let master = facts.key(&choice)?;
    let place = place(id, setting.revision);
    let data_key = sealed_key.open(master.sealing(PURPOSE)?, &place).map_err(|_| does_not_open())?;
    let mut encoded = SecretBytes::with_capacity(setting.value.len());
    two_tier::open(&SealingKey::new(data_key.expose()), PURPOSE, &place, &setting.value, &mut encoded)
        .map_err(|_| does_not_open())?;
    Ok(encoded)
}

/// Where a value belongs: nowhere else does it open, and after the next change not there either.
const fn place(id: Id, revision: u32) -> Place<'static> {
    Place::Record { key: SettingBody::record_key(id), field: VALUE_FIELD, version: revision }
}
