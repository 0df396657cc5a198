//! Fuzzes `targets/plain_value.rs`.
#![no_main]

#[path = "../targets/plain_value.rs"]
mod plain_value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| plain_value::target(data));
