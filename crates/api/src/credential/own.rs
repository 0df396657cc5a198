//! What only the account does that a credential belongs to: get, enroll.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXAMPLE_ID, EXAMPLE_NAME, EXAMPLE_TIME, EXAMPLE_UID};
use crate::form;
use crate::operation::Example;
use crate::wire::{WireSecret, present};

/// Reads the value of a credential; answered to its account only, over a Unix socket or with a client certificate over TLS.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialGetRequest")]
#[serde(deny_unknown_fields)]
pub struct GetRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
}

/// The value of a credential, in one of two forms.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialGetReply")]
pub struct GetReply {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How often value or binding were changed.
    pub revision: u32,
    /// The uid of its account, if it belongs to one of the server's host.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    pub uid: Option<u32>,
    /// When value or binding last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// Its value, when the account is not enrolled.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub value_base64: Option<WireSecret>,
    /// Its value sealed to the account's public key, when it is enrolled: the form is described in docs/spec/credential.md.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub sealed_base64: Option<WireSecret>,
}

/// Has a credential sealed to a key of its account from now on; asked by that account, over a Unix socket or with a client
/// certificate over TLS.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialEnrollRequest")]
#[serde(deny_unknown_fields)]
pub struct EnrollRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The account's public key, X25519, 32 bytes.
    #[schemars(extend("pattern" = form::KEY))]
    pub public_key_base64: WireSecret,
    /// When the account is enrolled with another key: what shows that it still has that one, 32 bytes (docs/spec/credential.md).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret", extend("pattern" = form::KEY))]
    pub proof_base64: Option<WireSecret>,
}

/// The account is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialEnrollReply")]
pub struct EnrollReply {
    /// The credential's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its revision.
    pub revision: u32,
}

impl Example for GetRequest {
    fn example() -> Self {
        Self { name: EXAMPLE_NAME.to_owned() }
    }
}

impl Example for GetReply {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            name: EXAMPLE_NAME.to_owned(),
            revision: 1,
            uid: Some(EXAMPLE_UID),
            updated_at: EXAMPLE_TIME.to_owned(),
            value_base64: Some(WireSecret::sample("not a real password")),
            sealed_base64: None,
        }
    }
}

impl Example for EnrollRequest {
    fn example() -> Self {
        Self {
            name: EXAMPLE_NAME.to_owned(),
            public_key_base64: WireSecret::sample("a public key has 32 bytes, these"),
            proof_base64: None,
        }
    }
}

impl Example for EnrollReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), name: EXAMPLE_NAME.to_owned(), revision: 1 }
    }
}
