//! Making, showing and changing keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXAMPLE_ID, EXAMPLE_TIME};
use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::{WireSecret, nullable, word};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KeyPurpose")]
pub enum Purpose {
    /// Values that applications keep themselves, sealed.
    Values,
    /// Message authentication codes.
    Mac,
    /// Signatures.
    Sign,
    /// Column encryption keys of databases, wrapped.
    Columns,
}

/// Makes a key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyCreateRequest")]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// Its name.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The one thing it is for.
    #[serde(deserialize_with = "word")]
    pub purpose: Purpose,
    /// What MACs or signatures are made with: `hmac-sha-256`; `ed25519`, `ecdsa-p256-sha-256`, `rsa-pss-3072-sha-256`. Or how
    /// column encryption keys are wrapped: `rsa-3072-oaep`, `aes-256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = form::ALGORITHM))]
    pub algorithm: Option<String>,
    /// After how long the server makes a new version by itself: one minute to 3,660 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 316_224_000))]
    pub rotation_period_seconds: Option<u64>,
    /// How often each version may protect something: 1 to 10^15; as often as one likes when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub usage_limit: Option<u64>,
}

/// Reads what is known of a key, without the key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyShowRequest")]
#[serde(deny_unknown_fields)]
pub struct ShowRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
}

/// A key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The one thing it is for.
    pub purpose: String,
    /// What it is used with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// What its versions are wrapped by: `root`, or the kind of a protector and which one.
    pub protector: String,
    /// `root` when its versions are wrapped a second time under the root's wrap key: it is ready without its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<String>,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When anything about it last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// After how long the server makes a new version by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_period_seconds: Option<u64>,
    /// How often each version may protect something; absent for as often as one likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_limit: Option<u64>,
    /// The version that is used for new values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_version: Option<u32>,
    /// Its versions, rising.
    pub versions: Vec<Version>,
}

/// A version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyVersion")]
pub struct Version {
    /// Its number, from 1.
    pub version: u32,
    /// `pre-active`, `active`, `deactivated`, `suspended`, `compromised`, `destroyed` (NIST SP 800-57).
    pub state: String,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it was activated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub activated_at: Option<String>,
    /// When it was deactivated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub deactivated_at: Option<String>,
    /// When it was declared compromised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub compromised_at: Option<String>,
    /// When it will be destroyed, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub destroy_at: Option<String>,
    /// Whether it was brought by the user.
    pub imported: bool,
    /// How many values that the server stores are sealed under it.
    pub stored_values: u64,
    /// How many of its limited uses are taken. Uses are set aside in blocks of at most a 64th of the limit: a block that is begun
    /// counts as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u64>,
    /// The public key of a version that has one: X.509 SubjectPublicKeyInfo in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_base64: Option<String>,
}

/// Lists keys by the beginning of their names.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// What the names begin with; all when left out.
    #[serde(default)]
    #[schemars(extend("pattern" = form::PREFIX))]
    pub prefix: String,
    /// Only names after this one: `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = form::NAME))]
    pub after: Option<String>,
    /// At most so many; 100 when left out, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// A page of keys in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyListReply")]
pub struct ListReply {
    /// The keys.
    pub keys: Vec<Key>,
    /// Keys whose record cannot be read now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A key whose record cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyWithheld")]
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

/// Makes a new version, active at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyRotateRequest")]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Leave what is stored under older versions as it is for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_reencrypt: bool,
    /// Do it only if this version is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = u32::MAX))]
    pub expected_version: Option<u32>,
    /// Seal at most so many stored values again a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = u32::MAX))]
    pub rate: Option<u32>,
}

