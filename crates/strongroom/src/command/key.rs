//! `key`: keys for applications, and the life of every key.

mod manage;
mod r#use;

use crate::cli::Key;
use crate::command::Here;
use crate::failure::Failure;

/// Runs one of them.
pub fn run(here: &Here<'_>, key: Key) -> Result<(), Failure> {
    match key {
        Key::Encrypt { .. }
        | Key::Decrypt { .. }
        | Key::Rewrap { .. }
        | Key::Datakey { .. }
        | Key::Random { .. }
        | Key::Mac { .. }
        | Key::Verify { .. } => r#use::run(here, key),
        _ => manage::run(here, key),
    }
}
