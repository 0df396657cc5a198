//! `protector`: the ways in which the root key is wrapped.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;
use crate::wire::{WireSecret, word};

/// Lists the protectors of the root key.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {}

/// The protectors of the root key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorListReply")]
pub struct ListReply {
    /// One entry per protector.
    pub protectors: Vec<Entry>,
}

/// One protector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorEntry")]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// `account`, `machine`, `password`, `shares`, `rsa`, `pkcs11`, or `plugin`.
    pub kind: String,
    /// Whether it needs a person.
    pub attended: bool,
    /// What it is bound to.
    pub bound_to: BTreeMap<String, String>,
    /// SHA-256 of the wrapped root key, in hex.
    pub thumbprint: String,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it last opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_proven_at: Option<String>,
    /// `proven`, `unproven`, `broken`, or `tampered`.
    pub state: String,
    /// Why it does not open, when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The wrapped root key in hex; only for the security administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapped: Option<String>,
}

/// What can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorKind")]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// For the account that runs the server.
    Account,
    /// For this host.
    Machine,
    /// For a person who knows it.
    Password,
    /// For several persons, so many of whom have to be there.
    Shares,
    /// For a certificate and its private key.
    Rsa,
    /// For a key on a token.
    Pkcs11,
    /// For a program of the operator.
    Plugin,
}

/// Adds a protector.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorAddRequest")]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    /// Of which kind.
    #[serde(deserialize_with = "word")]
    pub kind: Kind,
    /// The password, byte for byte; for `password` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_base64: Option<WireSecret>,
    /// The name of its section in the server's configuration; for `rsa`, `pkcs11` and `plugin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The label of the token; for `pkcs11` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The label of the key on the token, which is made if it is missing; for `pkcs11` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How many shares are made, 2 to 16; for `shares` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 16))]
    pub shares: Option<u8>,
    /// How many of them open, 2 to `shares`; for `shares` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 16))]
    pub threshold: Option<u8>,
}

impl AddRequest {
    /// A request for a kind that needs nothing.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        Self { kind, password_base64: None, name: None, token: None, label: None, shares: None, threshold: None }
    }
}

/// A protector that was made.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorMadeReply")]
pub struct MadeReply {
    /// What it is.
    pub protector: Entry,
    /// Of `shares` the shares, as text for people, each to be kept by another person. They are shown this once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares_base64: Vec<WireSecret>,
}

/// Drops a protector.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorDropRequest")]
#[serde(deny_unknown_fields)]
pub struct DropRequest {
    /// Its id, or, when there is only one such, its kind or its kind and name: `rsa:office`.
    pub protector: String,
    /// Accept that a person must unlock the server at every start from now on.
    #[serde(default)]
    pub attended_start: bool,
}

/// Proves that a protector opens.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorProveRequest")]
#[serde(deny_unknown_fields)]
pub struct ProveRequest {
    /// Its id, or, when there is only one such, its kind or its kind and name: `rsa:office`.
    pub protector: String,
    /// The password, byte for byte, or shares, one in each line; for `password` and `shares` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_base64: Option<WireSecret>,
}

/// Replaces a protector by a new one of its kind.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProtectorReplaceRequest")]
#[serde(deny_unknown_fields)]
pub struct ReplaceRequest {
    /// Its id, or, when there is only one such, its kind or its kind and name: `rsa:office`.
    pub protector: String,
    /// The new password, byte for byte; for `password` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_base64: Option<WireSecret>,
}

impl Example for ListRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self { protectors: vec![Entry::example()] }
    }
}

impl Example for Entry {
    fn example() -> Self {
        let bound_to = [("uid", "990"), ("account", "strongroom")];
        Self {
            id: "01980c3e-1f02-7ccc-8000-0123456789ab".to_owned(),
            kind: "account".to_owned(),
            attended: false,
            bound_to: bound_to.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            thumbprint: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            created_at: "2026-07-15T08:30:00.000Z".to_owned(),
            last_proven_at: Some("2026-07-15T08:30:00.000Z".to_owned()),
            state: "proven".to_owned(),
            reason: None,
            wrapped: None,
        }
    }
}

impl Example for AddRequest {
    fn example() -> Self {
        Self { password_base64: Some(WireSecret::sample("four plain words here")), ..Self::of(Kind::Password) }
    }
}

impl Example for MadeReply {
    fn example() -> Self {
        Self { protector: Entry::example(), shares_base64: Vec::new() }
    }
}

impl Example for DropRequest {
    fn example() -> Self {
        Self { protector: "machine".to_owned(), attended_start: false }
    }
}

impl Example for ProveRequest {
    fn example() -> Self {
        Self { protector: "password".to_owned(), password_base64: Some(WireSecret::sample("four plain words here")) }
    }
}

impl Example for ReplaceRequest {
    fn example() -> Self {
        Self { protector: "machine".to_owned(), password_base64: None }
    }
}
