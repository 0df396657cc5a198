//! Unwrapping and wrapping the versions of an application key.

use std::sync::Arc;

use strongroom_crypto::{SealingKey, asymmetric, column_envelope, mac};
use strongroom_envelope::value::{self, Purpose};
use strongroom_envelope::{Generation, Id};
use strongroom_secret::{SecretBytes, WrapKey, WrappingKey};

use super::algorithm::Algorithm;
use super::body::{KeyBody, KeyVersion, place};
use super::state::State;
use crate::rule::{KeyHandle, KeyPair, Material, Refusal};

/// A key that wraps application keys, ready for use: one of the keyring, or the one that a protector yielded.
pub struct WrapKeyHandle {
    /// Its id.
    pub key_id: Id,
    /// Its version.
    pub version: u32,
    /// The key itself.
    pub sealing: SealingKey,
}

/// What the versions of one key can be unwrapped with now, and what a new one is wrapped under.
#[derive(Default)]
pub struct Wraps {
    /// The keyring's wrap keys, oldest first.
    pub root: Vec<WrapKeyHandle>,
    /// What the key's own protector yielded, when it has one and that is at hand.
    pub own: Option<Arc<WrapKeyHandle>>,
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
    /// Its state does not let it be used.
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
            Self::NeedsProtector { key, .. } => Refusal::KeyLocked { key },
            Self::NotUsable { key, version, state } => Refusal::KeyNotUsable { key, version, state },
            Self::NoVersion { .. } | Self::DoesNotUnwrap { .. } => Refusal::DoesNotOpen,
        }
    }
}

impl WrapKeyHandle {
    /// Readies a wrap key of the keyring.
    #[must_use]
    pub fn new(key_id: Id, version: u32, key: &WrapKey) -> Self {
        Self { key_id, version, sealing: SealingKey::new(key.expose()) }
    }

    /// Readies what a protector yielded for the protection `id`.
    #[must_use]
    pub fn of_protection(id: Id, key: &WrappingKey) -> Self {
        Self { key_id: id, version: 1, sealing: SealingKey::new(key.expose()) }
    }

    /// Wraps the bytes of a version for its place.
    #[must_use]
    pub(super) fn wrap(&self, key_id: Id, number: u32, bytes: &[u8]) -> Vec<u8> {
        let mut wrapped = Vec::new();
        let place = place(key_id, number);
        value::seal(&self.sealing, Purpose::Key, self.key_id, self.version, &place, bytes, &mut wrapped);
        wrapped
    }
}

impl Wraps {
    /// What a new version of this key is wrapped under.
    pub(super) fn active(&self, body: &KeyBody) -> Result<&WrapKeyHandle, Refusal> {
        let locked = || match body.name.to_string() {
            key if body.has_recovery() => Refusal::ProtectorNotOpen { key },
            key => Refusal::KeyLocked { key },
        };
        match &body.protection {
            None => self.root.last().ok_or_else(locked),
            Some(protection) => self.own.as_deref().filter(|own| own.key_id == protection.id).ok_or_else(locked),
        }
    }

    /// What a new version of this key is wrapped under a second time, when its protection has recovery.
    pub(super) fn second(&self, body: &KeyBody) -> Result<Option<&WrapKeyHandle>, Refusal> {
        if !body.has_recovery() {
            return Ok(None);
        }
        self.root.last().map(Some).ok_or_else(|| Refusal::KeyLocked { key: body.name.to_string() })
    }

    /// Whether what this protection yielded is at hand.
    pub(super) fn has(&self, protection: Id) -> bool {
        self.own.as_ref().is_some_and(|own| own.key_id == protection)
    }

    fn named(&self, key_id: Id, version: u32) -> Option<&WrapKeyHandle> {
        let all = self.root.iter().chain(self.own.as_deref());
        all.into_iter().find(|wrap| (wrap.key_id, wrap.version) == (key_id, version))
    }
}

