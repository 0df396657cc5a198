//! PostgreSQL's messages, version 3: framed, read and written.
//!
//! Only what the session looks at is read here; everything else stays bytes. Nothing in this module does input or output, and
//! nothing panics on bytes from outside: a message that does not have its form is [`Malformed`].

pub mod backend;
pub mod frame;
pub mod frontend;
mod read;
mod report;

pub use frame::{Header, LARGEST_MESSAGE, header};
pub use read::Reader;
pub use report::{ErrorFields, Report, error_fields, with_position};

/// The bytes are not a message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length that no message has.
    #[error("a message of {length} bytes is not sent: at least 4, at most {LARGEST_MESSAGE} bytes are")]
    Length {
        /// The length that was given.
        length: u32,
    },
    /// The body ends before its last field.
    #[error("a message ends in the middle of a field")]
    Short,
    /// The body goes on after its last field.
    #[error("a message goes on after its last field")]
    Long,
    /// A field holds a value that it cannot have.
    #[error("a field of a message holds what it cannot hold: {field}")]
    Field {
        /// Which field.
        field: &'static str,
    },
}
