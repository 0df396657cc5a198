//! The formats of `docs/spec/`, judged by vectors that a second implementation wrote.
#![allow(clippy::unwrap_used, missing_docs)]

mod anchor;
mod audit_line;
mod body;
mod credential;
mod exchange;
mod fuzz_replay;
mod keyring;
mod log;
mod peer;
mod protector;
mod random_round_trip;
mod record;
mod snapshot;
mod stream;
mod two_tier;
mod value;
mod vector;
