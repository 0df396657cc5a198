//! Fuzzes `targets/snapshot_page.rs`.
#![no_main]

#[path = "../targets/snapshot_page.rs"]
mod snapshot_page;

libfuzzer_sys::fuzz_target!(|data: &[u8]| snapshot_page::target(data));
