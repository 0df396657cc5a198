//! `secret.list`: secrets by the beginning of their names, in pages.

use strongroom_envelope::{Id, Timestamp};

use super::LIST_LIMIT;
use super::body::SecretBody;
use crate::name::Name;
use crate::page::{self, Asked, Withheld};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// Lists secrets in the order of their names.
#[derive(Debug)]
pub struct List {
    /// What the names begin with; empty for all.
    pub prefix: String,
    /// Only names greater than this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many, 1 to [`LIST_LIMIT`].
    pub limit: usize,
    /// Whether deleted secrets are listed too.
    pub deleted: bool,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReply {
    /// The secrets, rising by name; fewer than asked for where deleted ones were left out.
    pub entries: Vec<Entry>,
    /// Names whose record cannot be read now, so that one damaged record does not hide the others.
    pub withheld: Vec<Withheld>,
    /// Where the next page begins; none on the last.
    pub next: Option<Name>,
}

/// One secret of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The current version.
    pub version: u32,
    /// When its value or its name last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::SecretList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        let List { prefix, after, limit, deleted } = self;
        let asked = Asked { prefix, after: after.as_deref(), limit: *limit, most: LIST_LIMIT };
        let names = page::names::<SecretBody>(facts, Self::ACTION, &asked)?;
        let (mut entries, mut withheld) = (Vec::with_capacity(names.shown.len()), Vec::new());
        page::records(facts, names.shown, &mut withheld, |_, id, head: &SecretBody| {
            if *deleted || head.deleted_at.is_none() {
                entries.push(Entry::of(id, head));
            }
            Ok(())
        })?;
        facts.count(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        Ok(Done::read(ListReply { entries, withheld, next: names.next }))
    }
}

impl Entry {
    fn of(id: Id, head: &SecretBody) -> Self {
        let SecretBody { name, current, updated_at, deleted_at, .. } = head;
        Self { id, name: name.clone(), version: *current, updated_at: *updated_at, deleted_at: *deleted_at }
    }
}

impl Reply for ListReply {}
