//! The protocol machine before a real PostgreSQL: what clients see is what they would see without encryption, and nothing in clear
//! gets to the server.

mod cuts;
mod driver;
mod leaks;
mod reach;
mod scene;
