//! The engine's rules from outside: each is run by a small shell in memory.
#![allow(clippy::unwrap_used, missing_docs)]

mod bodies;
mod canary;
mod key_life;
mod key_use;
mod keys;
mod names;
mod policy;
mod secret_change;
mod secret_end;
mod secret_list;
mod secret_race;
mod secret_read;
mod shell;
mod tokens;
