//! The statements that control transactions.

use super::{Transaction, Walk};

/// What `first` and what follows it do with transactions; nothing when they do nothing.
pub(super) fn control(first: &str, mut walk: Walk<'_, '_>) -> Option<Transaction> {
    match first {
        "begin" | "start" => Some(Transaction::Begin),
        "savepoint" => Some(Transaction::Savepoint { name: walk.name()?.to_owned() }),
        "release" => {
            savepoint_word(&mut walk);
            Some(Transaction::Release { name: walk.name()?.to_owned() })
        }
        "commit" | "rollback" if walk.is("prepared") => Some(Transaction::FinishPrepared),
        "commit" | "end" => Some(Transaction::Commit { chain: chain(walk) }),
        "rollback" | "abort" => {
            walk.one_of(&["work", "transaction"]);
            if first == "rollback" && walk.is("to") {
                savepoint_word(&mut walk);
                return Some(Transaction::RollbackTo { name: walk.name()?.to_owned() });
            }
            Some(Transaction::Rollback { chain: chain(walk) })
        }
        _ => None,
    }
}

/// `SAVEPOINT` before the name, which may itself be `savepoint`.
fn savepoint_word(walk: &mut Walk<'_, '_>) {
    if walk.rest().len() > 1 {
        walk.is("savepoint");
    }
}

/// `[WORK | TRANSACTION] AND CHAIN`, not `AND NO CHAIN`.
fn chain(mut walk: Walk<'_, '_>) -> bool {
    walk.one_of(&["work", "transaction"]);
    walk.are(&["and", "chain"])
}
