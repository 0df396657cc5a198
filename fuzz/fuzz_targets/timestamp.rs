//! Fuzzes `targets/timestamp.rs`.
#![no_main]

#[path = "../targets/timestamp.rs"]
mod timestamp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| timestamp::target(data));
