//! Fuzzes `targets/protector.rs`.
#![no_main]

#[path = "../targets/protector.rs"]
mod protector;

libfuzzer_sys::fuzz_target!(|data: &[u8]| protector::target(data));
