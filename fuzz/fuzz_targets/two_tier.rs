//! Fuzzes `targets/two_tier.rs`.
#![no_main]

#[path = "../targets/two_tier.rs"]
mod two_tier;

libfuzzer_sys::fuzz_target!(|data: &[u8]| two_tier::target(data));
