//! `unlock` and `lock`: bring the keys into memory, and wipe them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;
use crate::wire::WireSecret;

/// Unlocks the server with a password.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlockRequest {
    /// The password of the password protector, byte for byte.
    pub password_base64: WireSecret,
}

/// Wipes the keys from memory.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockRequest {}

impl Example for UnlockRequest {
    fn example() -> Self {
        Self { password_base64: WireSecret::sample("four plain words here") }
    }
}

impl Example for LockRequest {
    fn example() -> Self {
        Self {}
    }
}
