//! Requests that change transactions, and their replies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXAMPLE_ID, secret};
use crate::form;
use crate::operation::Example;
use crate::wire::{WireSecret, present};

/// Records a request document, and begins its transaction.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxBeginRequest")]
#[serde(deny_unknown_fields)]
pub struct BeginRequest {
    /// The document: XML as in docs/spec/request.md, in base64.
    pub document_base64: WireSecret,
}

/// What was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxBeginReply")]
pub struct BeginReply {
    /// Names the transaction.
    pub id: String,
    /// `active`.
    pub state: String,
    /// Whether a node of the request is marked as sensitive, or may be meant so.
    pub sensitive: bool,
    /// Whether it is sealed under a key of its own.
    pub encrypted: bool,
}

/// Records a step.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxStepRequest")]
#[serde(deny_unknown_fields)]
pub struct StepRequest {
    /// The transaction.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// The procedure that was run, or is about to be: 1 to 256 bytes without control characters.
    #[schemars(length(min = 1, max = 256), extend("pattern" = form::LINE))]
    pub procedure: String,
    /// The state after it, in base64.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub state_base64: Option<WireSecret>,
    /// What undoes it, in base64.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub rollback_base64: Option<WireSecret>,
}

/// Records the state after a step that was recorded without one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxStateRequest")]
#[serde(deny_unknown_fields)]
pub struct StateRequest {
    /// The transaction.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// The step.
    #[schemars(range(max = u32::MAX))]
    pub step: u32,
    /// The state after it, in base64.
    pub state_base64: WireSecret,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxStepReply")]
pub struct StepReply {
    /// The transaction.
    pub id: String,
    /// The step's place in the order, from 1.
    pub step: u32,
    /// `active`.
    pub state: String,
}

macro_rules! about_one {
    ($($(#[$doc:meta])* $request:ident = $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[schemars(rename = $name)]
        #[serde(deny_unknown_fields)]
        pub struct $request {
            /// The transaction.
            #[schemars(extend("format" = "uuid"))]
            pub id: String,
        }

        impl Example for $request {
            fn example() -> Self {
                Self { id: EXAMPLE_ID.to_owned() }
            }
        }
    )*};
}

about_one! {
    /// Ends a transaction that is done.
    CommitRequest = "TxCommitRequest";
    /// Begins to undo a transaction, or goes on with it after an interruption.
    RollbackRequest = "TxRollbackRequest";
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxCommitReply")]
pub struct CommitReply {
    /// The transaction.
    pub id: String,
    /// `committed`.
    pub state: String,
    /// How many steps it has.
    pub steps: u32,
}

/// What is to be undone now.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxRollbackReply")]
pub struct RollbackReply {
    /// The transaction.
    pub id: String,
    /// `rolling_back`; `rolled_back` when nothing is left to be undone.
    pub state: String,
    /// The steps to be undone, in this order; confirm each with `tx.undone`.
    pub undo: Vec<Undo>,
    /// How many follow; ask again when these are undone.
    pub left: u32,
}

/// What undoes a step.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxUndo")]
pub struct Undo {
    /// The step.
    pub step: u32,
    /// The procedure that was run.
    pub procedure: String,
    /// What undoes it, in base64, if that was recorded.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WireSecret")]
    pub rollback_base64: Option<WireSecret>,
    /// `true` when it was recorded and cannot be read any more: a person has to undo the step, and then confirm it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
}

/// Confirms that a step is undone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxUndoneRequest")]
#[serde(deny_unknown_fields)]
pub struct UndoneRequest {
    /// The transaction.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// The step: the last one that is not undone.
    #[schemars(range(max = u32::MAX))]
    pub step: u32,
}

/// Where the transaction is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TxUndoneReply")]
pub struct UndoneReply {
    /// The transaction.
    pub id: String,
    /// `rolling_back`; `rolled_back` when this was the last step.
    pub state: String,
    /// How many steps are still to be undone.
    pub left: u32,
}

const STATE: &str = "{\"mailbox\":\"anna\"}";
const ROLLBACK: &str = "<execute procedure=\"DeleteMailbox\"/>";

impl Example for BeginRequest {
    fn example() -> Self {
        let document = "<request><procedure namespace=\"mail\" name=\"CreateMailbox\" sensitive=\"true\"/></request>";
        Self { document_base64: secret(document) }
    }
}

impl Example for BeginReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), state: "active".to_owned(), sensitive: true, encrypted: true }
    }
}

impl Example for StepRequest {
    fn example() -> Self {
        let (state_base64, rollback_base64) = (Some(secret(STATE)), Some(secret(ROLLBACK)));
        Self { id: EXAMPLE_ID.to_owned(), procedure: "CreateMailbox".to_owned(), state_base64, rollback_base64 }
    }
}

impl Example for StateRequest {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), step: 1, state_base64: secret(STATE) }
    }
}

impl Example for StepReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), step: 1, state: "active".to_owned() }
    }
}

impl Example for CommitReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), state: "committed".to_owned(), steps: 3 }
    }
}

impl Example for RollbackReply {
    fn example() -> Self {
        let rollback_base64 = Some(secret(ROLLBACK));
        let undo = vec![Undo { step: 1, procedure: "CreateMailbox".to_owned(), rollback_base64, unreadable: false }];
        Self { id: EXAMPLE_ID.to_owned(), state: "rolling_back".to_owned(), undo, left: 0 }
    }
}

impl Example for UndoneRequest {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), step: 1 }
    }
}

impl Example for UndoneReply {
    fn example() -> Self {
        Self { id: EXAMPLE_ID.to_owned(), state: "rolled_back".to_owned(), left: 0 }
    }
}
