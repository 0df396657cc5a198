//! `key`: keys for applications, and the life of every key.

mod file;
mod manage;
mod protect;
mod r#use;

pub use manage::{Brought, bring, list, rotate, show, told};
pub use protect::hand_out;

use crate::cli::{Files, Key};
use crate::command::Here;
use crate::failure::Failure;

use file::{Opens, Paths};

/// Runs one of them.
pub fn run(here: &Here<'_>, key: Key) -> Result<(), Failure> {
    match key {
        Key::Encrypt { name, contexts, files: Files { input: Some(input), output: Some(output) }, .. } => {
            file::encrypt(here, &name, contexts, &Paths { input, output })
        }
        Key::Decrypt {
            name, contexts, compromised, files: Files { input: Some(input), output: Some(output) }, ..
        } => {
            let opens = Opens { compromised };
            file::decrypt(here, &name, contexts, opens, &Paths { input, output })
        }
        Key::Encrypt { .. }
        | Key::Decrypt { .. }
        | Key::Rewrap { .. }
        | Key::Datakey { .. }
        | Key::Random { .. }
        | Key::Mac { .. }
        | Key::Sign { .. }
        | Key::Verify { .. } => r#use::run(here, key),
        Key::Protect { .. } | Key::Unlock { .. } | Key::ChangePassword { .. } => protect::run(here, key),
        _ => manage::run(here, key),
    }
}
