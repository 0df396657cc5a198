//! HMAC-SHA-256 (RFC 2104, FIPS 198-1).

use core::fmt;

use aws_lc_rs::hmac;
use strongroom_secret::constant_time_eq;

/// Bytes of a whole MAC.
pub const MAC: usize = 32;

/// A prepared key: the two inner key blocks are hashed once.
pub struct Key(hmac::Key);

impl Key {
    /// Prepares a key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Key {
        Key(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The MAC of all parts, one after the other.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; MAC] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }

    /// Whether `expected` is the MAC of the parts, in constant time; a shorter one is refused.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], expected: &[u8]) -> bool {
        constant_time_eq(&self.mac(parts), expected)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("mac::Key(…)")
    }
}

/// The MAC of all parts under `key`.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; MAC] {
    Key::new(key).mac(parts)
}

/// Whether `expected` is the MAC of the parts under `key`, in constant time.
#[must_use]
pub fn verify(key: &[u8], parts: &[&[u8]], expected: &[u8]) -> bool {
    Key::new(key).verify(parts, expected)
}
