//! The client against servers that are absent, silent, or not the expected ones.
#![allow(clippy::unwrap_used, missing_docs)]

mod data_keys;
mod fake;
mod local;
mod reach;
mod stream;
mod trust;
