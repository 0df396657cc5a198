//! Fuzzes `targets/stream_header.rs`.
#![no_main]

#[path = "../targets/stream_header.rs"]
mod stream_header;

libfuzzer_sys::fuzz_target!(|data: &[u8]| stream_header::target(data));
