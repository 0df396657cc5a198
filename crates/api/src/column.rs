//! `column`: column encryption keys, made, opened and wrapped again under the master keys that the server keeps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::form;
use crate::operation::Example;
use crate::wire::{WireSecret, word};

/// How a column encryption key is wrapped: as the catalogue of a database names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnKeyAlgorithm")]
pub enum Algorithm {
    /// Under an RSA master key, in the envelope of Microsoft's Always Encrypted.
    #[serde(rename = "RSA_OAEP")]
    RsaOaep,
    /// Under an AES-256 master key, as a sealed value of purpose `columns`.
    #[serde(rename = "STRONGROOM_SEALED")]
    Sealed,
}

/// Makes a column encryption key: 32 random bytes, wrapped under the active version of a master key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnKeyRequest")]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// The master key's name or id; its purpose is `columns`.
    #[schemars(extend("pattern" = form::NAME))]
    pub master: String,
    /// How it shall be wrapped; what the master key is for when left out. Another than that is refused.
    #[serde(default, deserialize_with = "present_word", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Algorithm")]
    pub algorithm: Option<Algorithm>,
}

/// A column encryption key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnKeyReply")]
pub struct KeyReply {
    /// The master key version that it is wrapped under: `NAME#VERSION`.
    pub path: String,
    /// How it is wrapped.
    pub algorithm: Algorithm,
    /// The key, wrapped: `column.unwrap` opens it.
    #[schemars(extend("contentEncoding" = "base64", "pattern" = form::BASE64))]
    pub envelope_base64: String,
    /// The key itself, 32 bytes.
    pub key_base64: WireSecret,
    /// What the key is recognised by, without giving it away: 16 bytes in hexadecimal digits (docs/spec/column-key.md).
    #[schemars(extend("pattern" = form::KEY_CHECK))]
    pub check: String,
}

/// Opens a column encryption key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnUnwrapRequest")]
#[serde(deny_unknown_fields)]
pub struct UnwrapRequest {
    /// The master key version that it is wrapped under: `NAME#VERSION`.
    #[schemars(extend("pattern" = form::MASTER_KEY_PATH))]
    pub path: String,
    /// How it is wrapped.
    #[serde(deserialize_with = "word")]
    pub algorithm: Algorithm,
    /// The wrapped key.
    pub envelope_base64: WireSecret,
}

/// A column encryption key that was opened.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnUnwrapReply")]
pub struct UnwrapReply {
    /// The key itself, 32 bytes.
    pub key_base64: WireSecret,
}

/// Wraps a column encryption key again, under the active version of another master key or of the same one; the key never
/// leaves the server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnRewrapRequest")]
#[serde(deny_unknown_fields)]
pub struct RewrapRequest {
    /// The master key version that it is wrapped under: `NAME#VERSION`.
    #[schemars(extend("pattern" = form::MASTER_KEY_PATH))]
    pub path: String,
    /// How it is wrapped.
    #[serde(deserialize_with = "word")]
    pub algorithm: Algorithm,
    /// The wrapped key.
    pub envelope_base64: WireSecret,
    /// The name or id of the master key that it shall be wrapped under.
    #[schemars(extend("pattern" = form::NAME))]
    pub to_master: String,
    /// Also open what a compromised version wrapped; needs a permission of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compromised: bool,
}

/// The same column encryption key, wrapped again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnRewrapReply")]
pub struct RewrapReply {
    /// The master key version that it is wrapped under now: `NAME#VERSION`.
    pub path: String,
    /// How it is wrapped.
    pub algorithm: Algorithm,
    /// The key, wrapped.
    #[schemars(extend("contentEncoding" = "base64", "pattern" = form::BASE64))]
    pub envelope_base64: String,
}

/// Signs the metadata of an RSA master key as Microsoft's Always Encrypted does: provider, path, and whether enclaves may use it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnSignRequest")]
#[serde(deny_unknown_fields)]
pub struct SignRequest {
    /// The master key version: `NAME#VERSION`; it signs while it is active.
    #[schemars(extend("pattern" = form::MASTER_KEY_PATH))]
    pub path: String,
    /// Whether enclaves may use the key.
    #[serde(default)]
    pub enclave: bool,
}

/// A signature of metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnSignReply")]
pub struct SignReply {
    /// RSASSA-PKCS1-v1_5 with SHA-256; `key.show` shows the public key.
    #[schemars(extend("contentEncoding" = "base64", "pattern" = form::BASE64))]
    pub signature_base64: String,
}

/// One word of a list that may be left out, but is not null.
fn present_word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Algorithm>, D::Error> {
    word(deserializer).map(Some)
}

const PATH: &str = "cmk1#1";
const ENVELOPE: &str = "q1MK";
const KEY: &str = "thirty-two bytes, as many as it ";

impl Example for KeyRequest {
    fn example() -> Self {
        Self { master: "cmk1".to_owned(), algorithm: None }
    }
}

impl Example for KeyReply {
    fn example() -> Self {
        Self {
            path: PATH.to_owned(),
            algorithm: Algorithm::RsaOaep,
            envelope_base64: ENVELOPE.to_owned(),
            key_base64: WireSecret::sample(KEY),
            check: "000102030405060708090a0b0c0d0e0f".to_owned(),
        }
    }
}

impl Example for UnwrapRequest {
    fn example() -> Self {
        let envelope_base64 = WireSecret::sample("a wrapped key");
        Self { path: PATH.to_owned(), algorithm: Algorithm::RsaOaep, envelope_base64 }
    }
}

impl Example for UnwrapReply {
    fn example() -> Self {
        Self { key_base64: WireSecret::sample(KEY) }
    }
}

impl Example for RewrapRequest {
    fn example() -> Self {
        Self {
            path: PATH.to_owned(),
            algorithm: Algorithm::RsaOaep,
            envelope_base64: WireSecret::sample("a wrapped key"),
            to_master: "cmk2".to_owned(),
            compromised: false,
        }
    }
}

impl Example for RewrapReply {
    fn example() -> Self {
        Self { path: "cmk2#1".to_owned(), algorithm: Algorithm::RsaOaep, envelope_base64: ENVELOPE.to_owned() }
    }
}

impl Example for SignRequest {
    fn example() -> Self {
        Self { path: PATH.to_owned(), enclave: false }
    }
}

impl Example for SignReply {
    fn example() -> Self {
        Self { signature_base64: ENVELOPE.to_owned() }
    }
}
