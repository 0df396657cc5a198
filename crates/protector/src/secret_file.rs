//! Secret files: made new and durable, never overwritten, read only when nobody else could have read or written them.

mod create;
mod load;
mod read;
mod remove;

use strongroom_envelope::Id;
use strongroom_secret::{KEY_BYTES, ProtectorSecret};

pub use create::CreateError;
pub(crate) use create::{Creation, create};
pub use load::FileStamp;
pub(crate) use load::{load, load_stamped};
pub use read::ReadError;
pub(crate) use read::{Expectation, Owner, read};
pub use remove::ForgetError;
pub(crate) use remove::remove;

/// The content of a secret file, in locked memory: pieces of 32 bytes, in order.
pub(crate) struct Content(Vec<ProtectorSecret>);

impl Content {
    /// Fills `length` new bytes, a multiple of 32.
    pub(crate) fn generate(length: usize, fill: &mut dyn FnMut(&mut [u8])) -> Self {
        assert_eq!(length % KEY_BYTES, 0, "secret files are made of whole keys");
        Self((0..length / KEY_BYTES).map(|_| ProtectorSecret::fill_with(|piece| fill(piece))).collect())
    }

    /// The pieces, to be taken as one text.
    pub(crate) fn pieces(&self) -> Vec<&[u8]> {
        self.0.iter().map(|piece| piece.expose().as_slice()).collect()
    }
}

/// The name of a protector's secret file.
pub(crate) fn file_name(protector_id: Id) -> String {
    format!("{protector_id}.key")
}
