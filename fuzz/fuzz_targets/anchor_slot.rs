//! Fuzzes `targets/anchor_slot.rs`.
#![no_main]

#[path = "../targets/anchor_slot.rs"]
mod anchor_slot;

libfuzzer_sys::fuzz_target!(|data: &[u8]| anchor_slot::target(data));
