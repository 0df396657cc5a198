//! Reading secrets: value, metadata, list.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EXAMPLE_ID;
use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::WireSecret;

/// Reads the value of a secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretGetRequest")]
#[serde(deny_unknown_fields)]
pub struct GetRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Which version; the current one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = u32::MAX))]
    pub version: Option<u32>,
}

/// The value of a secret.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretGetReply")]
pub struct GetReply {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version of this value.
    pub version: u32,
    /// The value.
    pub value_base64: WireSecret,
}

/// Reads what is known about a secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretShowRequest")]
#[serde(deny_unknown_fields)]
pub struct ShowRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
}

/// What is known about a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretShowReply")]
pub struct ShowReply {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The current version.
    pub version: u32,
    /// When the secret was made.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it was last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// The crypto provider of the current version: `aes-256`, or `cleartext` after an import.
    pub provider: String,
    /// The id of the application key the current version is encrypted with.
    pub key: String,
    /// The version of that key.
    pub key_version: u32,
    /// How many versions are kept.
    pub versions_kept: u32,
    /// The versions that are there, rising.
    pub versions: Vec<VersionEntry>,
    /// Another system had encrypted the value before it was brought.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub already_encrypted: bool,
    /// What another system knew of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When it was deleted, if it was; it can be undeleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub deleted_at: Option<String>,
}

/// One version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretVersionEntry")]
pub struct VersionEntry {
    /// Its number.
    pub version: u32,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
}

/// Lists secrets by prefix.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// What their names begin with; all when left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("pattern" = form::PREFIX))]
    pub prefix: String,
    /// Only names greater than this one: `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = form::NAME))]
    pub after: Option<String>,
    /// At most so many; 100 when left out, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Also those that are deleted and can be undeleted.
    #[serde(default)]
    pub deleted: bool,
}

/// A page of secrets, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretListReply")]
pub struct ListReply {
    /// One entry per secret.
    pub secrets: Vec<ListEntry>,
    /// Secrets whose record cannot be read now, so that a damaged one does not hide the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One secret of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretListEntry")]
pub struct ListEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The current version.
    pub version: u32,
    /// When it was last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// When it was deleted, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub deleted_at: Option<String>,
}

/// A secret whose record cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretWithheld")]
pub struct Withheld {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub code: Code,
    /// Why, for people.
    pub message: String,
}

impl Example for GetRequest {
    fn example() -> Self {
        Self { name: "ftp/acme".to_owned(), version: None }
    }
}

impl Example for GetReply {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            name: "ftp/acme".to_owned(),
            version: 1,
            value_base64: WireSecret::sample("s3cret"),
        }
    }
}

impl Example for ShowRequest {
    fn example() -> Self {
        Self { name: "ftp/acme".to_owned() }
    }
}

impl Example for ShowReply {
    fn example() -> Self {
        let created_at = "2026-07-15T08:30:00.000Z".to_owned();
        Self {
            id: EXAMPLE_ID.to_owned(),
            name: "ftp/acme".to_owned(),
            version: 1,
            created_at: created_at.clone(),
            updated_at: created_at.clone(),
            provider: "aes-256".to_owned(),
            key: "01980c3e-1f05-7ddd-8000-0123456789ab".to_owned(),
            key_version: 1,
            versions_kept: 10,
            versions: vec![VersionEntry { version: 1, created_at }],
            already_encrypted: false,
            metadata: BTreeMap::new(),
            deleted_at: None,
        }
    }
}

impl Example for ListRequest {
    fn example() -> Self {
        Self { prefix: "ftp/".to_owned(), after: None, limit: Some(100), deleted: false }
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self {
            secrets: vec![ListEntry {
                id: EXAMPLE_ID.to_owned(),
                name: "ftp/acme".to_owned(),
                version: 1,
                updated_at: "2026-07-15T08:30:00.000Z".to_owned(),
                deleted_at: None,
            }],
            withheld: Vec::new(),
            next: None,
        }
    }
}
