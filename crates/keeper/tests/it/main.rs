//! The keeper as its callers see it: one instance, started, used, killed, tampered with, started again.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod anchor;
mod audit;
mod brought;
mod column;
mod concurrency;
mod credential;
mod faults;
mod filled;
mod heal;
mod import;
mod insider;
mod key_password;
mod keys;
mod life;
mod limit;
mod newer;
mod protectors;
mod retention;
mod rotation;
mod rows;
mod setting;
mod site;
mod store_key;
mod tamper;
mod trail;
mod transaction;
