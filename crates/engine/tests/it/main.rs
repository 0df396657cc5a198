//! The engine's rules from outside: each is run by a small shell in memory.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bodies;
mod canary;
mod column;
mod credential;
mod credential_certificate;
mod key_life;
mod key_limit;
mod key_password;
mod key_use;
mod keys;
mod names;
mod policy;
mod request;
mod request_document;
mod request_hostile;
mod request_peer;
mod request_refused;
mod request_replay;
mod secret_change;
mod secret_end;
mod secret_list;
mod secret_race;
mod secret_read;
mod setting;
mod shell;
mod tokens;
mod transaction;
mod transaction_model;
mod transaction_parts;
mod transaction_sealed;
