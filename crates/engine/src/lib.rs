//! The rules of Strongroom, one module per capability, pure: no clock, no randomness and no IO of their own.
//!
//! A rule is an [`rule::Operation`]. It is handed [`rule::Facts`] and answers with a reply and a [`rule::Commit`], or stops
//! because it needs another fact or refuses. Whoever runs it fetches what is needed and runs it again from the start.

pub mod catalogue;
pub mod column;
pub mod credential;
mod find;
pub mod job;
pub mod key;
pub mod name;
pub mod page;
pub mod policy;
pub mod reencrypt;
pub mod request;
pub mod reseal;
pub mod rule;
pub mod secret;
pub mod setting;
pub mod stored;
pub mod token;
pub mod transaction;
