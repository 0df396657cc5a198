//! `coverage`: from the keeper to the wire.

use strongroom_api::coverage as wire;
use strongroom_engine::transaction::Encrypt;
use strongroom_keeper::facade::{Area, Caller, Status};

use super::Route;
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::CoverageRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::CoverageReply, Failed> {
        let areas = shell.keeper.coverage(caller).await?;
        Ok(wire::CoverageReply { areas: areas.into_iter().map(area).collect() })
    }
}

fn area(area: Area) -> wire::Area {
    wire::Area {
        what: area.what,
        kept: area.kept.word().to_owned(),
        items: area.items,
        clear: area.clear,
        key: area.key,
        algorithm: area.algorithm.to_owned(),
        why: area.why,
        as_it_should_be: area.as_it_should_be,
    }
}

/// Transactions that lie in clear although all should be encrypted by now: they were begun when only marked ones were.
pub(crate) fn clear_transactions(shell: &Shell, status: &Status) -> Option<strongroom_api::doctor::Finding> {
    let should_not = shell.transactions_encrypt == Encrypt::Always && status.transactions_clear > 0;
    should_not.then(|| strongroom_api::doctor::Finding {
        code: "transactions_clear".to_owned(),
        message: format!(
            "{} records of transactions lie in clear, of a time when only what was marked as sensitive was encrypted",
            status.transactions_clear
        ),
        fix: "finish them, and move them out of the store: `strongroom tx archive --older-than 0s`".to_owned(),
    })
}
