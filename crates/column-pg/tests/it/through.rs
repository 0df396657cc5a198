//! Applications through the proxy: what they see is what a plain table would show them, and no value of theirs reaches the server.

mod compare;
mod drivers;
mod hostile;
mod later;
mod psycopg;
pub mod stage;
