//! Many settings at once: export, import.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::class;
use super::read::Withheld;
use super::value::{Class, Value};
use super::{EXAMPLE_ID, EXAMPLE_NAME};
use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::{present, word};

/// Reads settings with their values in clear, by prefix.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingExportRequest")]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// What their names begin with; all when left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("pattern" = form::PREFIX))]
    pub prefix: String,
    /// Only names greater than this one: `next` of the page before.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("pattern" = form::NAME))]
    pub after: Option<String>,
    /// At most so many; 100 when left out, which is the most. A page of large values has fewer.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of settings with their values, in the order of their names.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingExportReply")]
pub struct ExportReply {
    /// The settings.
    pub settings: Vec<Exported>,
    /// Settings whose record cannot be read now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One setting with its value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingExported")]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// What it belongs to.
    #[serde(deserialize_with = "word")]
    pub class: Class,
    /// Its value.
    pub value: Value,
}

/// Takes settings over from a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingImportRequest")]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// 1 to 50 settings, 768 KiB together unless there is one only; one that cannot be taken over does not fail the others.
    #[schemars(length(min = 1, max = 50))]
    pub rows: Vec<ImportRow>,
}

/// One setting of a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingImportRow")]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    /// Its name.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Its value.
    pub value: Value,
    /// What it belongs to; `encrypted` when left out.
    #[serde(default, deserialize_with = "class", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Class")]
    pub class: Option<Class>,
}

/// What became of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingImportReply")]
pub struct ImportReply {
    /// In the order of the request.
    pub rows: Vec<Imported>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingImported")]
pub struct Imported {
    /// The id of the setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it was made now; false when it was there already with this class, type and value.
    #[serde(default)]
    pub created: bool,
    /// Why the row was not taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ImportError>,
}

/// Why a row was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SettingImportError")]
pub struct ImportError {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Example for ExportRequest {
    fn example() -> Self {
        Self { prefix: "Provisioning/".to_owned(), after: None, limit: Some(100) }
    }
}

impl Example for ExportReply {
    fn example() -> Self {
        let setting = Exported { name: EXAMPLE_NAME.to_owned(), class: Class::Encrypted, value: Value::sample() };
        Self { settings: vec![setting], withheld: Vec::new(), next: None }
    }
}

impl Example for ImportRequest {
    fn example() -> Self {
        let (name, value) = (EXAMPLE_NAME.to_owned(), Value::sample());
        Self { rows: vec![ImportRow { name, value, class: Some(Class::Encrypted) }] }
    }
}

impl Example for ImportReply {
    fn example() -> Self {
        Self { rows: vec![Imported { id: Some(EXAMPLE_ID.to_owned()), created: true, error: None }] }
    }
}
