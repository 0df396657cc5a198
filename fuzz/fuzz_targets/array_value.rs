//! Fuzzes `targets/array_value.rs`.
#![no_main]

#[path = "../targets/array_value.rs"]
mod array_value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| array_value::target(data));
