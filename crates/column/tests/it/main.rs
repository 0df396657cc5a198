//! Capability tests of the crate, through its public API.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod class;
mod envelope;
mod fuzz_replay;
mod manifest;
mod mssql;
mod peer;
mod plain;
mod plain_postgres;
mod random;
mod tedious;
mod vector;
mod vectors;
