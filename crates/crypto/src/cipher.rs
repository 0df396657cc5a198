//! KC-XAES-256-GCM: the one cipher that seals data (docs/spec/cipher.md).

use core::fmt;
use core::ops::Range;

use strongroom_secret::{SecretBytes, constant_time_eq, wipe};
use thiserror::Error;
use zeroize::zeroize_stack;

use crate::block::{Derived, Schedule};
use crate::gcm::MessageKey;
use crate::random;

/// Bytes of the nonce N.
pub const NONCE: usize = 24;
/// Bytes of the authentication tag.
pub const TAG: usize = 16;
/// Bytes of the key commitment C.
pub const COMMITMENT: usize = 32;
/// Bytes that sealing adds: nonce, tag and commitment.
pub const OVERHEAD: usize = NONCE + TAG + COMMITMENT;
/// The longest plaintext of one message (SP 800-38D: 2^39 − 256 bits).
pub const PLAINTEXT_LIMIT: usize = (1 << 36) - 32;

/// Sealed bytes did not open: another key, nonce or associated data, or changed bytes. Which of
/// these is not told, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the sealed bytes do not open")]
pub struct OpenError;

/// A key that is ready to seal and open; the expanded key is wiped on drop.
///
/// It commits to key and nonce: what was sealed under one key never opens under another. It does
/// not commit to the associated data; no feature may rely on more than that it is authenticated.
pub struct SealingKey {
    // Boxed, so that moving the key leaves no copy of the expanded key behind.
    schedule: Box<Schedule>,
}

