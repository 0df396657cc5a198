//! `credential.list`: credentials by the beginning of their names, in pages, without their values.

use super::LIST_LIMIT;
use super::body::CredentialBody;
use super::show::Entry;
use crate::name::Name;
use crate::page::{self, Asked, Withheld};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// Lists credentials in the order of their names.
#[derive(Debug)]
pub struct List {
    /// What the names begin with; empty for all.
    pub prefix: String,
    /// Only names greater than this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many, 1 to [`LIST_LIMIT`].
    pub limit: usize,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReply {
    /// The credentials, rising by name.
    pub entries: Vec<Entry>,
    /// Names whose record cannot be read now, so that one damaged record does not hide the others.
    pub withheld: Vec<Withheld>,
    /// Where the next page begins; none on the last.
    pub next: Option<Name>,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::CredentialList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        let List { prefix, after, limit } = self;
        let asked = Asked { prefix, after: after.as_deref(), limit: *limit, most: LIST_LIMIT };
        let names = page::names::<CredentialBody>(facts, Self::ACTION, &asked)?;
        let (mut entries, mut withheld) = (Vec::with_capacity(names.shown.len()), Vec::new());
        page::records(facts, names.shown, &mut withheld, |_, id, credential: &CredentialBody| {
            entries.push(Entry::of(id, credential));
            Ok(())
        })?;
        facts.count(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        Ok(Done::read(ListReply { entries, withheld, next: names.next }))
    }
}

impl Reply for ListReply {}
