//! The program as a person and a service manager use it: typed commands, killed servers, what lies on the disk.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod archive;
mod column;
mod crash;
mod credential;
mod deployment;
mod disk;
mod files;
mod heal;
mod key_password;
mod limit;
mod protectors;
mod provisioning;
mod proxy;
mod schemathesis;
mod transaction;
mod transcript;
