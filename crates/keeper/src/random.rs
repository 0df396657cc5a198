//! Randomness for rules and for the keeper's own ids.

use strongroom_engine::rule::Randomness;
use strongroom_envelope::Id;

use crate::clock::now;

/// The operating system's generator, by way of `crypto`.
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&mut self, buffer: &mut [u8]) {
        strongroom_crypto::random::fill(buffer);
    }
}

/// A new time-ordered id.
pub fn id() -> Id {
    let mut random = [0; 10];
    strongroom_crypto::random::fill(&mut random);
    Id::v7(now().0, random)
}
