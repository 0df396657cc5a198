//! `store`: from the wire to the keeper, and back.

use strongroom_api::store as wire;
use strongroom_keeper::facade::Caller;

use super::Route;
use super::quarantine::entry;
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::VerifyRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::VerifyReply, Failed> {
        let report = shell.keeper.verify(caller).await?;
        Ok(wire::VerifyReply {
            records: report.records,
            findings: report.findings.into_iter().map(entry).collect(),
            duration_milliseconds: report.milliseconds,
        })
    }
}

impl Route for wire::ScrubRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ScrubReply, Failed> {
        shell.keeper.scrub(caller).await?;
        Ok(wire::ScrubReply {})
    }
}
