//! Taking secrets over from another system.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EXAMPLE_ID;
use crate::error::Code;
use crate::form;
use crate::operation::Example;
use crate::wire::WireSecret;

/// Takes secrets over from another system.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretImportRequest")]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// 1 to 29 secrets, 768 KiB together unless there is one only; one that cannot be taken over does not fail the others.
    #[schemars(length(min = 1, max = 29))]
    pub rows: Vec<ImportRow>,
    /// Without the layer of an application key, until they are converted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clear: bool,
}

/// One secret of another system.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretImportRow")]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    /// Its name.
    #[schemars(extend("pattern" = form::NAME))]
    pub name: String,
    /// Its value, at most 1 MiB.
    pub value_base64: WireSecret,
    /// The other system has encrypted the value already; it is kept as it is and marked so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// What else the other system knew of it: at most 16 pairs of texts of at most 256 bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub metadata: BTreeMap<String, String>,
}

/// What became of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretImportReply")]
pub struct ImportReply {
    /// In the order of the request.
    pub rows: Vec<Imported>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretImported")]
pub struct Imported {
    /// The id of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it was made now; false when it was there already with this value.
    #[serde(default)]
    pub created: bool,
    /// Why the row was not taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ImportError>,
}

/// Why a row was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecretImportError")]
pub struct ImportError {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Example for ImportRequest {
    fn example() -> Self {
        let metadata = BTreeMap::from([("owner".to_owned(), "billing".to_owned())]);
        let value_base64 = WireSecret::sample("s3cret");
        let row = ImportRow { name: "ftp/acme".to_owned(), value_base64, encrypted: false, metadata };
        Self { rows: vec![row], clear: false }
    }
}

impl Example for ImportReply {
    fn example() -> Self {
        Self { rows: vec![Imported { id: Some(EXAMPLE_ID.to_owned()), created: true, error: None }] }
    }
}
