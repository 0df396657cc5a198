//! Using keys: one value, or many in one request.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::EXAMPLE_ID;
use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::{WireSecret, present};

/// An encryption context: names and texts that must be the same when a value is decrypted. The names stand in the audit trail.
pub type Context = BTreeMap<String, String>;

/// What a context looks like.
fn context_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "propertyNames": { "minLength": 1, "maxLength": 256 },
        "additionalProperties": { "type": "string", "maxLength": 256 }
    })
}

/// Seals one value, or many.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyEncryptRequest", extend("oneOf" = [{"required": ["value_base64"]}, {"required": ["items"]}]))]
#[serde(deny_unknown_fields)]
pub struct EncryptRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The one value, at most 1 MiB.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub value_base64: Option<WireSecret>,
    /// The value's context; for many, the context of those that have none of their own.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    #[schemars(schema_with = "context_schema")]
    pub context: Context,
    /// Many values instead, 1 to 1000; one that cannot be sealed does not fail the others.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<EncryptItem>", length(min = 1, max = 1000))]
    pub items: Option<Vec<EncryptItem>>,
}

/// A value of many.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyEncryptItem")]
#[serde(deny_unknown_fields)]
pub struct EncryptItem {
    /// The value, at most 1 MiB.
    pub value_base64: WireSecret,
    /// Its context.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    #[schemars(schema_with = "context_schema")]
    pub context: Context,
}

/// The value is sealed, or the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyEncryptReply")]
pub struct EncryptReply {
    /// The id of the key.
    pub key: String,
    /// The version that sealed them.
    pub version: u32,
    /// The one sealed value: `sr1.` and base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciphertext: Option<String>,
    /// Many sealed values, in the order of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Sealed>>,
}

/// One of many values: sealed, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeySealed")]
pub struct Sealed {
    /// The sealed value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciphertext: Option<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// What went wrong with one of many items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyItemError")]
pub struct ItemError {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

/// Opens one value, or many.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDecryptRequest", extend("oneOf" = [{"required": ["ciphertext"]}, {"required": ["items"]}]))]
#[serde(deny_unknown_fields)]
pub struct DecryptRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The one sealed value.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub ciphertext: Option<String>,
    /// The value's context, as it was when it was sealed; for many, the context of those that have none of their own.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    #[schemars(schema_with = "context_schema")]
    pub context: Context,
    /// Many sealed values instead, 1 to 1000; one that does not open does not fail the others.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<DecryptItem>", length(min = 1, max = 1000))]
    pub items: Option<Vec<DecryptItem>>,
    /// Also open what a compromised version sealed; needs a permission of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compromised: bool,
}

/// A sealed value of many.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDecryptItem")]
#[serde(deny_unknown_fields)]
pub struct DecryptItem {
    /// The sealed value.
    pub ciphertext: String,
    /// Its context, as it was when it was sealed.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    #[schemars(schema_with = "context_schema")]
    pub context: Context,
}

/// The value, or the values.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDecryptReply")]
pub struct DecryptReply {
    /// The id of the key.
    pub key: String,
    /// The one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<WireSecret>,
    /// The version that had sealed the one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Many values, in the order of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Plaintext>>,
}

/// One of many values: opened, or why not.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyPlaintext")]
pub struct Plaintext {
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<WireSecret>,
    /// The version that had sealed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// Seals sealed values again under the active version; the plaintext never leaves the server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyRewrapRequest", extend("oneOf" = [{"required": ["ciphertext"]}, {"required": ["items"]}]))]
#[serde(deny_unknown_fields)]
pub struct RewrapRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The one sealed value.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub ciphertext: Option<String>,
    /// The value's context; for many, the context of those that have none of their own.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    #[schemars(schema_with = "context_schema")]
    pub context: Context,
    /// Many sealed values instead, 1 to 1000.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<DecryptItem>", length(min = 1, max = 1000))]
    pub items: Option<Vec<DecryptItem>>,
}

/// Makes a data key: 32 random bytes, sealed, with which an application encrypts by itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDatakeyRequest")]
#[serde(deny_unknown_fields)]
pub struct DatakeyRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Its context.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    #[schemars(schema_with = "context_schema")]
    pub context: Context,
    /// Answer the sealed data key only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed_only: bool,
}

/// A data key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDatakeyReply")]
pub struct DatakeyReply {
    /// The id of the key that sealed it.
    pub key: String,
    /// That key's version.
    pub version: u32,
    /// The data key, sealed: `key.decrypt` opens it.
    pub ciphertext: String,
    /// The data key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<WireSecret>,
}

/// Draws random bytes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyRandomRequest")]
#[serde(deny_unknown_fields)]
pub struct RandomRequest {
    /// How many, 1 to 65,536.
    #[schemars(range(min = 1, max = 65536))]
    pub bytes: u32,
}

/// Random bytes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyRandomReply")]
pub struct RandomReply {
    /// They may become a key.
    pub value_base64: WireSecret,
}

/// Makes the MAC of one message, or of many.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyMacRequest")]
#[serde(deny_unknown_fields)]
pub struct MacRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The messages, 1 to 1000.
    #[schemars(length(min = 1, max = 1000))]
    pub messages_base64: Vec<WireSecret>,
}

