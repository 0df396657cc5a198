//! `status`: the state of the server, without names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::doctor::Finding;
use crate::operation::Example;

/// Asks for the state of the server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {}

/// The state of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// `unlocked` or `locked`.
    pub state: State,
    /// Why it is locked: `attended` waits for `unlock`, `administrator` was locked by one, the others are verdicts on the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Records in the store.
    pub records: u64,
    /// Secrets that have a name.
    pub secrets: u64,
    /// The newest batch of changes.
    pub epoch: u64,
    /// Records that failed verification and are kept aside.
    pub quarantined: u64,
    /// Values that were imported without the layer of an application key and not converted yet.
    #[serde(default)]
    pub unprotected: u64,
    /// Whether changes are accepted now.
    pub writable: bool,
    /// Whether the audit trail can be written now.
    pub auditing: bool,
    /// On how many disks a change lies before it is acknowledged.
    pub copies: u32,
    /// Names this store.
    pub store_id: String,
    /// Names this life of the store; restoring starts a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// Names its root key without revealing it: 32 hexadecimal digits, for `root_id` in the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_id: Option<String>,
    /// When it was unlocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub unlocked_at: Option<String>,
    /// Where it listens on TCP, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The pin of its certificate's public key, for `STRONGROOM_PIN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_pin: Option<String>,
    /// Version of the program.
    pub version: String,
    /// What an operator should know.
    pub alarms: Vec<Finding>,
}

/// Whether the keys are in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// They are.
    Unlocked,
    /// They are not; nothing but the state is answered.
    Locked,
}

impl Example for StatusRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for Status {
    fn example() -> Self {
        Self {
            state: State::Unlocked,
            reason: None,
            records: 42,
            secrets: 17,
            epoch: 63,
            quarantined: 0,
            unprotected: 0,
            writable: true,
            auditing: true,
            copies: 1,
            store_id: "01980c3e-1f00-7aaa-8000-0123456789ab".to_owned(),
            incarnation: Some("01980c3e-1f01-7bbb-8000-0123456789ab".to_owned()),
            root_id: Some("5f0c6d1e2b3a49587766554433221100".to_owned()),
            unlocked_at: Some("2026-07-15T08:30:00.000Z".to_owned()),
            address: Some("127.0.0.1:8700".to_owned()),
            spki_pin: Some("sha256:5f0c1d2e3b4a59687786950a1b2c3d4e5f60718293a4b5c6d7e8f90112233445".to_owned()),
            version: "0.1.0".to_owned(),
            alarms: vec![Finding::example()],
        }
    }
}
