//! Capability tests of the protectors, through the public interface only.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod account;
mod conformance;
mod fixture;
mod key_password;
mod known_answers;
mod machine;
mod modes;
mod other_process;
mod password;
mod peer;
mod pkcs11;
#[cfg(feature = "pkcs12")]
mod pkcs12;
mod plugin;
mod rsa;
mod secret_files;
mod shares;
mod softhsm;
mod wrapping;
