//! `key.random`: random bytes from the server's generator.

use strongroom_secret::SecretBytes;

use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, Operation, Refusal, Reply, Stop};

/// The most bytes at once.
pub const RANDOM_BYTES: usize = 1 << 16;

/// Draws random bytes.
#[derive(Debug)]
pub struct Random {
    /// How many, 1 to [`RANDOM_BYTES`].
    pub bytes: usize,
}

/// Random bytes.
#[derive(Debug)]
pub struct RandomReply {
    /// They may become a key.
    pub value: SecretBytes,
}

impl Operation for Random {
    type Reply = RandomReply;
    const ACTION: Action = Action::KeyRandom;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RandomReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        if !(1..=RANDOM_BYTES).contains(&self.bytes) {
            let reason = format!("choose 1 to {RANDOM_BYTES}");
            return Err(Refusal::Invalid { field: "bytes", reason }.into());
        }
        let mut value = SecretBytes::with_capacity(self.bytes);
        facts.fill(value.extend_zeroed(self.bytes));
        Ok(Done::read(RandomReply { value }))
    }
}

/// Never kept.
impl Reply for RandomReply {}
