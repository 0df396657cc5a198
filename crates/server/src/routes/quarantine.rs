//! `quarantine`: from the wire to the keeper, and back.

use strongroom_api::quarantine as wire;
use strongroom_keeper::facade::{Caller, QuarantineView, Release};

use super::Route;
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let records = shell.keeper.quarantine_list(caller).await?;
        Ok(wire::ListReply { records: records.into_iter().map(entry).collect() })
    }
}

impl Route for wire::ReleaseRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ReleaseReply, Failed> {
        let how = match self.how {
            wire::How::Recheck => Release::Recheck,
            wire::How::AcceptOlder => Release::AcceptOlder,
            wire::How::Delete => Release::Delete,
        };
        let still = shell.keeper.quarantine_release(caller, self.record, how).await?;
        Ok(wire::ReleaseReply { released: still.is_none(), still: still.map(entry) })
    }
}

/// A finding on the wire.
pub(super) fn entry(view: QuarantineView) -> wire::Entry {
    wire::Entry {
        record: view.record,
        name: view.name,
        finding: view.finding.to_owned(),
        found_at: view.found_at.rfc3339(),
    }
}
