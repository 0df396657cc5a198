//! The protectors of the root key: what opens, what is healed and what never is, and what an administrator may do to them.

mod administration;
mod matrix;
mod moved;
pub mod password;
