//! The words on the wire: the one table of operations, their requests and replies, and the closed list of errors.
//!
//! An operation is one row of [`OPERATIONS`]. Its word is at once the policy action, the audit operation, the command and,
//! with `/` for `.`, the path below [`PATH_PREFIX`]. The server mounts the table, the client calls by it, and
//! [`openapi::document`] prints it; nothing else names a route.

pub mod audit;
pub mod column;
pub mod coverage;
pub mod credential;
pub mod doctor;
pub mod error;
mod form;
pub mod health;
pub mod job;
pub mod json;
pub mod key;
pub mod lock;
pub mod openapi;
pub mod operation;
pub mod protector;
pub mod quarantine;
pub mod secret;
pub mod setting;
pub mod status;
pub mod store;
pub mod token;
pub mod transaction;
pub mod upgrade;
pub mod wire;

pub use error::{Code, ErrorBody, ErrorDetail};
pub use openapi::document as openapi;
pub use operation::{Example, OPERATIONS, Operation, PATH_PREFIX, Request};
pub use wire::{WireSecret, WireText, WireToken};

/// Names a change, so that a retry of it is recognised; 1 to 128 printable ASCII characters, kept for 24 hours.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Names the request in the reply, in error bodies and in the audit trail.
pub const REQUEST_ID: &str = "x-request-id";
/// The largest request body, in bytes: a value of 1 MiB in base64, with room for the rest.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;
