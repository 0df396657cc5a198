//! Fuzzes `targets/context.rs`.
#![no_main]

#[path = "../targets/context.rs"]
mod context;

libfuzzer_sys::fuzz_target!(|data: &[u8]| context::target(data));