/// The key has a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyRotateReply")]
pub struct RotateReply {
    /// The key as it is now.
    pub key: Key,
    /// The job that seals again what is stored, when there is anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// What is done to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KeyStep")]
pub enum Step {
    /// Begin to use a version that was made beforehand.
    Activate,
    /// Seal nothing more with it.
    Deactivate,
    /// Use it for nothing for now.
    Suspend,
    /// Use it again.
    Resume,
    /// Declare it compromised: it opens only for those who may open what is compromised.
    Compromise,
}

/// Changes the state of a version.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyStateRequest")]
#[serde(deny_unknown_fields)]
pub struct StateRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Which version.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub version: u32,
    /// What is done to it.
    #[serde(deserialize_with = "word")]
    pub step: Step,
}

/// Limits how often each version of a key may protect something: seal a value, make a data key, a MAC or a signature. Opening
/// and verifying are never limited.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyLimitRequest")]
#[serde(deny_unknown_fields)]
pub struct LimitRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// How often, 1 to 10^15; null for as often as one likes.
    #[serde(deserialize_with = "nullable")]
    #[schemars(required, extend("type" = ["integer", "null"]), range(min = 1, max = 1_000_000_000_000_000_u64))]
    pub limit: Option<u64>,
}

/// Begins the end of a version.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDestroyRequest")]
#[serde(deny_unknown_fields)]
pub struct DestroyRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Which version; it must not be active, and no stored value may need it.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub version: u32,
    /// How long it can be taken back: 30 days when left out, at most 366; 0: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 31_622_400))]
    pub wait_seconds: Option<u64>,
}

/// Takes the end of a version back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyUndestroyRequest")]
#[serde(deny_unknown_fields)]
pub struct UndestroyRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Which version.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub version: u32,
}

/// Wraps the versions of a key by another protector.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyProtectRequest")]
#[serde(deny_unknown_fields)]
pub struct ProtectRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// `root`, `rsa:NAME`, `pkcs11:NAME`, `plugin:NAME` (sections of the server's configuration), `password`, `shares`.
    #[schemars(extend("pattern" = form::KEY_PROTECTOR))]
    pub with: String,
    /// For `pkcs11`: the token's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// For `pkcs11`: the label of the key on the token; it is made there when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// For `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_base64: Option<WireSecret>,
    /// For `password`: nothing but the password opens the key, so that it is locked after each start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub password_only: bool,
    /// For `shares`: how many are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 16))]
    pub shares: Option<u8>,
    /// For `shares`: how many open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 16))]
    pub threshold: Option<u8>,
}

/// The key has another protector.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyProtectReply")]
pub struct ProtectReply {
    /// The key as it is now.
    pub key: Key,
    /// Shares, shown this once: one for each person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares_base64: Vec<WireSecret>,
}

/// Opens the protector of a key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyUnlockRequest")]
#[serde(deny_unknown_fields)]
pub struct UnlockRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The password, or shares, one a line; nothing for protectors that need no person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_base64: Option<WireSecret>,
}

/// Changes the password of a key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyChangePasswordRequest")]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    /// The key's name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// The password that opens it now.
    pub password_base64: WireSecret,
    /// The one that shall open it from now on.
    pub new_password_base64: WireSecret,
}

/// Asks for the public key under which a key is wrapped that shall be imported.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyWrappingRequest")]
#[serde(deny_unknown_fields)]
pub struct WrappingRequest {}

/// A public key of RSA with 3072 bits; the private one is in the server's memory only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyWrappingReply")]
pub struct WrappingReply {
    /// Names it, for the import.
    #[schemars(extend("format" = "uuid"))]
    pub wrapping_key: String,
    /// X.509 SubjectPublicKeyInfo in base64.
    pub public_key_base64: String,
    /// For how long it is used.
    pub seconds: u64,
}

