//! Whether columns are encrypted and decrypted now. The client sees it as a setting of the server, which a rollback takes back.

use super::{Encryption, Session};

/// What a transaction that is not over has changed.
#[derive(Clone, Copy)]
pub(super) struct Change {
    /// What it was before.
    before: Encryption,
    /// Whether that was rolled back since, perhaps.
    undone: bool,
}

impl Session {
    /// Statements that were judged in another mode are judged again when they are bound.
    pub(super) fn set_mode(&mut self, mode: Encryption) {
        let before = self.transaction.mode.map_or(self.mode, |change| change.before);
        self.transaction.mode = Some(Change { before, undone: false });
        self.mode = mode;
    }

    /// Something failed or was rolled back, perhaps to a savepoint only: until it is known what holds, what takes more care does.
    pub(super) fn mode_undone(&mut self) {
        if let Some(change) = &mut self.transaction.mode {
            change.undone = true;
            self.mode = more_careful(self.mode, change.before);
        }
    }

    /// The server's transaction is over. Less care is taken only when nothing is on its way that might ask for more.
    pub(super) fn mode_settled(&mut self) {
        if !self.answers.is_empty() {
            return;
        }
        if let Some(Change { before, undone: true }) = self.transaction.mode.take() {
            self.mode = before;
        }
    }

    /// A transaction was committed: what was not taken back in it holds.
    pub(super) fn mode_committed(&mut self) {
        self.transaction.mode = None;
    }
}

fn more_careful(one: Encryption, other: Encryption) -> Encryption {
    let care = |mode| match mode {
        Encryption::Disabled => 0,
        Encryption::ResultSetOnly => 1,
        Encryption::Enabled => 2,
    };
    if care(one) >= care(other) { one } else { other }
}
