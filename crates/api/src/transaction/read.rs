//! Requests that read transactions, and their replies; and the one that archives them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXAMPLE_ID, secret};
use crate::operation::Example;
use crate::wire::{WireSecret, present};

const EXAMPLE_TIME: &str = "2026-07-15T08:30:00.000Z";

/// Reads what is known about a transaction, without its data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxShowRequest")]
#[serde(deny_unknown_fields)]
pub struct ShowRequest {
    /// The transaction.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
}

/// A transaction and its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxShowReply")]
pub struct ShowReply {
    /// What is known about it.
    pub transaction: Transaction,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// What is known about a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transaction {
    /// Its id.
    pub id: String,
    /// `active`, `committed`, `rolling_back`, `rolled_back`.
    pub state: String,
    /// Whether a node of its request is marked as sensitive, or may be meant so.
    pub sensitive: bool,
    /// Whether it is sealed under a key of its own.
    pub encrypted: bool,
    /// The id of the master key that its own key is sealed under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The version of that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_version: Option<u32>,
    /// When it was begun.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// Who began it.
    pub begun_by: String,
    /// How many bytes its request has.
    pub request_bytes: u64,
    /// How many steps it has.
    pub steps: u32,
    /// How many of them are not undone.
    pub not_undone: u32,
}

/// What is known about a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxStep")]
pub struct Step {
    /// Its place in the order, from 1.
    pub step: u32,
    /// The procedure that was run.
    pub procedure: String,
    /// When it was recorded.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<String>,
    /// How many bytes its state has, if that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_bytes: Option<u64>,
    /// How many bytes its rollback data has, if that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_bytes: Option<u64>,
}

/// Reads a transaction back with its data, a page of steps at a time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxGetRequest")]
#[serde(deny_unknown_fields)]
pub struct GetRequest {
    /// The transaction.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// Only steps after this one; 0 for the request and the first steps.
    #[serde(default)]
    #[schemars(range(max = u32::MAX))]
    pub after: u32,
}

/// A transaction with its data.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxGetReply")]
pub struct GetReply {
    /// What is known about it.
    pub transaction: Transaction,
    /// Its request, in base64; on the first page.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub document_base64: Option<WireSecret>,
    /// Its steps, in order.
    pub steps: Vec<StepData>,
    /// How many steps follow these.
    pub left: u32,
}

/// A step with its data.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxStepData")]
pub struct StepData {
    /// Its place in the order, from 1.
    pub step: u32,
    /// The procedure that was run.
    pub procedure: String,
    /// When it was recorded.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<String>,
    /// The state after it, in base64, if that was recorded.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub state_base64: Option<WireSecret>,
    /// What undoes it, in base64, if that was recorded.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub rollback_base64: Option<WireSecret>,
}

/// Lists transactions in the order they were begun, page by page.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Only those that are neither committed nor rolled back.
    #[serde(default)]
    pub unfinished: bool,
    /// Only those in this state: `active`, `committed`, `rolling_back`, `rolled_back`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = ["active", "committed", "rolling_back", "rolled_back"]))]
    pub state: Option<String>,
    /// Only those begun after this one: `next` of the page before.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "uuid"))]
    pub after: Option<String>,
    /// At most so many are looked at; 100 when not given, 1,000 at most.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// A page of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxListReply")]
pub struct ListReply {
    /// In the order they were begun.
    pub transactions: Vec<Transaction>,
    /// Where the next page begins, when there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many could not be read; `quarantine.list` names them.
    pub unreadable: u32,
}

/// Moves closed transactions to an encrypted file in the server's archive folder.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxArchiveRequest")]
#[serde(deny_unknown_fields)]
pub struct ArchiveRequest {
    /// Only those that were closed at least so long ago, a hundred years at most.
    #[schemars(range(max = 3_155_760_000_u64))]
    pub older_than_seconds: u64,
}

/// What was archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxArchiveReply")]
pub struct ArchiveReply {
    /// How many transactions.
    pub transactions: u64,
    /// The file in the archive folder that holds them; none when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether there may be more: ask again.
    pub more: bool,
    /// How many could not be read, and stay; `quarantine.list` names those that fail verification.
    pub unreadable: u64,
}

impl Example for ShowRequest {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned() }
    }
}

impl Example for ShowReply {
    fn example() -> Self {
        Self { transaction: Transaction::example(), steps: vec![Step::example()] }
    }
}

impl Example for Transaction {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            state: "active".to_owned(),
            sensitive: true,
            encrypted: true,
            key: Some(EXAMPLE_ID.to_owned()),
            key_version: Some(1),
            created_at: EXAMPLE_TIME.to_owned(),
            updated_at: EXAMPLE_TIME.to_owned(),
            begun_by: "uid:1000".to_owned(),
            request_bytes: 412,
            steps: 1,
            not_undone: 1,
        }
    }
}

impl Example for Step {
    fn example() -> Self {
        Self {
            step: 1,
            procedure: "CreateMailbox".to_owned(),
            created_at: EXAMPLE_TIME.to_owned(),
            undone_at: None,
            state_bytes: Some(18),
            rollback_bytes: Some(36),
        }
    }
}

impl Example for GetRequest {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), after: 0 }
    }
}

impl Example for GetReply {
    fn example() -> Self {
        let Step { step, procedure, created_at, undone_at, .. } = Step::example();
        let state_base64 = Some(secret("{\"mailbox\":\"anna\"}"));
        let rollback_base64 = Some(secret("<execute procedure=\"DeleteMailbox\"/>"));
        let steps = vec![StepData { step, procedure, created_at, undone_at, state_base64, rollback_base64 }];
        let document_base64 = Some(secret("<request/>"));
        Self { transaction: Transaction::example(), document_base64, steps, left: 0 }
    }
}

impl Example for ListRequest {
    fn example() -> Self {
        Self { unfinished: true, state: None, after: None, limit: Some(100) }
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self { transactions: vec![Transaction::example()], next: None, unreadable: 0 }
    }
}

impl Example for ArchiveRequest {
    fn example() -> Self {
        Self { older_than_seconds: 2_592_000 }
    }
}

impl Example for ArchiveReply {
    fn example() -> Self {
        let file = Some("transactions-20260715T083000Z-1c2b4e6f.srs".to_owned());
        Self { transactions: 120, file, more: false, unreadable: 0 }
    }
}
