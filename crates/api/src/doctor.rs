//! `doctor`: what is wrong, and how to mend it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;

/// Asks what is wrong.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorRequest {}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReply {
    /// Each with how to mend it; empty when all is well.
    pub findings: Vec<Finding>,
}

/// Something an operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// For programs; a stable word.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

impl Example for DoctorRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for DoctorReply {
    fn example() -> Self {
        Self { findings: vec![Finding::example()] }
    }
}

impl Example for Finding {
    fn example() -> Self {
        Self {
            code: "no_offline_protector".to_owned(),
            message: "no protector opens the root key on another machine".to_owned(),
            fix: "add a password: `strongroom protector add password`".to_owned(),
        }
    }
}
