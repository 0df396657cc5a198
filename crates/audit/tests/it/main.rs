//! The trail through its public API, on real files.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod creation;
mod forging;
mod injection;
mod macs;
mod peer;
mod reading;
mod scene;
mod segments;
mod tampering;
mod volumes;
