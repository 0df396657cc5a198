//! A small provisioning engine that may be killed at any moment: what it does is either done or undone in the end.
//!
//! Before each step it has Strongroom record what undoes the step; when it starts anew it undoes, or ends, what is unfinished.

mod engine;
mod places;
mod request;
mod service;
mod undo;

pub use engine::{Engine, EngineError};
pub use places::Places;
