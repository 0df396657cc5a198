//! Changing secrets: put, rename, delete, undelete, destroy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EXAMPLE_ID;
use crate::form;
use crate::operation::Example;
use crate::wire::WireSecret;

/// Creates a secret, or a new version of one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretPutRequest")]
#[serde(deny_unknown_fields)]
pub struct PutRequest {
    /// Its name; or the id of one that exists.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The value, at most 1 MiB.
    pub value_base64: WireSecret,
    /// Do it only if this is the current version; 0: only if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = u32::MAX))]
    pub expected_version: Option<u32>,
    /// How many versions are kept from now on, 1 to 50; as before when left out, at first the server's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub keep: Option<u32>,
}

/// The secret is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretPutReply")]
pub struct PutReply {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version that was made.
    pub version: u32,
    /// Whether the secret is new.
    pub created: bool,
    /// On how many disks it lies.
    pub copies: u32,
}

/// Gives a secret another name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretRenameRequest")]
#[serde(deny_unknown_fields)]
pub struct RenameRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Its name from now on.
    #[schemars(extend("pattern" = form::NAME))]
    pub new_name: String,
}

/// The secret has another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretRenameReply")]
pub struct RenameReply {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Deletes a secret, for a time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretDeleteRequest")]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Do it only if this is the current version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = u32::MAX))]
    pub expected_version: Option<u32>,
}

/// The secret is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretDeleteReply")]
pub struct DeleteReply {
    /// Its id, by which it can be undeleted.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was deleted.
    #[schemars(extend("format" = "date-time"))]
    pub deleted_at: String,
}

/// Takes a deletion back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretUndeleteRequest")]
#[serde(deny_unknown_fields)]
pub struct UndeleteRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
}

/// The secret is there again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretUndeleteReply")]
pub struct UndeleteReply {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The current version.
    pub version: u32,
}

/// Destroys a secret, or one version of it, for good.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretDestroyRequest")]
#[serde(deny_unknown_fields)]
pub struct DestroyRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Only this version, which may not be the current one; the whole secret when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = u32::MAX))]
    pub version: Option<u32>,
}

/// It is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretDestroyReply")]
pub struct DestroyReply {
    /// The id of the secret.
    pub id: String,
    /// Its name; free again when the whole secret was destroyed.
    pub name: String,
    /// The versions that were destroyed.
    pub versions: Vec<u32>,
    /// Whether the whole secret was destroyed.
    pub whole: bool,
}

impl Example for PutRequest {
    fn example() -> Self {
        Self {
            name: "ftp/acme".to_owned(),
            value_base64: WireSecret::sample("s3cret"),
            expected_version: Some(0),
            keep: None,
        }
    }
}

impl Example for PutReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), name: "ftp/acme".to_owned(), version: 1, created: true, copies: 1 }
    }
}

impl Example for RenameRequest {
    fn example() -> Self {
        Self { name: "ftp/acme".to_owned(), new_name: "sftp/acme".to_owned() }
    }
}

impl Example for RenameReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), name: "sftp/acme".to_owned() }
    }
}

impl Example for DeleteRequest {
    fn example() -> Self {
        Self { name: "ftp/acme".to_owned(), expected_version: None }
    }
}

impl Example for DeleteReply {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            name: "ftp/acme".to_owned(),
            deleted_at: "2026-07-15T08:30:00.000Z".to_owned(),
        }
    }
}

impl Example for UndeleteRequest {
    fn example() -> Self {
        Self { name: EXAMPLE_ID.to_owned() }
    }
}

impl Example for UndeleteReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), name: "ftp/acme".to_owned(), version: 1 }
    }
}

impl Example for DestroyRequest {
    fn example() -> Self {
        Self { name: "ftp/acme".to_owned(), version: None }
    }
}

impl Example for DestroyReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), name: "ftp/acme".to_owned(), versions: vec![1], whole: true }
    }
}
