//! The root key's protectors in the hands of a real process: killed at every write of a start that heals, and moved behind its back.

pub mod calls;
mod image;
mod matrix;
mod moved;
mod scene;
