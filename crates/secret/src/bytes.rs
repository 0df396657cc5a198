//! Secret bytes of any length, on the heap.

use core::fmt;

use crate::compare::constant_time_eq;
use crate::wipe::wipe;

/// Bytes that are wiped on drop, on truncation, and when they outgrow their buffer.
///
/// The heap is not locked into memory: keys of 32 bytes belong into the key types. Swap is
/// reported by [`crate::harden::process`].
#[derive(Default)]
pub struct SecretBytes {
    bytes: Vec<u8>,
}

impl SecretBytes {
    /// No bytes, without a buffer.
    #[must_use]
    pub const fn new() -> SecretBytes {
        SecretBytes { bytes: Vec::new() }
    }

    /// No bytes, with room for `capacity` of them.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> SecretBytes {
        SecretBytes { bytes: Vec::with_capacity(capacity) }
    }

    /// A copy of `bytes`; wiping the source is up to the caller.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> SecretBytes {
        SecretBytes { bytes: bytes.to_vec() }
    }

    /// Takes the buffer over, without a copy.
    #[must_use]
    pub fn from_vec(bytes: Vec<u8>) -> SecretBytes {
        SecretBytes { bytes }
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to be changed in place.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes fit without a new buffer.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for `additional` more bytes; an outgrown buffer is wiped.
    pub fn reserve(&mut self, additional: usize) {
        let wanted = self.bytes.len().checked_add(additional).expect("a length fits the address space");
        if wanted <= self.bytes.capacity() {
            return;
        }
        let mut larger = Vec::with_capacity(wanted.max(self.bytes.capacity().saturating_mul(2)));
        larger.extend_from_slice(&self.bytes);
        self.wipe_buffer();
        self.bytes = larger;
    }

    /// Appends a copy of `more`.
    pub fn extend_from_slice(&mut self, more: &[u8]) {
        self.reserve(more.len());
        self.bytes.extend_from_slice(more);
    }

    /// Appends `count` zero bytes and answers them, to be filled in place.
    pub fn extend_zeroed(&mut self, count: usize) -> &mut [u8] {
        let before = self.bytes.len();
        self.reserve(count);
        self.bytes.resize(before + count, 0);
        &mut self.bytes[before..]
    }

    /// Appends one byte.
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Keeps the first `length` bytes and wipes the others; longer than the content changes nothing.
    pub fn truncate(&mut self, length: usize) {
        if let Some(tail) = self.bytes.get_mut(length..) {
            wipe(tail);
            self.bytes.truncate(length);
        }
    }

    /// Wipes everything and keeps the buffer.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Whether both hold the same bytes, in time that depends on the lengths only.
    #[must_use]
    pub fn same_as(&self, other: &SecretBytes) -> bool {
        constant_time_eq(&self.bytes, &other.bytes)
    }
}

impl SecretBytes {
    /// Wipes the buffer to its end: one that was taken over can hold more than its length says.
    fn wipe_buffer(&mut self) {
        self.bytes.resize(self.bytes.capacity(), 0);
        wipe(&mut self.bytes);
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.wipe_buffer();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretBytes(…)")
    }
}
