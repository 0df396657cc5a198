//! The keeper as its callers see it: one instance in folders of its own, started, used, killed, tampered with, started again.
#![allow(clippy::unwrap_used, missing_docs)]

mod life;
mod site;
mod timing;
