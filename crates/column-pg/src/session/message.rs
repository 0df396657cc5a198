//! A message of the client's, while it is dealt with.

use std::ops::Deref;

use bytes::Bytes;

/// Most messages are dealt with where they were read; one that has to wait is kept.
#[derive(Clone, Copy)]
pub(super) struct Message<'m> {
    bytes: &'m [u8],
    kept: Option<&'m Bytes>,
}

impl<'m> Message<'m> {
    /// One that is kept already.
    pub(super) fn of(kept: &'m Bytes) -> Self {
        Self { bytes: kept, kept: Some(kept) }
    }

    /// The same for longer.
    pub(super) fn keep(self) -> Bytes {
        self.kept.cloned().unwrap_or_else(|| Bytes::copy_from_slice(self.bytes))
    }
}

impl<'m> From<&'m [u8]> for Message<'m> {
    fn from(bytes: &'m [u8]) -> Self {
        Self { bytes, kept: None }
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}
