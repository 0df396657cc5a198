//! Bytes that must not leak: one type per role, kept in locked memory, wiped on drop, unprintable.
//!
//! This is the only crate of the workspace that may use `unsafe`; what it asks of the operating
//! system (locked pages, a marker that a fork wipes, the processor's time counter) is offered to
//! the others through safe functions.

#![allow(unsafe_code)]

mod arena;
mod bytes;
mod compare;
mod counter;
mod fork;
pub mod harden;
mod key;
mod machine;
mod release;
mod text;
mod wipe;

pub use arena::{ArenaUse, arena_use};
pub use bytes::SecretBytes;
pub use compare::constant_time_eq;
pub use counter::cpu_time_counter;
pub use fork::ForkGuard;
pub use key::{
    AgreementKey, AnchorKey, ApplicationKey, ColumnKey, DataKey, KEY_BYTES, KeyringKey, LoginKey, MacKey,
    ProtectorSecret, RootKey, SharedSecret, SigningSeed, StoreKey, WrapKey, WrappingKey, WrongLength,
};
pub use release::release_freed_memory;
pub use text::{AccessToken, Passphrase};
pub use wipe::wipe;
