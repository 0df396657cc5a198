//! Fuzzes `targets/record_header.rs`.
#![no_main]

#[path = "../targets/record_header.rs"]
mod record_header;

libfuzzer_sys::fuzz_target!(|data: &[u8]| record_header::target(data));
