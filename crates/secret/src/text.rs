//! Secrets that come as text: what a person types and what a caller presents.

use core::fmt;
use core::str::Utf8Error;

use crate::bytes::SecretBytes;

/// A password or pass phrase, byte for byte as it was given.
pub struct Passphrase(SecretBytes);

impl Passphrase {
    /// A copy of `bytes`; wiping the source is up to the caller.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Passphrase {
        Passphrase(SecretBytes::from_slice(bytes))
    }

    /// Takes the buffer over, without a copy.
    #[must_use]
    pub fn from_vec(bytes: Vec<u8>) -> Passphrase {
        Passphrase(SecretBytes::from_vec(bytes))
    }

    /// Takes secret bytes over, without a copy.
    #[must_use]
    pub fn from_bytes(bytes: SecretBytes) -> Passphrase {
        Passphrase(bytes)
    }

    /// The bytes to derive a key from.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both are the same, in time that depends on the lengths only.
    #[must_use]
    pub fn same_as(&self, other: &Passphrase) -> bool {
        self.0.same_as(&other.0)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(…)")
    }
}

/// A bearer token, as text.
pub struct AccessToken(SecretBytes);

impl AccessToken {
    /// Takes the text over, without a copy.
    #[must_use]
    pub fn from_text(text: String) -> AccessToken {
        AccessToken(SecretBytes::from_vec(text.into_bytes()))
    }

    /// Takes bytes over; they are wiped when they are not text.
    ///
    /// # Errors
    /// [`Utf8Error`], which names a position and no content.
    pub fn from_bytes(bytes: SecretBytes) -> Result<AccessToken, Utf8Error> {
        core::str::from_utf8(bytes.expose())?;
        Ok(AccessToken(bytes))
    }

    /// The token as it is presented.
    #[must_use]
    pub fn expose(&self) -> &str {
        core::str::from_utf8(self.0.expose()).expect("both constructors take valid text only")
    }

    /// Whether both are the same, in time that depends on the lengths only.
    #[must_use]
    pub fn same_as(&self, other: &AccessToken) -> bool {
        self.0.same_as(&other.0)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessToken(…)")
    }
}
