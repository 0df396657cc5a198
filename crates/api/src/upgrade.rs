//! `upgrade`: accept that the program has changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;

/// Accepts the digest of the running program as the expected one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UpgradeAcceptRequest")]
#[serde(deny_unknown_fields)]
pub struct AcceptRequest {}

/// It is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UpgradeAcceptReply")]
pub struct AcceptReply {}

impl Example for AcceptRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for AcceptReply {
    fn example() -> Self {
        Self {}
    }
}