/// Takes over a key that the user brings: a new key, or a new active version of one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyImportRequest")]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The key's name.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// What a new key is for; `values` when left out. One that is there keeps its purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// What the key is used with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = form::ALGORITHM))]
    pub algorithm: Option<String>,
    /// Under which public key it is wrapped.
    #[schemars(extend("format" = "uuid"))]
    pub wrapping_key: String,
    /// The key (32 bytes; to sign, and with `rsa-3072-oaep`: PKCS#8 in DER) under RSA-OAEP with SHA-256 and an empty label; or an AES-256 key so wrapped
    /// and behind it the key under AES-KWP (RFC 5649), as `CKM_RSA_AES_KEY_WRAP` of PKCS#11 does it.
    #[schemars(extend("contentEncoding" = "base64", "pattern" = form::BASE64))]
    pub wrapped_base64: String,
    /// Leave what is stored under older versions as it is for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_reencrypt: bool,
}

impl Example for WrappingRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for WrappingReply {
    fn example() -> Self {
        let public_key_base64 = "MIIBojANBgkqhkiG9w0BAQEFAAOCAY8A".to_owned();
        Self { wrapping_key: EXAMPLE_ID.to_owned(), public_key_base64, seconds: 3600 }
    }
}

impl Example for ImportRequest {
    fn example() -> Self {
        Self {
            name: "orders".to_owned(),
            purpose: None,
            algorithm: None,
            wrapping_key: EXAMPLE_ID.to_owned(),
            wrapped_base64: "q1MK".to_owned(),
            no_reencrypt: false,
        }
    }
}

impl Example for ProtectRequest {
    fn example() -> Self {
        let (token, label, password_base64, shares, threshold) = (None, None, None, None, None);
        let (name, with) = ("orders".to_owned(), "rsa:office".to_owned());
        Self { name, with, token, label, password_base64, password_only: false, shares, threshold }
    }
}

impl Example for ProtectReply {
    fn example() -> Self {
        Self { key: Key::example(), shares_base64: Vec::new() }
    }
}

impl Example for UnlockRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), password_base64: Some(WireSecret::sample("four plain words here")) }
    }
}

impl Example for ChangePasswordRequest {
    fn example() -> Self {
        Self {
            name: "orders".to_owned(),
            password_base64: WireSecret::sample("four plain words here"),
            new_password_base64: WireSecret::sample("four other plain words"),
        }
    }
}

impl Example for CreateRequest {
    fn example() -> Self {
        Self {
            name: "orders".to_owned(),
            purpose: Purpose::Values,
            algorithm: None,
            rotation_period_seconds: None,
            usage_limit: None,
        }
    }
}

impl Example for ShowRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned() }
    }
}

impl Example for Key {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            name: "orders".to_owned(),
            purpose: "values".to_owned(),
            algorithm: None,
            protector: "root".to_owned(),
            recovery: None,
            created_at: EXAMPLE_TIME.to_owned(),
            updated_at: EXAMPLE_TIME.to_owned(),
            rotation_period_seconds: None,
            usage_limit: None,
            active_version: Some(1),
            versions: vec![Version {
                version: 1,
                state: "active".to_owned(),
                created_at: EXAMPLE_TIME.to_owned(),
                activated_at: Some(EXAMPLE_TIME.to_owned()),
                deactivated_at: None,
                compromised_at: None,
                destroy_at: None,
                imported: false,
                stored_values: 0,
                uses: None,
                public_key_base64: None,
            }],
        }
    }
}

impl Example for ListRequest {
    fn example() -> Self {
        Self::default()
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self { keys: vec![Key::example()], withheld: Vec::new(), next: None }
    }
}

impl Example for RotateRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), no_reencrypt: false, expected_version: Some(1), rate: None }
    }
}

impl Example for RotateReply {
    fn example() -> Self {
        Self { key: Key::example(), job: None }
    }
}

impl Example for StateRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), version: 1, step: Step::Suspend }
    }
}

impl Example for LimitRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), limit: Some(1_000_000) }
    }
}

impl Example for DestroyRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), version: 1, wait_seconds: None }
    }
}

impl Example for UndestroyRequest {
    fn example() -> Self {
        Self { name: "orders".to_owned(), version: 1 }
    }
}
