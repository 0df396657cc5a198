//! Changing credentials: set, rebind, delete.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXAMPLE_ACCOUNT, EXAMPLE_ID, EXAMPLE_NAME, EXAMPLE_PIN, EXAMPLE_UID};
use crate::form;
use crate::operation::Example;
use crate::wire::{WireSecret, present};

/// Stores a credential.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialSetRequest")]
#[serde(deny_unknown_fields)]
pub struct SetRequest {
    /// Its name; or the id of one that exists.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The account of the server's host that it belongs to, if it belongs to one; of one that exists, the account it is bound to.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 256), extend("pattern" = form::LINE))]
    pub account: Option<String>,
    /// The pins of the client certificates that it belongs to, at most 16; of one that exists, those it is bound to. It belongs
    /// to an account or a certificate at least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("items" = serde_json::json!({ "type": "string", "pattern": form::PIN })))]
    pub certificates: Vec<String>,
    /// Its value, at most 65,536 bytes.
    pub value_base64: WireSecret,
    /// Do it only if this is its revision; 0: only if there is no such credential.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(max = u32::MAX))]
    pub expected_revision: Option<u32>,
}

/// The credential is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialSetReply")]
pub struct SetReply {
    /// Its id, which stays until it is deleted.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The revision that was made.
    pub revision: u32,
    /// The uid of its account, if it belongs to one of the server's host.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    pub uid: Option<u32>,
    /// Whether the credential is new.
    pub created: bool,
}

/// Binds a credential to an account as it is today, to client certificates, or to both, and to nobody else; whoever was enrolled is
/// so no longer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialRebindRequest")]
#[serde(deny_unknown_fields)]
pub struct RebindRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The account of the server's host that it belongs to from now on; the same as before is fine.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 256), extend("pattern" = form::LINE))]
    pub account: Option<String>,
    /// The pins of the client certificates that it belongs to from now on, at most 16. It belongs to an account or a certificate
    /// at least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("items" = serde_json::json!({ "type": "string", "pattern": form::PIN })))]
    pub certificates: Vec<String>,
    /// Do it only if this is its revision.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(max = u32::MAX))]
    pub expected_revision: Option<u32>,
}

/// The credential is bound anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialRebindReply")]
pub struct RebindReply {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The revision that was made.
    pub revision: u32,
    /// Its account, if it belongs to one of the server's host.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub account: Option<String>,
    /// The uid of its account.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    pub uid: Option<u32>,
    /// The pins of its client certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
}

/// Deletes a credential for good.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialDeleteRequest")]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Do it only if this is its revision.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(max = u32::MAX))]
    pub expected_revision: Option<u32>,
}

/// The credential is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialDeleteReply")]
pub struct DeleteReply {
    /// The id it had.
    pub id: String,
    /// The name it had, which is free again.
    pub name: String,
}

impl Example for SetRequest {
    fn example() -> Self {
        Self {
            name: EXAMPLE_NAME.to_owned(),
            account: Some(EXAMPLE_ACCOUNT.to_owned()),
            certificates: Vec::new(),
            value_base64: WireSecret::sample("not a real password"),
            expected_revision: Some(0),
        }
    }
}

impl Example for SetReply {
    fn example() -> Self {
        let (id, name) = (EXAMPLE_ID.to_owned(), EXAMPLE_NAME.to_owned());
        Self { id, name, revision: 1, uid: Some(EXAMPLE_UID), created: true }
    }
}

impl Example for RebindRequest {
    fn example() -> Self {
        let (name, account) = (EXAMPLE_NAME.to_owned(), Some(EXAMPLE_ACCOUNT.to_owned()));
        Self { name, account, certificates: vec![EXAMPLE_PIN.to_owned()], expected_revision: None }
    }
}

impl Example for RebindReply {
    fn example() -> Self {
        let (id, name, account) = (EXAMPLE_ID.to_owned(), EXAMPLE_NAME.to_owned(), Some(EXAMPLE_ACCOUNT.to_owned()));
        Self { id, name, revision: 2, account, uid: Some(EXAMPLE_UID), certificates: vec![EXAMPLE_PIN.to_owned()] }
    }
}

impl Example for DeleteRequest {
    fn example() -> Self {
        Self { name: EXAMPLE_NAME.to_owned(), expected_revision: None }
    }
}

impl Example for DeleteReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), name: EXAMPLE_NAME.to_owned() }
    }
}
