//! `key.list`: keys by the beginning of their names, in pages.

use super::body::KeyBody;
use super::show::KeyView;
use crate::name::Name;
use crate::page::{self, Asked, Withheld};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// The longest page.
const LIST_LIMIT: usize = 1000;

/// Lists keys in the order of their names.
#[derive(Debug)]
pub struct List {
    /// What the names begin with; empty for all.
    pub prefix: String,
    /// Only names greater than this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReply {
    /// The keys.
    pub keys: Vec<KeyView>,
    /// Keys whose record cannot be read now.
    pub withheld: Vec<Withheld>,
    /// The last name of the page, when there are more.
    pub next: Option<Name>,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::KeyList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        let List { prefix, after, limit } = self;
        let asked = Asked { prefix, after: after.as_deref(), limit: *limit, most: LIST_LIMIT };
        let names = page::names::<KeyBody>(facts, Self::ACTION, &asked)?;
        let (mut keys, mut withheld) = (Vec::with_capacity(names.shown.len()), Vec::new());
        page::records(facts, names.shown, &mut withheld, |facts, id, key: &KeyBody| {
            keys.push(KeyView::of(id, key, facts.stored(id)?));
            Ok(())
        })?;
        facts.count(u32::try_from(keys.len()).unwrap_or(u32::MAX));
        Ok(Done::read(ListReply { keys, withheld, next: names.next }))
    }
}

impl Reply for ListReply {}
