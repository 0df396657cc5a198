//! `status`: from the keeper to the wire.

use strongroom_api::doctor::Finding;
use strongroom_api::status as wire;
use strongroom_keeper::facade::{Alarm, Caller, Status};

use super::{Route, hex};
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::StatusRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Status, Failed> {
        Ok(status(shell, shell.keeper.status_read(caller).await?))
    }
}

/// The keeper's state, with what only the shell knows.
pub(super) fn status(shell: &Shell, status: Status) -> wire::Status {
    wire::Status {
        state: if status.locked.is_some() { wire::State::Locked } else { wire::State::Unlocked },
        reason: status.locked.map(|reason| reason.word().to_owned()),
        records: status.records,
        secrets: status.secrets,
        epoch: status.epoch,
        quarantined: status.quarantined,
        unprotected: status.unprotected,
        writable: status.writable,
        auditing: status.auditing,
        copies: status.copies,
        store_id: status.store_id.to_string(),
        incarnation: status.incarnation.map(|id| id.to_string()),
        root_id: status.root_id.map(|id| hex(&id)),
        unlocked_at: status.unlocked_at.map(|time| time.rfc3339()),
        address: shell.address.clone(),
        spki_pin: shell.spki_pin.clone(),
        version: shell.version.to_owned(),
        alarms: status.alarms.into_iter().map(finding).collect(),
    }
}

/// An alarm on the wire.
pub(super) fn finding(alarm: Alarm) -> Finding {
    Finding { code: alarm.code.to_owned(), message: alarm.message, fix: alarm.fix }
}