/// MACs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyMacReply")]
pub struct MacReply {
    /// The id of the key.
    pub key: String,
    /// The version they are made with.
    pub version: u32,
    /// The MACs in base64, in the order of the request; null where none was made.
    pub macs_base64: Vec<Option<String>>,
    /// Why some were not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// Signs one message, or many.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeySignRequest")]
#[serde(deny_unknown_fields)]
pub struct SignRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The messages, 1 to 1000.
    #[schemars(length(min = 1, max = 1000))]
    pub messages_base64: Vec<WireSecret>,
}

/// Signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeySignReply")]
pub struct SignReply {
    /// The id of the key.
    pub key: String,
    /// The version they are made with; `key.show` shows its public key.
    pub version: u32,
    /// The signatures in base64, in the order of the request; null where none was made.
    pub signatures_base64: Vec<Option<String>>,
    /// Why some were not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

impl Example for SignRequest {
    fn example() -> Self {
        Self { name: "releases".to_owned(), messages_base64: vec![WireSecret::sample("hello")] }
    }
}

impl Example for SignReply {
    fn example() -> Self {
        Self { key: EXAMPLE_ID.to_owned(), version: 1, signatures_base64: vec![Some("q1MK".to_owned())], error: None }
    }
}

/// Checks MACs or signatures.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyVerifyRequest")]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// What is checked, 1 to 1000.
    #[schemars(length(min = 1, max = 1000))]
    pub items: Vec<VerifyItem>,
}

/// A message and what was made of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyVerifyItem", extend("oneOf" = [{"required": ["mac_base64"]}, {"required": ["signature_base64"]}]))]
#[serde(deny_unknown_fields)]
pub struct VerifyItem {
    /// The message.
    pub message_base64: WireSecret,
    /// The key version that made it.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub version: u32,
    /// The MAC that was made of it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub mac_base64: Option<WireSecret>,
    /// Or the signature.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub signature_base64: Option<WireSecret>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyVerifyReply")]
pub struct VerifyReply {
    /// The id of the key.
    pub key: String,
    /// In the order of the request.
    pub items: Vec<Verdict>,
}

/// Whether one is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyVerdict")]
pub struct Verdict {
    /// Whether it is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
    /// Why that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

const SEALED: &str = "sr1.AQYAAQGYDD4ramwdnwBaPRwrTm8AAAAB";

fn tenant() -> Context {
    Context::from([("tenant".to_owned(), "7".to_owned())])
}

impl Example for EncryptRequest {
    fn example() -> Self {
        let value_base64 = Some(WireSecret::sample("hello"));
        Self { name: "orders".to_owned(), value_base64, context: tenant(), items: None }
    }
}

impl Example for EncryptReply {
    fn example() -> Self {
        Self { key: EXAMPLE_ID.to_owned(), version: 1, ciphertext: Some(SEALED.to_owned()), items: None }
    }
}

impl Example for DecryptRequest {
    fn example() -> Self {
        let (ciphertext, context) = (Some(SEALED.to_owned()), tenant());
        Self { name: "orders".to_owned(), ciphertext, context, items: None, compromised: false }
    }
}

impl Example for DecryptReply {
    fn example() -> Self {
        let value_base64 = Some(WireSecret::sample("hello"));
        Self { key: EXAMPLE_ID.to_owned(), value_base64, version: Some(1), items: None }
    }
}

impl Example for RewrapRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), ciphertext: Some(SEALED.to_owned()), context: tenant(), items: None }
    }
}

impl Example for DatakeyRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), context: Context::new(), sealed_only: false }
    }
}

impl Example for DatakeyReply {
    fn example() -> Self {
        let value_base64 = Some(WireSecret::sample("thirty-two bytes, as many as it "));
        Self { key: EXAMPLE_ID.to_owned(), version: 1, ciphertext: SEALED.to_owned(), value_base64 }
    }
}

impl Example for RandomRequest {
    fn example() -> Self {
        Self { bytes: 32 }
    }
}

impl Example for RandomReply {
    fn example() -> Self {
        Self { value_base64: WireSecret::sample("thirty-two bytes, as many as it ") }
    }
}

impl Example for MacRequest {
    fn example() -> Self {
        Self { name: "webhooks".to_owned(), messages_base64: vec![WireSecret::sample("hello")] }
    }
}

impl Example for MacReply {
    fn example() -> Self {
        Self { key: EXAMPLE_ID.to_owned(), version: 1, macs_base64: vec![Some("q1MK".to_owned())], error: None }
    }
}

impl Example for VerifyRequest {
    fn example() -> Self {
        let (message_base64, mac_base64) = (WireSecret::sample("hello"), Some(WireSecret::sample("mac")));
        let item = VerifyItem { message_base64, version: 1, mac_base64, signature_base64: None };
        Self { name: "webhooks".to_owned(), items: vec![item] }
    }
}

impl Example for VerifyReply {
    fn example() -> Self {
        Self { key: EXAMPLE_ID.to_owned(), items: vec![Verdict { valid: Some(true), error: None }] }
    }
}
