//! Fuzzes `targets/value_text.rs`.
#![no_main]

#[path = "../targets/value_text.rs"]
mod value_text;

libfuzzer_sys::fuzz_target!(|data: &[u8]| value_text::target(data));
