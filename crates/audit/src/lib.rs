//! The tamper-evident trail of one node: written, verified, searched and followed.
//!
//! The format is `docs/spec/audit.md`; one line's bytes are made and read by `strongroom_envelope`.
//! [`Trail`] writes, [`verify`] judges offline with nothing but the files and key 0, [`search`] and
//! [`Follower`] read.

mod chain;
mod checkpoint_key;
#[cfg(test)]
mod crash;
mod error;
mod follow;
mod read;
mod segment;
mod settings;
mod step;
mod tail;
mod tape;
mod trail;
mod verify;
mod volume;

pub use chain::Flaw;
pub use error::TrailError;
pub use follow::{FollowError, Followed, Follower};
pub use read::{Filter, ReadError, Searched, last_lines, search};
pub use settings::TrailSettings;
pub use strongroom_envelope::log::AuditPosition as Position;
pub use tail::{CheckpointState, Inspection, Tail, TailFinding, TailReport};
pub use tape::Synced;
pub use trail::{Place, Trail};
pub use verify::{LastCheckpoint, Report, VerifyError, verify, verify_files};
