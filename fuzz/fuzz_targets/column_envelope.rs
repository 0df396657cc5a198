//! Fuzzes `targets/column_envelope.rs`.
#![no_main]

#[path = "../targets/column_envelope.rs"]
mod column_envelope;

libfuzzer_sys::fuzz_target!(|data: &[u8]| column_envelope::target(data));
