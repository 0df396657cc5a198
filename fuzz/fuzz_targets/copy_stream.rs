//! Fuzzes `targets/copy_stream.rs`.
#![no_main]

#[path = "../targets/copy_stream.rs"]
mod copy_stream;

libfuzzer_sys::fuzz_target!(|data: &[u8]| copy_stream::target(data));
