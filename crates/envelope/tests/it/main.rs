//! The formats of `docs/spec/`, judged by vectors that a second implementation wrote.
#![allow(clippy::unwrap_used, missing_docs)]

mod anchor;
mod audit_line;
mod body;
mod fuzz_replay;
mod keyring;
mod log;
mod peer;
mod protector;
mod random_round_trip;
mod record;
mod snapshot;
mod value;
mod vector;
