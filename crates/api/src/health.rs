//! What an outside monitor is told; no names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;

/// Where it is asked whether the process answers at all.
pub const LIVE_PATH: &str = "/health/live";
/// Where it is asked whether the service can be used.
pub const READY_PATH: &str = "/health/ready";
/// Where counters and gauges are read, as Prometheus text.
pub const METRICS_PATH: &str = "/metrics";

/// The reply of `/health/live` and `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `live`, `ready`, or `not_ready`.
    pub status: Condition,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Hindrance>,
    /// How many values were imported without the layer of an application key and not converted yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unprotected: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The process answers.
    Live,
    /// The service can be used.
    Ready,
    /// It cannot.
    NotReady,
}

/// Why the service cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hindrance {
    /// The server is locked.
    Locked,
    /// The audit trail cannot be written.
    AuditUnavailable,
    /// Changes are not accepted now.
    NotWritable,
    /// The server is stopping.
    Stopping,
}

impl Example for Health {
    fn example() -> Self {
        Self { status: Condition::NotReady, reasons: vec![Hindrance::Locked], unprotected: 0 }
    }
}
