//! A store and an audit volume that fail, and a process that ends between any two writes.

mod audit_volume;
mod crash;
mod store;
mod unscrubbed;
pub mod watched;
