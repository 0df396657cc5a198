//! The program as a person and a service manager use it: typed commands, killed servers, what lies on the disk.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod crash;
mod deployment;
mod disk;
mod files;
mod heal;
mod protectors;
mod schemathesis;
mod transcript;
