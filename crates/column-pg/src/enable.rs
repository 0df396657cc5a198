//! The commands: setting up, encrypting and decrypting columns that are in use, looking after them.
//!
//! The server can never encrypt, so all of it is done from here, over ordinary connections: a new column of the encrypted type
//! is filled beside the old one while applications write, then the two change places in a short transaction
//! (docs/spec/column-catalogue.md).

pub mod application;
mod cutover;
mod error;
mod fill;
mod index;
pub mod keys;
mod lag;
mod machine;
mod next_manifest;
mod page;
mod part;
pub mod preflight;
mod prepare;
mod purge;
mod raw;
mod relist;
mod session;
pub mod setup;
pub mod status;
mod table;
pub mod target;
mod tree;
mod verify;
mod views;

pub use application::Application;
pub use error::EnableError;
pub use keys::{ColumnKeySource, KeySourceError, MadeKey};
pub use machine::{Direction, Observer, Options, Outcome, Progress, TableOutcome, Verification, plan, run};
pub use preflight::{Preflight, Refusal};
pub use target::{Target, TargetRefusal};
