//! Whoever can write the store's file can damage, exchange, roll back, remove, bring back and add records, while the server is down
//! and while it runs: each is named, that one is kept aside, everything else is served, and it is reported once.

mod at_rest;
mod bytes;
mod locked;
mod release;
mod running;
