//! Fuzzes `targets/manifest.rs`.
#![no_main]

#[path = "../targets/manifest.rs"]
mod manifest;

libfuzzer_sys::fuzz_target!(|data: &[u8]| manifest::target(data));
