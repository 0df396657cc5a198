//! What a PKCS#12 file of today is protected by: PBES2 with PBKDF2 and AES-CBC (RFC 8018), and a MAC (RFC 7292, appendix B).
//!
//! For reading such files only: nothing of ours is sealed like this.

use core::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, pbkdf2};
use strongroom_secret::{SecretBytes, constant_time_eq};
use thiserror::Error;

use crate::mac::hmac_sha256;

/// The most rounds of a derivation: some seconds of work.
pub const MOST_ITERATIONS: u32 = 10_000_000;

/// Pseudorandom functions of PBKDF2; HMAC with SHA-1 is not one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prf {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// The lengths of AES keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aes {
    /// 128 bits.
    Aes128,
    /// 192 bits.
    Aes192,
    /// 256 bits.
    Aes256,
}

/// PBES2 with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pbes2<'a> {
    /// Salt of the derivation.
    pub salt: &'a [u8],
    /// Its rounds, 1 to [`MOST_ITERATIONS`].
    pub iterations: u32,
    /// What it is made of.
    pub prf: Prf,
    /// The cipher, in CBC mode.
    pub aes: Aes,
    /// Its initialisation vector.
    pub iv: [u8; 16],
}

/// It does not open; why is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the password does not open it")]
pub struct OpenError;

impl Pbes2<'_> {
    /// Decrypts. What is not authentic is found by the file's MAC, which is to be checked before.
    ///
    /// # Errors
    /// [`OpenError`] for whatever does not fit.
    pub fn decrypt(&self, password: &[u8], ciphertext: &[u8]) -> Result<SecretBytes, OpenError> {
        let (algorithm, length) = match self.aes {
            Aes::Aes128 => (&AES_128, 16),
            Aes::Aes192 => (&AES_192, 24),
            Aes::Aes256 => (&AES_256, 32),
        };
        let prf = match self.prf {
            Prf::HmacSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Prf::HmacSha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Prf::HmacSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut key = SecretBytes::with_capacity(length);
        pbkdf2::derive(prf, rounds(self.iterations)?, self.salt, password, key.extend_zeroed(length));
        let key = UnboundCipherKey::new(algorithm, key.expose()).map_err(|_| OpenError)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| OpenError)?;
        let mut plaintext = SecretBytes::from_slice(ciphertext);
        let context = DecryptionContext::Iv128(FixedLength::from(self.iv));
        let length = key.decrypt(plaintext.expose_mut(), context).map_err(|_| OpenError)?.len();
        plaintext.truncate(length);
        Ok(plaintext)
    }
}

/// Checks the HMAC with SHA-256 over the content of a file. The password is in UTF-16, big-endian, with two zero bytes at its end.
///
/// # Errors
/// [`OpenError`]: another password, or another content.
pub fn check_mac(
    password_utf16: &SecretBytes,
    salt: &[u8],
    iterations: u32,
    content: &[u8],
    mac: &[u8],
) -> Result<(), OpenError> {
    let key = derive_mac_key(password_utf16, salt, iterations)?;
    let expected = hmac_sha256(key.expose(), &[content]);
    if constant_time_eq(&expected, mac) { Ok(()) } else { Err(OpenError) }
}

/// The derivation of RFC 7292, appendix B.2, with SHA-256, for a key that is as long as the digest: one block.
fn derive_mac_key(password_utf16: &SecretBytes, salt: &[u8], iterations: u32) -> Result<SecretBytes, OpenError> {
    const BLOCK: usize = 64;
    const MAC_KEY: u8 = 3;
    let filled = |length: usize| length.div_ceil(BLOCK) * BLOCK;
    let (salt_length, password_length) = (filled(salt.len()), filled(password_utf16.len()));
    let mut input = SecretBytes::with_capacity(BLOCK + salt_length + password_length);
    input.extend_from_slice(&[MAC_KEY; BLOCK]);
    salt.iter().cycle().take(salt_length).for_each(|byte| input.push(*byte));
    password_utf16.expose().iter().cycle().take(password_length).for_each(|byte| input.push(*byte));
    let mut digest = SecretBytes::from_slice(digest::digest(&digest::SHA256, input.expose()).as_ref());
    for _ in 1..rounds(iterations)?.get() {
        let next = digest::digest(&digest::SHA256, digest.expose());
        digest.expose_mut().copy_from_slice(next.as_ref());
    }
    Ok(digest)
}

fn rounds(iterations: u32) -> Result<NonZeroU32, OpenError> {
    NonZeroU32::new(iterations).filter(|rounds| rounds.get() <= MOST_ITERATIONS).ok_or(OpenError)
}
