//! Fuzzes `targets/audit_line.rs`.
#![no_main]

#[path = "../targets/audit_line.rs"]
mod audit_line;

libfuzzer_sys::fuzz_target!(|data: &[u8]| audit_line::target(data));
