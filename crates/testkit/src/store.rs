//! Stores for tests: a conformance suite, a store in memory with scripted faults, and a model of power loss.

pub mod conformance;
mod memory;
pub mod power;

pub use memory::{Fault, Faults, MemoryStore, Recorded, RecordedChange};
