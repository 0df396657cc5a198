//! Capability tests of the crate, through its public API.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod accumulated;
mod asymmetric;
mod cipher;
mod column_cell;
mod derivation;
mod hex;
mod labels;
mod nonces;
mod oaep;
mod password;
mod peer;
mod peer_process;
mod residue;
mod salamander;
mod selftest;
mod signature;
mod vectors;
