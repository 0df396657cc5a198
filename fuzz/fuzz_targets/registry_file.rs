//! Fuzzes `targets/registry_file.rs`.
#![no_main]

#[path = "../targets/registry_file.rs"]
mod registry_file;

libfuzzer_sys::fuzz_target!(|data: &[u8]| registry_file::target(data));
