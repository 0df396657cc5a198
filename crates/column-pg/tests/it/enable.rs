//! Columns of a real database are encrypted while it is in use, and decrypted again.

mod clear_text;
mod concurrent;
mod refusals;
pub mod scene;
mod whole;
