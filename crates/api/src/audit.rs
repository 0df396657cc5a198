//! `audit`: search the trail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::form;
use crate::operation::Example;

/// Which lines of the trail; what is left out does not matter.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditSearchRequest")]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// The word of an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// `uid:1000` or `token:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// A name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The id of one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub request_id: Option<String>,
    /// Only lines from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time", "pattern" = form::TIME))]
    pub since: Option<String>,
    /// At most so many lines, the newest; 100 when left out, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// Lines of the trail, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditSearchReply")]
pub struct SearchReply {
    /// Each byte for byte as it stands in the trail, so that its chain can be verified.
    pub lines: Vec<String>,
}

impl Example for SearchRequest {
    fn example() -> Self {
        Self {
            operation: Some("secret.get".to_owned()),
            target: Some("ftp/acme".to_owned()),
            since: Some("2026-07-15T00:00:00.000Z".to_owned()),
            limit: Some(100),
            ..Self::default()
        }
    }
}

impl Example for SearchReply {
    fn example() -> Self {
        let line = concat!(
            r#"{"seq":71,"time":"2026-07-15T08:31:02.115Z","node":"one","principal":"uid:1000","remote":"unix","#,
            r#""operation":"secret.get","target":"ftp/acme","outcome":"ok","#,
            r#""request":"01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f","prev":"…","mac":"…"}"#
        );
        Self { lines: vec![line.to_owned()] }
    }
}
