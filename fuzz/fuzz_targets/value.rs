//! Fuzzes `targets/value.rs`.
#![no_main]

#[path = "../targets/value.rs"]
mod value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| value::target(data));
