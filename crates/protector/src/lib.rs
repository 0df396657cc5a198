//! Ways to wrap the key at the top: by the account that runs the service, by the machine, by a password.
//!
//! Formats are fixed by `docs/spec/protector.md`. This crate owns the secret files, what is known of
//! the host, and the trait; in which order protectors are tried, what their answers mean and when one
//! is healed is decided by its caller.
//!
//! ```text
//! protector      the trait: two steps by kind, the wrapping that all share
//! account, machine, password
//! surroundings   where secret files lie, settled once at start
//! secret_file, directory   made new, never overwritten, read only when nobody else could
//! host           machine id, host name, account name
//! binding        what people read of it, and what changed
//! strength       which passwords are enough for a root key
//! unwrap, wrap   why not, and what to do
//! ```

mod account;
mod binding;
mod directory;
mod host;
mod machine;
mod password;
mod protector;
mod secret_file;
mod strength;
mod surroundings;
mod unwrap;
mod wrap;

use std::sync::Arc;

pub use account::Account;
pub use directory::DirectoryError;
pub use host::MachineIdError;
pub use machine::Machine;
pub use password::Password;
pub use protector::{Protector, WrappingTerms};
pub use secret_file::{CreateError, ForgetError, ReadError};
pub use strength::{StrengthRefusal, check_strength};
pub use strongroom_envelope::protector::ProtectorKind as Kind;
pub use surroundings::{Settings, Surroundings, SurroundingsError};
pub use unwrap::UnwrapError;
pub use wrap::WrapError;

/// The protectors that need no person, in the order in which they are tried: account, then machine.
#[must_use]
pub fn unattended(surroundings: &Arc<Surroundings>) -> Vec<Box<dyn Protector>> {
    vec![Box::new(Account::new(Arc::clone(surroundings))), Box::new(Machine::new(Arc::clone(surroundings)))]
}