/// The bytes of a version, whatever its state.
///
/// # Errors
/// See [`UnwrapError`].
pub fn unwrap_bytes(id: Id, body: &KeyBody, number: u32, wraps: &Wraps) -> Result<SecretBytes, UnwrapError> {
    let key = || body.name.to_string();
    let Some(stored) = body.version(number) else {
        return Err(UnwrapError::NoVersion { key: key(), version: number });
    };
    if stored.state == State::Destroyed {
        return Err(UnwrapError::NotUsable { key: key(), version: number, state: stored.state });
    }
    let failed = || UnwrapError::DoesNotUnwrap { key: key(), version: number };
    let (sealed, protection) = match (&body.protection, &stored.wrapped_under_root) {
        (Some(own), Some(second)) if body.has_recovery() && !wraps.has(own.id) => (second.as_slice(), None),
        (own, _) => (stored.wrapped.as_slice(), own.as_ref()),
    };
    let header = value::parse(sealed).map_err(|_| failed())?;
    let expected = match protection {
        // The protection's own wrapping key and no other: a version that somebody wrapped under another is not taken.
        Some(protection) => header.key_id == protection.id,
        None => wraps.root.iter().any(|wrap| wrap.key_id == header.key_id),
    };
    if !expected {
        return Err(failed());
    }
    let Some(wrap) = wraps.named(header.key_id, header.key_version) else {
        return Err(match protection {
            Some(_) => UnwrapError::NeedsProtector { key: key(), version: number, protector: body.protector.clone() },
            None => failed(),
        });
    };
    let mut bytes = SecretBytes::with_capacity(sealed.len());
    value::open(&wrap.sealing, Purpose::Key, &place(id, number), sealed, &mut bytes).map_err(|_| failed())?;
    Ok(bytes)
}

/// Readies a version of the key `id`, whatever its state: whether it may be used is judged where it is asked for.
///
/// # Errors
/// See [`UnwrapError`].
pub fn unwrap_version(
    id: Id,
    generation: Generation,
    body: &KeyBody,
    number: u32,
    wraps: &Wraps,
) -> Result<KeyHandle, UnwrapError> {
    let bytes = unwrap_bytes(id, body, number, wraps)?;
    let failed = || UnwrapError::DoesNotUnwrap { key: body.name.to_string(), version: number };
    let stored = body.version(number).ok_or_else(failed)?;
    let material = material(body, &bytes).ok_or_else(failed)?;
    Ok(handle(id, generation, body, stored, Arc::new(material)))
}

/// What is known of a version, with its key.
pub fn handle(
    id: Id,
    generation: Generation,
    body: &KeyBody,
    version: &KeyVersion,
    material: Arc<Material>,
) -> KeyHandle {
    let (name, purpose, usage_limit) = (body.name.clone(), body.purpose, body.usage_limit);
    KeyHandle {
        key_id: id,
        version: version.number,
        name,
        purpose,
        state: version.state,
        generation,
        usage_limit,
        material,
    }
}

/// Makes of a version's bytes what it is used as.
pub(super) fn material(body: &KeyBody, bytes: &SecretBytes) -> Option<Material> {
    match body.purpose {
        Purpose::Mac => Some(Material::Mac(Box::new(mac::Key::new(bytes.expose())))),
        Purpose::Sign => {
            let algorithm = body.algorithm?.signature()?;
            let private = asymmetric::PrivateKey::from_pkcs8(algorithm, bytes).ok()?;
            let public = asymmetric::PublicKey::from_spki(algorithm, &private.public_spki()).ok()?;
            Some(Material::Sign(Box::new(KeyPair { private, public })))
        }
        Purpose::Columns if body.algorithm == Some(Algorithm::Rsa3072Oaep) => {
            column_envelope::MasterKey::from_pkcs8(bytes).ok().map(|master| Material::Master(Box::new(master)))
        }
        _ => bytes.expose().try_into().ok().map(|key: &[u8; 32]| Material::Sealing(SealingKey::new(key))),
    }
}
