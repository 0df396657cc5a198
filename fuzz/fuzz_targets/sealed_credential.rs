//! Fuzzes `targets/sealed_credential.rs`.
#![no_main]

#[path = "../targets/sealed_credential.rs"]
mod sealed_credential;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealed_credential::target(data));
