//! The credential key of an account, and the value sealed under it.

use strongroom_crypto::SealingKey;
use strongroom_envelope::credential::Binding;
use strongroom_envelope::value::{Context, Place, Purpose};
use strongroom_envelope::{Id, SealedDataKey, two_tier};
use strongroom_secret::{DataKey, SecretBytes};

use super::body::CredentialBody;
use crate::rule::{Facts, KeyChoice, KeyHandle, Refusal, Stop};

const PURPOSE: Purpose = Purpose::Credentials;

/// A value as it is stored.
pub(super) struct Sealed {
    /// The key version that the credential key is sealed under.
    pub key: (Id, u32),
    /// The bytes of the value field.
    pub value: Vec<u8>,
}

/// A value as it was, and the credential key it was sealed under.
pub(super) struct Unsealed {
    pub value: SecretBytes,
    pub data_key: DataKey,
}

/// A value under a new credential key, which is sealed under this version of the key for credentials.
pub(super) fn seal_under(
    facts: &mut Facts<'_>,
    master: &KeyHandle,
    binding: &Binding<'_>,
    (id, revision): (Id, u32),
    value: &SecretBytes,
) -> Result<Sealed, Stop> {
    let context = context(binding, id, revision)?;
    let place = Place::Context(&context);
    let data_key = DataKey::fill_with(|slot| facts.fill(slot));
    let key = (master.key_id, master.version);
    let sealed_key = SealedDataKey::seal(master.sealing(PURPOSE)?, PURPOSE, key.0, key.1, &place, &data_key);
    let mut sealed = Vec::with_capacity(two_tier::LEAST_LENGTH + value.len());
    two_tier::seal(&SealingKey::new(data_key.expose()), &sealed_key, &place, value.expose(), &mut sealed);
    Ok(Sealed { key, value: sealed })
}

/// The value of a credential, with the version of the key for credentials that its record names.
pub(super) fn open(facts: &mut Facts<'_>, id: Id, credential: &CredentialBody) -> Result<Unsealed, Stop> {
    let choice = KeyChoice::Exact(credential.key_id, credential.key_version);
    open_with(facts, id, credential, &choice)
}

/// The same with this choice of a key. Whatever does not fit gives one and the same refusal.
pub(super) fn open_with(
    facts: &mut Facts<'_>,
    id: Id,
    credential: &CredentialBody,
    choice: &KeyChoice,
) -> Result<Unsealed, Stop> {
    let does_not_open = || Stop::Refused(Refusal::DoesNotOpen);
    let sealed_key = two_tier::parse(&credential.value).map_err(|_| does_not_open())?.data_key;
    let header = sealed_key.header();
    if (header.key_id, header.key_version) != (credential.key_id, credential.key_version) {
        return Err(does_not_open());
    }
    let master = facts.key(choice)?;
    let context = context(&credential.owner().binding(), id, credential.revision)?;
    let place = Place::Context(&context);
    let data_key = sealed_key.open(master.sealing(PURPOSE)?, &place).map_err(|_| does_not_open())?;
    let mut value = SecretBytes::with_capacity(credential.value.len());
    two_tier::open(&SealingKey::new(data_key.expose()), PURPOSE, &place, &credential.value, &mut value)
        .map_err(|_| does_not_open())?;
    Ok(Unsealed { value, data_key })
}

/// Where a value belongs: nowhere else does it open.
fn context(binding: &Binding<'_>, id: Id, revision: u32) -> Result<Context, Refusal> {
    binding.context(id, revision).map_err(|_| Refusal::DoesNotOpen)
}
