//! Whether columns are encrypted and decrypted now, and settings by which texts and values are read. A rollback takes back what was
//! changed of them; the server tells of some, and not when they are at the end what they were when it told last.

use super::settings::Settings;
use super::{Encryption, Session};

/// What a transaction that is not over has changed.
pub(super) struct Change {
    /// The mode before it.
    mode: Encryption,
    /// The settings before it, and what the server told of them since it was rolled back.
    settings: Settings,
    /// Whether that was rolled back since, perhaps.
    undone: bool,
}

impl Session {
    /// Statements that were judged in another mode are judged again when they are bound.
    pub(super) fn set_mode(&mut self, mode: Encryption) {
        self.changes();
        self.mode = mode;
    }

    /// A setting that the client changes.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.changes();
        self.settings.set(name, value);
    }

    /// A setting as the server tells it.
    pub(super) fn told(&mut self, name: &str, value: &str) {
        self.settings.set(name, value);
        if let Some(change) = self.transaction.change.as_mut().filter(|change| change.undone) {
            change.settings.set(name, value);
        }
    }

    fn changes(&mut self) {
        let (mode, settings) = (self.mode, &self.settings);
        let fresh = || Change { mode, settings: settings.clone(), undone: false };
        self.transaction.change.get_or_insert_with(fresh).undone = false;
    }

    /// Something failed or was rolled back, perhaps to a savepoint only: until it is known what holds, what takes more care does.
    pub(super) fn undone(&mut self) {
        if let Some(change) = &mut self.transaction.change {
            change.undone = true;
            self.mode = self.mode.more_careful(change.mode);
            self.settings.readable_as_both(&change.settings);
        }
    }

    /// The server's transaction is over. Less care is taken only when nothing is on its way that might ask for more.
    pub(super) fn settled(&mut self) {
        if !self.answers.is_empty() {
            return;
        }
        if let Some(Change { mode, settings, undone: true }) = self.transaction.change.take() {
            self.mode = mode;
            self.settings = settings;
        }
    }

    /// A transaction was committed: what was not taken back in it holds.
    pub(super) fn committed(&mut self) {
        self.transaction.change = None;
    }
}
