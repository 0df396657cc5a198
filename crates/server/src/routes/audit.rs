//! `audit`: from the wire to the keeper, and back.

use strongroom_api::audit as wire;
use strongroom_engine::rule::Refusal;
use strongroom_keeper::AuditQuery;
use strongroom_keeper::facade::Caller;

use super::{Route, page_limit, parse_id, parse_time};
use crate::refused::Failed;
use crate::shell::Shell;

/// The most lines of one search.
const LINES: usize = 1000;

impl Route for wire::SearchRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::SearchReply, Failed> {
        let limit = page_limit(self.limit);
        if !(1..=LINES).contains(&limit) {
            return Err(Refusal::Invalid { field: "limit", reason: format!("choose 1 to {LINES}") }.into());
        }
        if let Some(id) = &self.request_id {
            parse_id("request_id", id)?;
        }
        let query = AuditQuery {
            operation: self.operation,
            principal: self.principal,
            target: self.target,
            request: self.request_id,
            since: self.since.as_deref().map(|since| parse_time("since", since)).transpose()?,
            limit,
        };
        Ok(wire::SearchReply { lines: shell.keeper.audit_search(caller, query).await? })
    }
}