impl SealingKey {
    /// Expands a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> SealingKey {
        let schedule = expand(key);
        // What the expansion left on the stack below this frame.
        zeroize_stack::<STACK_OF_EXPANSION>();
        SealingKey { schedule }
    }

    /// Appends `N ‖ ciphertext ‖ tag ‖ C` to `out`, under a fresh nonce. The associated data is
    /// all parts of `aad`, one after the other: their borders are not authenticated, so variable
    /// parts carry their length.
    ///
    /// # Panics
    /// When the plaintext is longer than [`PLAINTEXT_LIMIT`].
    pub fn seal_append(&self, aad: &[&[u8]], plaintext: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(plaintext.len() + OVERHEAD);
        out.extend_from_slice(&[0; NONCE]);
        out.extend_from_slice(plaintext);
        out.extend_from_slice(&[0; TAG + COMMITMENT]);
        self.seal_in_place(aad, &mut out[start..]);
    }

    /// Seals without a copy: `buffer` holds [`NONCE`] bytes of room, the plaintext, and
    /// [`TAG`] + [`COMMITMENT`] bytes of room; afterwards `N ‖ ciphertext ‖ tag ‖ C`. What the
    /// room holds before does not matter.
    ///
    /// # Panics
    /// When `buffer` is shorter than [`OVERHEAD`] or the plaintext longer than
    /// [`PLAINTEXT_LIMIT`].
    pub fn seal_in_place(&self, aad: &[&[u8]], buffer: &mut [u8]) {
        self.seal_with_nonce(&random::nonce(), aad, buffer);
    }

    /// As [`SealingKey::seal_in_place`]; for known answers only, hence not public.
    pub(crate) fn seal_with_nonce(&self, nonce: &[u8; NONCE], aad: &[&[u8]], buffer: &mut [u8]) {
        let room = "room for nonce, tag and commitment";
        let (front, rest) = buffer.split_first_chunk_mut::<NONCE>().expect(room);
        let (rest, commitment) = rest.split_last_chunk_mut::<COMMITMENT>().expect(room);
        let (plaintext, tag) = rest.split_last_chunk_mut::<TAG>().expect(room);
        assert!(plaintext.len() <= PLAINTEXT_LIMIT, "longer than one message may be");

        let mut derived = Derived::EMPTY;
        self.schedule.derive(nonce, &mut derived);
        *tag = with_joined(aad, |aad| MessageKey::new(&derived.message_key).seal(derived.iv, aad, plaintext));
        *front = *nonce;
        *commitment = derived.commitment;
    }

    /// Opens `N ‖ ciphertext ‖ tag ‖ C` and appends the plaintext to `out`. On failure `out` is
    /// as before, and nothing of the plaintext is left in its buffer.
    ///
    /// # Errors
    /// [`OpenError`], for every reason alike.
    pub fn open_append(&self, aad: &[&[u8]], sealed: &[u8], out: &mut SecretBytes) -> Result<(), OpenError> {
        let body = body_of(sealed)?;
        let mut derived = Derived::EMPTY;
        self.derive_committed(sealed, &mut derived)?;
        let before = out.len();
        let room = out.extend_zeroed(body.len() - TAG);
        let opened = with_joined(aad, |aad| {
            MessageKey::new(&derived.message_key).open_into(derived.iv, aad, &sealed[body], room)
        });
        if opened.is_err() {
            out.truncate(before);
        }
        opened
    }

    /// Opens in the caller's buffer and answers where in it the plaintext lies. On failure the
    /// whole buffer is wiped.
    ///
    /// # Errors
    /// [`OpenError`], for every reason alike.
    pub fn open_in_place(&self, aad: &[&[u8]], sealed: &mut [u8]) -> Result<Range<usize>, OpenError> {
        let opened = self.open_or_leave_undefined(aad, sealed);
        if opened.is_err() {
            wipe(sealed);
        }
        opened
    }

    fn open_or_leave_undefined(&self, aad: &[&[u8]], sealed: &mut [u8]) -> Result<Range<usize>, OpenError> {
        let body = body_of(sealed)?;
        let mut derived = Derived::EMPTY;
        self.derive_committed(sealed, &mut derived)?;
        let plaintext = body.start..body.end - TAG;
        with_joined(aad, |aad| {
            let key = MessageKey::new(&derived.message_key);
            key.open_in_place(derived.iv, aad, &mut sealed[body])
        })?;
        Ok(plaintext)
    }

    /// Derives what opens the message; refuses unless its commitment is the stored one.
    fn derive_committed(&self, sealed: &[u8], derived: &mut Derived) -> Result<(), OpenError> {
        let nonce = sealed.first_chunk::<NONCE>().ok_or(OpenError)?;
        let commitment = sealed.last_chunk::<COMMITMENT>().ok_or(OpenError)?;
        self.schedule.derive(nonce, derived);
        if constant_time_eq(&derived.commitment, commitment) { Ok(()) } else { Err(OpenError) }
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey(…)")
    }
}

/// Not inlined, so that its stack can be wiped when it has returned.
#[inline(never)]
fn expand(key: &[u8; 32]) -> Box<Schedule> {
    Box::new(Schedule::new(key))
}

/// Where ciphertext and tag lie, in sealed bytes of a possible length.
fn body_of(sealed: &[u8]) -> Result<Range<usize>, OpenError> {
    let plaintext = sealed.len().checked_sub(OVERHEAD).ok_or(OpenError)?;
    if plaintext > PLAINTEXT_LIMIT {
        return Err(OpenError);
    }
    Ok(NONCE..sealed.len() - COMMITMENT)
}

/// Calls `use_joined` with all parts as one slice; short ones are joined on the stack.
fn with_joined<R>(parts: &[&[u8]], use_joined: impl FnOnce(&[u8]) -> R) -> R {
    if let [one] = parts {
        return use_joined(one);
    }
    let length = parts.iter().map(|part| part.len()).sum();
    if length > JOINED_ON_STACK {
        return use_joined(&parts.concat());
    }
    let mut stack = [0; JOINED_ON_STACK];
    let mut end = 0;
    for part in parts {
        stack[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    use_joined(&stack[..length])
}

/// Enough for the headers of records and values with their place.
const JOINED_ON_STACK: usize = 256;

/// Several times what an unoptimised build needs.
const STACK_OF_EXPANSION: usize = 4096;
