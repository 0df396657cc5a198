//! A key that the user brings is wrapped here, so that it never travels in clear.

use strongroom_crypto::{key_wrap, oaep, random};
use strongroom_secret::SecretBytes;

/// A key could not be wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BringError {
    /// The server's public key is none that can be used.
    #[error("the server's public key cannot be used: {0}")]
    PublicKey(#[from] oaep::KeyError),
    /// The key is longer than any that could be used.
    #[error("the key cannot be wrapped: it is too long")]
    TooLong,
}

/// The longest key that RSA-OAEP with SHA-256 wraps by itself under 3072 bits.
const SHORT: usize = 318;

/// Wraps a key under the public key of `key.wrapping`: a short one by RSA-OAEP, a longer one by AES-KWP under a fresh AES key.
///
/// # Errors
/// See [`BringError`].
pub fn wrap_key(public_spki: &[u8], key: &SecretBytes) -> Result<Vec<u8>, BringError> {
    let public = oaep::PublicKey::from_spki(public_spki)?;
    let encrypt = |bytes: &[u8]| public.encrypt(b"", bytes).map_err(|_| BringError::TooLong);
    if key.len() <= SHORT {
        return encrypt(key.expose());
    }
    let mut kek = SecretBytes::with_capacity(32);
    random::fill(kek.extend_zeroed(32));
    let mut wrapped = encrypt(kek.expose())?;
    let kek: &[u8; 32] = kek.expose().try_into().expect("it has 32 bytes");
    wrapped.extend(key_wrap::wrap(kek, key).map_err(|_| BringError::TooLong)?);
    Ok(wrapped)
}
