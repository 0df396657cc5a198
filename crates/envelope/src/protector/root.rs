//! What is derived from the root key for its protectors, and the root key under a wrapping key.

use strongroom_crypto::{OpenError, SealingKey, derive, hash, labels};
use strongroom_secret::{MacKey, RootKey, SecretBytes, WrappingKey};

use super::{ProtectorKind, WRAPPED_LENGTH};
use crate::Id;

/// The public bytes by which a root key is recognised.
#[must_use]
pub fn root_id(root: &RootKey) -> [u8; 16] {
    derive::bytes(b"", &[root.expose()], labels::ROOT_ID, b"")
}

/// The key of the MAC of protector records.
#[must_use]
pub fn mac_key(root: &RootKey) -> MacKey {
    MacKey::fill_with(|out| {
        derive::into(b"", &[root.expose()], labels::PROTECTOR, b"", out);
    })
}

/// The root key under a wrapping key, for this store, protector and kind alone.
#[must_use]
pub fn wrap_root(
    wrapping: &WrappingKey,
    store_id: Id,
    protector_id: Id,
    kind: ProtectorKind,
    root: &RootKey,
) -> [u8; WRAPPED_LENGTH] {
    let mut wrapped = Vec::with_capacity(WRAPPED_LENGTH);
    SealingKey::new(wrapping.expose()).seal_append(&place(&store_id, &protector_id, kind), root.expose(), &mut wrapped);
    wrapped.try_into().expect("a sealed key of 32 bytes has 104 bytes")
}

/// The candidate that a wrapping key yields; it is the root key only when its [`root_id`] is the one expected.
///
/// # Errors
/// When the wrapped key does not authenticate under this wrapping key at this place.
pub fn unwrap_root(
    wrapping: &WrappingKey,
    store_id: Id,
    protector_id: Id,
    kind: ProtectorKind,
    wrapped: &[u8; WRAPPED_LENGTH],
) -> Result<RootKey, OpenError> {
    let mut candidate = SecretBytes::with_capacity(WRAPPED_LENGTH);
    SealingKey::new(wrapping.expose()).open_append(&place(&store_id, &protector_id, kind), wrapped, &mut candidate)?;
    RootKey::from_slice(candidate.expose()).map_err(|_| OpenError)
}

/// The thumbprint of a protector: the SHA-256 of its wrapped root key.
#[must_use]
pub fn thumbprint(wrapped: &[u8; WRAPPED_LENGTH]) -> [u8; 32] {
    hash::sha256(&[wrapped])
}

/// The authenticated data of a wrapped root key, in parts.
fn place<'a>(store_id: &'a Id, protector_id: &'a Id, kind: ProtectorKind) -> [&'a [u8]; 5] {
    let (length, name): (&'static [u8], &'static str) = match kind {
        ProtectorKind::Account => (&[7], "account"),
        ProtectorKind::Machine => (&[7], "machine"),
        ProtectorKind::Password => (&[8], "password"),
        ProtectorKind::Shares => (&[6], "shares"),
        ProtectorKind::Rsa => (&[3], "rsa"),
        ProtectorKind::Pkcs11 => (&[6], "pkcs11"),
        ProtectorKind::Plugin => (&[6], "plugin"),
    };
    [labels::PROTECTOR_WRAP.as_bytes(), &store_id.0, &protector_id.0, length, name.as_bytes()]
}
