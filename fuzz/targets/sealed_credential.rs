//! A sealed credential: opening it with a key that it was never sealed to, and with the one of the seeds.

use strongroom_envelope::Id;
use strongroom_envelope::credential::{self, Bond, CredentialError, LEAST_LENGTH};
use strongroom_secret::AgreementKey;

/// Reads `data` as a sealed credential.
pub fn target(data: &[u8]) {
    let key = |byte: u8| AgreementKey::fill_with(|slot| *slot = [byte; 32]);
    let bond = Bond { id: Id([1; 16]), revision: 2, uid: 3 };
    let has_form = data.len() >= LEAST_LENGTH && data[..4] == [3, 4, 0, 1];
    let expected = if has_form { CredentialError::Unauthentic } else { CredentialError::Malformed };
    assert_eq!(credential::open(&key(0xf0), bond, data).err(), Some(expected));
    // The seeds are sealed to this one.
    match credential::open(&key(0x0f), bond, data) {
        Ok(opened) => assert_eq!(opened.value.len(), data.len() - LEAST_LENGTH),
        Err(refused) => assert_eq!(refused, expected),
    }
}
