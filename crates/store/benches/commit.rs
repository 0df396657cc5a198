//! Rates of the store: grouped commits and point reads.
fn main() {}
