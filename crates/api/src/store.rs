//! `store`: verify every record, remove old bytes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;
use crate::quarantine;

/// Verifies every record now.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StoreVerifyRequest")]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {}

/// What the verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StoreVerifyReply")]
pub struct VerifyReply {
    /// Records checked.
    pub records: u64,
    /// What failed, findings of earlier included.
    pub findings: Vec<quarantine::Entry>,
    /// How long it took.
    pub duration_milliseconds: u64,
}

/// Removes the bytes of deleted and replaced records from the store's files.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StoreScrubRequest")]
#[serde(deny_unknown_fields)]
pub struct ScrubRequest {}

/// They are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StoreScrubReply")]
pub struct ScrubReply {}

impl Example for VerifyRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for VerifyReply {
    fn example() -> Self {
        Self { records: 42, findings: vec![quarantine::Entry::example()], duration_milliseconds: 12 }
    }
}

impl Example for ScrubRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for ScrubReply {
    fn example() -> Self {
        Self {}
    }
}
