//! Columns of a real database are encrypted while it is in use, and decrypted again.

mod clear_text;
mod concurrent;
mod held;
mod partitions;
mod refusals;
pub mod scene;
mod standby;
mod types;
mod views;
mod whole;
