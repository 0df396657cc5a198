//! `doctor`: from the keeper to the wire.

use strongroom_api::doctor as wire;
use strongroom_keeper::facade::Caller;

use super::Route;
use super::coverage::clear_transactions;
use super::status::finding;
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::DoctorRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::DoctorReply, Failed> {
        let alarms = shell.keeper.doctor(caller).await?;
        let more = clear_transactions(shell, &shell.keeper.status());
        Ok(wire::DoctorReply { findings: alarms.into_iter().map(finding).chain(more).collect() })
    }
}
