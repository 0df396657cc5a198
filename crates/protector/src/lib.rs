//! Ways to wrap a key: by the account that runs the service, by the machine, by a password, by shares among people, by
//! a certificate, by a token, by a plug-in.
//!
//! Formats are fixed by `docs/spec/protector.md`. This crate owns the secret files, what is known of
//! the host, and the trait; in which order protectors are tried, what their answers mean and when one
//! is healed is decided by its caller.
//!
//! ```text
//! protector      the trait: two steps by kind, the wrapping that all share
//! account, machine, password
//! random_secret  what the next four share: 32 random bytes that only their own means yield again
//! shares, rsa, pkcs11, plugin
//! configured     which protector a record, or a person, speaks of
//! configuration  what the operator says of certificates, tokens, plug-ins and files with passwords
//! key_password   the password of an application key, from a file or a systemd credential
//! surroundings   where secret files lie, settled once at start
//! child          a child process that is asked one question
//! secret_file, directory   made new, never overwritten, read only when nobody else could
//! host           machine id, host name, account name
//! binding        what people read of it, and what changed
//! strength       which passwords are enough for a root key
//! unwrap, wrap   why not, and what to do
//! ```

mod account;
mod binding;
mod child;
mod configuration;
mod configured;
mod directory;
mod host;
mod key_password;
mod machine;
mod password;
mod pkcs11;
mod plugin;
mod protector;
mod random_secret;
mod rsa;
mod secret_file;
mod shares;
mod strength;
mod surroundings;
mod unwrap;
mod wrap;

use std::sync::Arc;

pub use account::Account;
pub use child::ChildError;
pub use configuration::{ChildProgram, Configuration, NameError, Pkcs11Settings, PluginSettings, RsaSettings};
pub use configured::{ConfiguredError, Given, configured, renewal};
pub use directory::DirectoryError;
pub use host::{MachineIdError, host_id};
pub use key_password::{KeyPassword, key_password};
pub use machine::Machine;
pub use password::Password;
pub use pkcs11::{Pkcs11, TokenError, TokenKey, TokenProblem, serve_pkcs11};
pub use plugin::{Plugin, PluginError, PluginWord};
pub use protector::{Protector, WrappingTerms};
#[cfg(feature = "pkcs12")]
pub use rsa::Pkcs12Problem;
pub use rsa::{CertificateError, Rsa};
pub use secret_file::{CreateError, FileStamp, ForgetError, ReadError};
pub use shares::{Shares, SharesError};
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
