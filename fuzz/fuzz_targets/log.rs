//! Fuzzes `targets/log.rs`.
#![no_main]

#[path = "../targets/log.rs"]
mod log;

libfuzzer_sys::fuzz_target!(|data: &[u8]| log::target(data));
