//! `token`: access tokens for TCP, of which only a digest is stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strongroom_secret::AccessToken;

use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::{WireToken, word};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything but what touches the root key, which is possible over the local socket only.
    Admin,
    /// Reads and changes secrets.
    Data,
    /// Reads secrets.
    Read,
    /// Opens column encryption keys, and nothing else: what a proxy needs.
    Columns,
}

/// Issues an access token.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenIssueRequest")]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// What it may do.
    #[serde(deserialize_with = "word")]
    pub role: Role,
    /// For how long it is valid: one minute to 366 days.
    #[schemars(range(min = 60, max = 31_622_400))]
    pub expires_in_seconds: u64,
    /// What it is for, at most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("pattern" = form::LINE))]
    pub description: Option<String>,
}

/// The token, shown this once.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenIssueReply")]
pub struct IssueReply {
    /// Its id, by which it is listed and revoked.
    pub id: String,
    /// The token itself; nobody can show it again.
    pub token: WireToken,
    /// What it may do.
    pub role: Role,
    /// Until when it is valid.
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: String,
}

/// Lists the tokens that were issued.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Only tokens after this one: `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub after: Option<String>,
    /// At most so many; 100 when left out, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// A page of the tokens that were issued and not revoked, in the order they were issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenListReply")]
pub struct ListReply {
    /// One entry per token.
    pub tokens: Vec<ListEntry>,
    /// Tokens whose record cannot be read now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A token whose record cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenWithheld")]
pub struct Withheld {
    /// Its id.
    pub id: String,
    /// Why.
    pub code: Code,
    /// Why, for people.
    pub message: String,
}

/// One token of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenListEntry")]
pub struct ListEntry {
    /// Its id.
    pub id: String,
    /// What it may do: `admin`, `data`, `read`; a role of a newer release gives no rights here.
    pub role: String,
    /// When it was issued.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// Until when it is valid.
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: String,
    /// Whether that is past.
    pub expired: bool,
    /// Who issued it.
    pub issued_by: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Revokes a token at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenRevokeRequest")]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Its id.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
}

/// The token is not valid any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenRevokeReply")]
pub struct RevokeReply {
    /// The id it had.
    pub id: String,
}

const EXAMPLE_ID: &str = "01980c3e-3a11-7eee-8000-0123456789ab";

impl Example for IssueRequest {
    fn example() -> Self {
        Self { role: Role::Read, expires_in_seconds: 28_800, description: Some("nightly transfer".to_owned()) }
    }
}

impl Example for IssueReply {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            token: WireToken::new(AccessToken::from_text("srt_EXAMPLE".to_owned())),
            role: Role::Read,
            expires_at: "2026-07-15T16:30:00.000Z".to_owned(),
        }
    }
}

impl Example for ListRequest {
    fn example() -> Self {
        Self { after: None, limit: Some(100) }
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self {
            tokens: vec![ListEntry {
                id: EXAMPLE_ID.to_owned(),
                role: "read".to_owned(),
                created_at: "2026-07-15T08:30:00.000Z".to_owned(),
                expires_at: "2026-07-15T16:30:00.000Z".to_owned(),
                expired: false,
                issued_by: "uid:990".to_owned(),
                description: Some("nightly transfer".to_owned()),
            }],
            withheld: Vec::new(),
            next: None,
        }
    }
}

impl Example for RevokeRequest {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned() }
    }
}

impl Example for RevokeReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned() }
    }
}
