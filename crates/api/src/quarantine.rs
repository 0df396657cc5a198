//! `quarantine`: records that failed verification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;
use crate::wire::word;

/// Lists what is kept aside.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "QuarantineListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {}

/// What is kept aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "QuarantineListReply")]
pub struct ListReply {
    /// One entry per record.
    pub records: Vec<Entry>,
}

/// One record that failed verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "QuarantineEntry")]
pub struct Entry {
    /// Kind and id of the record.
    pub record: String,
    /// Its name, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `missing`, `extra`, `older`, `unreadable`, or `foreign`.
    pub finding: String,
    /// When it was found.
    #[schemars(extend("format" = "date-time"))]
    pub found_at: String,
}

/// Decides on one quarantined record.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "QuarantineReleaseRequest")]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Kind and id of the record, as the list shows it.
    pub record: String,
    /// What to do with it.
    #[serde(deserialize_with = "word")]
    pub how: How,
}

/// What to do with a quarantined record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "QuarantineReleaseHow")]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Check it again; it is served when it is right now.
    Recheck,
    /// Accept its authentic older generation.
    AcceptOlder,
    /// Give it up: remove what is there and what was expected.
    Delete,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "QuarantineReleaseReply")]
pub struct ReleaseReply {
    /// Whether it left the quarantine.
    pub released: bool,
    /// The finding that keeps it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still: Option<Entry>,
}

impl Example for ListRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self { records: vec![Entry::example()] }
    }
}

impl Example for Entry {
    fn example() -> Self {
        Self {
            record: "secret/01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f".to_owned(),
            name: Some("ftp/acme".to_owned()),
            finding: "older".to_owned(),
            found_at: "2026-07-15T08:30:00.000Z".to_owned(),
        }
    }
}

impl Example for ReleaseRequest {
    fn example() -> Self {
        Self { record: "secret/01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f".to_owned(), how: How::Recheck }
    }
}

impl Example for ReleaseReply {
    fn example() -> Self {
        Self { released: true, still: None }
    }
}
