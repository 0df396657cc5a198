//! The unlocked store without a network: unlock, heal, committer, catalogue, quarantine, and the offline commands.

pub mod facade;
