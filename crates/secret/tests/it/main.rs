//! Capability tests of the crate, through its public API and what the kernel says about the process.

#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

mod child;
mod forking;
mod hardening;
mod nonces;
mod pages;
mod printing;
mod wiping;
