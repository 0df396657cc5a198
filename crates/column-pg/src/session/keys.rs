//! The column encryption keys of one session: there, asked for, or not to be had.

use std::sync::Arc;

use strongroom_column::CellKey;

use super::{KeyUnavailable, Want};
use crate::catalogue::ColumnClass;
use crate::wire::Report;

/// What is known of the keys, by the OID of the class's base type. A session uses a few: they are looked for one after the other.
#[derive(Default)]
pub(super) struct Keys {
    states: Vec<(u32, State)>,
    wanted: Vec<Arc<ColumnClass>>,
}

enum State {
    Asked,
    Here(Arc<CellKey>),
    /// Told once to whatever waits, then forgotten: a failure is not kept.
    Failed(KeyUnavailable),
}

/// What there is of a key.
pub(super) enum Key {
    Here(Arc<CellKey>),
    /// It was asked for.
    Awaited,
    Failed(Report),
}

impl Keys {
    /// The key of a class; asks for it when it is not there.
    pub(super) fn of(&mut self, class: &Arc<ColumnClass>) -> Key {
        let state = self.states.iter().find(|(oid, _)| *oid == class.cell_oid).map(|(_, state)| state);
        match state {
            Some(State::Here(key)) => Key::Here(Arc::clone(key)),
            Some(State::Asked) => Key::Awaited,
            Some(State::Failed(why)) => Key::Failed(why.report(class)),
            None => {
                self.states.push((class.cell_oid, State::Asked));
                self.wanted.push(Arc::clone(class));
                Key::Awaited
            }
        }
    }

    /// What is wanted next.
    pub(super) fn want(&mut self) -> Option<Want> {
        self.wanted.pop().map(Want::Key)
    }

    /// The answer to a want.
    pub(super) fn take(&mut self, class: &ColumnClass, key: Result<Arc<CellKey>, KeyUnavailable>) {
        let state = key.map_or_else(State::Failed, State::Here);
        self.states.retain(|(oid, _)| *oid != class.cell_oid);
        self.states.push((class.cell_oid, state));
    }

    /// Failures were told to what waited for them.
    pub(super) fn forget_failures(&mut self) {
        self.states.retain(|(_, state)| !matches!(state, State::Failed(_)));
    }

    /// Keys are asked for again from here on.
    pub(super) fn forget(&mut self) {
        self.states.retain(|(_, state)| matches!(state, State::Asked));
    }
}
