//! Changing settings: set, delete.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Class, Value};
use super::{EXAMPLE_ID, EXAMPLE_NAME};
use crate::form;
use crate::operation::Example;
use crate::wire::{present, word};

/// Stores a setting.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingSetRequest")]
#[serde(deny_unknown_fields)]
pub struct SetRequest {
    /// Its name; or the id of one that exists.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Its value.
    pub value: Value,
    /// What it belongs to from now on; when left out as before, and `encrypted` for a new one.
    #[serde(default, deserialize_with = "class", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Class")]
    pub class: Option<Class>,
    /// Do it only if this is its revision; 0: only if there is no such setting.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(max = u32::MAX))]
    pub expected_revision: Option<u32>,
}

/// A class that may be left out, but is not null.
pub(super) fn class<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Class>, D::Error> {
    word(deserializer).map(Some)
}

/// The setting is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingSetReply")]
pub struct SetReply {
    /// Its id, which stays until it is deleted.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it belongs to.
    #[serde(deserialize_with = "word")]
    pub class: Class,
    /// The revision that was made.
    pub revision: u32,
    /// Whether the setting is new.
    pub created: bool,
}

/// Deletes a setting for good.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingDeleteRequest")]
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

/// The setting is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingDeleteReply")]
pub struct DeleteReply {
    /// The id it had.
    pub id: String,
    /// The name it had, which is free again.
    pub name: String,
}

impl Example for SetRequest {
    fn example() -> Self {
        let (name, value) = (EXAMPLE_NAME.to_owned(), Value::sample());
        Self { name, value, class: Some(Class::Encrypted), expected_revision: Some(0) }
    }
}

impl Example for SetReply {
    fn example() -> Self {
        let (id, name) = (EXAMPLE_ID.to_owned(), EXAMPLE_NAME.to_owned());
        Self { id, name, class: Class::Encrypted, revision: 1, created: true }
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
