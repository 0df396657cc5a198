//! `coverage`: what is encrypted, under which key, and what lies in clear and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;

/// Asks what is encrypted and what is not.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageRequest {}

/// Everything the server keeps, place by place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageReply {
    /// In a fixed order.
    pub areas: Vec<Area>,
}

/// Something that the server keeps, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Area {
    /// What it is.
    pub what: String,
    /// `encrypted`, `partly`, `clear`.
    pub kept: String,
    /// How many there are, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// How many of them are in clear.
    pub clear: u64,
    /// The key it is encrypted under; empty when it is not.
    pub key: String,
    /// The algorithm; empty when it is not encrypted.
    pub algorithm: String,
    /// What is to know: of what is in clear, why.
    pub why: String,
    /// Whether nothing is in clear that should not be.
    pub as_it_should_be: bool,
}

impl Example for CoverageRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for CoverageReply {
    fn example() -> Self {
        Self { areas: vec![Area::example()] }
    }
}

impl Example for Area {
    fn example() -> Self {
        Self {
            what: "values of secrets".to_owned(),
            kept: "encrypted".to_owned(),
            items: Some(1200),
            clear: 0,
            key: "secrets version 3".to_owned(),
            algorithm: "KC-XAES-256-GCM".to_owned(),
            why: String::new(),
            as_it_should_be: true,
        }
    }
}
