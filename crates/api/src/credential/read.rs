//! Reading what is known about credentials: show, list. Never a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXAMPLE_ACCOUNT, EXAMPLE_ID, EXAMPLE_NAME, EXAMPLE_PIN, EXAMPLE_TIME, EXAMPLE_UID};
use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::{present, word};

/// Reads what is known about a credential.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialShowRequest")]
#[serde(deny_unknown_fields)]
pub struct ShowRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
}

/// What is known about a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialEntry")]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The account of the server's host that it is bound to.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub account: Option<String>,
    /// The uid that account had when it was bound.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    pub uid: Option<u32>,
    /// The pins of the client certificates it is bound to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// How often value or binding were changed.
    pub revision: u32,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When value or binding last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// Since when its account is enrolled, if it is.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub enrolled_at: Option<String>,
    /// SHA-256 of the public key it is enrolled with, in hexadecimal digits.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub public_key_sha256: Option<String>,
}

/// Whether the account and the host are what they were when the credential was bound; it holds when it is bound to client
/// certificates only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialBinding")]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// They are.
    Holds,
    /// The account is gone.
    AccountGone,
    /// The uid stands for another account.
    AccountChanged,
    /// The account has another uid.
    UidChanged,
    /// It is another host.
    OtherHost,
    /// It could not be told.
    Unknown,
}

impl Binding {
    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::AccountGone => "the account is gone: rebind",
            Self::AccountChanged => "the uid belongs to another account now: rebind",
            Self::UidChanged => "the account has another uid now: rebind",
            Self::OtherHost => "bound to another host: rebind",
            Self::Unknown => "could not be told",
        }
    }
}

/// A credential, and how its binding stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialShowReply")]
pub struct ShowReply {
    /// What is known about it.
    pub credential: Entry,
    /// Whether its account can read it.
    #[serde(deserialize_with = "word")]
    pub binding: Binding,
}

/// Lists credentials by prefix.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// What their names begin with; all when left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("pattern" = form::PREFIX))]
    pub prefix: String,
    /// Only names greater than this one: `next` of the page before.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("pattern" = form::NAME))]
    pub after: Option<String>,
    /// At most so many; 100 when left out, at most 200.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// A page of credentials, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialListReply")]
pub struct ListReply {
    /// One entry per credential.
    pub credentials: Vec<Entry>,
    /// Credentials whose record cannot be read now, so that a damaged one does not hide the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A credential whose record cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CredentialWithheld")]
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

impl Example for ShowRequest {
    fn example() -> Self {
        Self { name: EXAMPLE_NAME.to_owned() }
    }
}

impl Example for Entry {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            name: EXAMPLE_NAME.to_owned(),
            account: Some(EXAMPLE_ACCOUNT.to_owned()),
            uid: Some(EXAMPLE_UID),
            certificates: vec![EXAMPLE_PIN.to_owned()],
            revision: 1,
            created_at: EXAMPLE_TIME.to_owned(),
            updated_at: EXAMPLE_TIME.to_owned(),
            enrolled_at: None,
            public_key_sha256: None,
        }
    }
}

impl Example for ShowReply {
    fn example() -> Self {
        Self { credential: Entry::example(), binding: Binding::Holds }
    }
}

impl Example for ListRequest {
    fn example() -> Self {
        Self { prefix: String::new(), after: None, limit: Some(100) }
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self { credentials: vec![Entry::example()], withheld: Vec::new(), next: None }
    }
}
