//! What the keeper is told when it starts, and what it says when it has started.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use strongroom_secret::harden::HardeningReport;

use crate::facade::{Alarm, LockReason, ProtectorView};
use crate::journal::Journal;

/// How one instance is run.
#[derive(Clone)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Where the anchor lies; outside the data directory.
    pub anchor_directory: PathBuf,
    /// Where the trail lies; `None`: `audit` in the data directory.
    pub audit_directory: Option<PathBuf>,
    /// Where account and machine protectors keep their secret files.
    pub protector: strongroom_protector::Settings,
    /// Whether a machine protector is made and healed.
    pub machine_protector: bool,
    /// The name of this node in the trail.
    pub node: String,
    /// The root id the configuration vouches for.
    pub root_id: Option<[u8; 16]>,
    /// How long a deleted secret can be undeleted, milliseconds.
    pub deleted_retention_ms: i64,
    /// How often old things are looked for, and locked keys are tried again; usually [`LOOK_EVERY`].
    pub look_every: Duration,
    /// Threads that run operations.
    pub workers: usize,
    /// The system log.
    pub journal: Arc<dyn Journal>,
}

/// How often a server looks for old things.
pub const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Settings {
    /// Where the trail lies.
    pub fn trail_directory(&self) -> PathBuf {
        self.audit_directory.clone().unwrap_or_else(|| self.data.join("audit"))
    }
}

/// What a start found and did.
pub struct StartReport {
    /// Whether the instance was made by this start.
    pub created: bool,
    /// Why it is locked, or `None`.
    pub locked: Option<LockReason>,
    /// One paragraph for a person when it is locked: what was tried and what to do.
    pub explanation: Option<String>,
    /// What the process could be protected against.
    pub hardening: HardeningReport,
    /// The protectors as judged.
    pub protectors: Vec<ProtectorView>,
    /// What was healed.
    pub healed: Vec<String>,
    /// What an operator should know.
    pub alarms: Vec<Alarm>,
    /// The public key that verifies the trail from its first line; at first start.
    pub audit_key_zero: Option<[u8; 32]>,
    /// Records verified.
    pub records: u64,
    /// Duration of the verification, milliseconds.
    pub milliseconds: u64,
}
