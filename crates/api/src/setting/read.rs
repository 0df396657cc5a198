//! Reading settings: value, list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Class, Value};
use super::{EXAMPLE_ID, EXAMPLE_NAME, EXAMPLE_TIME};
use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::{present, word};

/// Reads the value of a setting.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingGetRequest")]
#[serde(deny_unknown_fields)]
pub struct GetRequest {
    /// Its name or id.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
}

/// The value of a setting.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingGetReply")]
pub struct GetReply {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it belongs to.
    #[serde(deserialize_with = "word")]
    pub class: Class,
    /// How often it was changed.
    pub revision: u32,
    /// When it was last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// Its value.
    pub value: Value,
}

/// Lists settings by prefix.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingListRequest")]
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
    /// At most so many; 100 when left out, at most 200. A page of large values has fewer.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// A page of settings, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingListReply")]
pub struct ListReply {
    /// One entry per setting.
    pub settings: Vec<ListEntry>,
    /// Settings whose record cannot be read now, so that a damaged one does not hide the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One setting of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingListEntry")]
pub struct ListEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its value is: `string`, `multi-string`, `integer`, `binary` or `boolean`.
    #[serde(rename = "type")]
    pub value_type: String,
    /// What it belongs to.
    #[serde(deserialize_with = "word")]
    pub class: Class,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// How often it was changed.
    pub revision: u32,
    /// When it was last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
}

/// A setting whose record cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingWithheld")]
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
        Self { name: EXAMPLE_NAME.to_owned() }
    }
}

impl Example for GetReply {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            name: EXAMPLE_NAME.to_owned(),
            class: Class::Encrypted,
            revision: 1,
            updated_at: EXAMPLE_TIME.to_owned(),
            value: Value::sample(),
        }
    }
}

impl Example for ListRequest {
    fn example() -> Self {
        Self { prefix: "Provisioning/".to_owned(), after: None, limit: Some(100) }
    }
}

impl Example for ListReply {
    fn example() -> Self {
        let setting = ListEntry {
            id: EXAMPLE_ID.to_owned(),
            name: EXAMPLE_NAME.to_owned(),
            value_type: "string".to_owned(),
            class: Class::Encrypted,
            encrypted: true,
            revision: 1,
            updated_at: EXAMPLE_TIME.to_owned(),
        };
        Self { settings: vec![setting], withheld: Vec::new(), next: None }
    }
}
