//! Fuzzes `targets/keyring.rs`.
#![no_main]

#[path = "../targets/keyring.rs"]
mod keyring;

libfuzzer_sys::fuzz_target!(|data: &[u8]| keyring::target(data));
