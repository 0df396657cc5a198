//! Unwrapping a version of an application key.

use strongroom_crypto::SealingKey;
use strongroom_envelope::Id;
use strongroom_envelope::value::{self, Purpose};
use strongroom_secret::{ApplicationKey, SecretBytes, WrapKey};

use super::body::{KeyBody, ROOT_PROTECTOR, State, place};
use crate::rule::{KeyHandle, Refusal};

/// A wrap key of the keyring, ready for use.
pub struct WrapKeyHandle {
    /// Its id.
    pub key_id: Id,
    /// Its version.
    pub version: u32,
    /// The key itself.
    pub sealing: SealingKey,
}

/// Why a version cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// The key has no such version.
    #[error("the key `{key}` has no version {version}")]
    NoVersion {
        /// Name of the key.
        key: String,
        /// The version asked for.
        version: u32,
    },
    /// Its state does not let it open anything.
    #[error("version {version} of the key `{key}` is {}", state.word())]
    NotUsable {
        /// Name of the key.
        key: String,
        /// The version asked for.
        version: u32,
        /// Its state.
        state: State,
    },
    /// Its protector is not at hand.
    #[error("unwrapping version {version} of the key `{key}` needs the protector `{protector}`")]
    NeedsProtector {
        /// Name of the key.
        key: String,
        /// The version asked for.
        version: u32,
        /// The kind of protector.
        protector: String,
    },
    /// The wrap key it names is not in the keyring, or it does not authenticate under it.
    #[error("version {version} of the key `{key}` does not unwrap")]
    DoesNotUnwrap {
        /// Name of the key.
        key: String,
        /// The version asked for.
        version: u32,
    },
}

impl UnwrapError {
    /// What a rule is told that asked for the key.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        match self {
            Self::NotUsable { key, .. } | Self::NeedsProtector { key, .. } => Refusal::KeyLocked { key },
            Self::NoVersion { .. } | Self::DoesNotUnwrap { .. } => Refusal::DoesNotOpen,
        }
    }
}

impl WrapKeyHandle {
    /// Readies a wrap key.
    #[must_use]
    pub fn new(key_id: Id, version: u32, key: &WrapKey) -> Self {
        Self { key_id, version, sealing: SealingKey::new(key.expose()) }
    }
}

/// Readies a version of the key `id` for opening; whether it may also seal is told by [`KeyBody::active`].
///
/// # Errors
/// See [`UnwrapError`].
pub fn unwrap_version(
    id: Id,
    body: &KeyBody,
    version: u32,
    wrap_keys: &[WrapKeyHandle],
) -> Result<KeyHandle, UnwrapError> {
    let key = body.name.to_string();
    let Some(stored) = body.version(version) else {
        return Err(UnwrapError::NoVersion { key, version });
    };
    if !stored.state.opens() {
        return Err(UnwrapError::NotUsable { key, version, state: stored.state });
    }
    if body.protector != ROOT_PROTECTOR {
        return Err(UnwrapError::NeedsProtector { key, version, protector: body.protector.clone() });
    }
    let unwrapped = unwrap(id, version, &stored.wrapped, wrap_keys);
    let application_key = unwrapped.ok_or(UnwrapError::DoesNotUnwrap { key, version })?;
    Ok(KeyHandle { key_id: id, version, sealing: SealingKey::new(application_key.expose()) })
}

fn unwrap(id: Id, version: u32, wrapped: &[u8], wrap_keys: &[WrapKeyHandle]) -> Option<ApplicationKey> {
    let header = value::parse(wrapped).ok()?;
    let named = (header.key_id, header.key_version);
    let wrap = wrap_keys.iter().find(|wrap| (wrap.key_id, wrap.version) == named)?;
    let mut bytes = SecretBytes::with_capacity(wrapped.len());
    value::open(&wrap.sealing, Purpose::Key, &place(id, version), wrapped, &mut bytes).ok()?;
    ApplicationKey::from_slice(bytes.expose()).ok()
}
