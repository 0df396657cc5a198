//! `secret.list`: secrets by the beginning of their names, in pages.

use strongroom_envelope::{Id, RecordKind, Timestamp};

use super::LIST_LIMIT;
use super::body::SecretBody;
use crate::name::{Name, check_prefix};
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, Operation, PageRequest, Refusal, Reply, Stop};

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

/// A secret whose record cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// Why.
    pub why: Refusal,
}

impl List {
    fn check(&self) -> Result<(), Refusal> {
        check_prefix(&self.prefix)?;
        if let Some(after) = &self.after {
            Name::parse(after)
                .map_err(|_| Refusal::Invalid { field: "after", reason: "it is not a name".to_owned() })?;
        }
        if (1..=LIST_LIMIT).contains(&self.limit) {
            return Ok(());
        }
        Err(Refusal::Invalid { field: "limit", reason: format!("choose 1 to {LIST_LIMIT}") })
    }
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::SecretList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        self.check()?;
        facts.permit(Self::ACTION, Object::Name(&self.prefix))?;
        // One more than is shown tells whether there is another page.
        let (prefix, after) = (self.prefix.clone(), self.after.clone());
        let request = PageRequest { kind: RecordKind::Secret, prefix, after, limit: self.limit + 1 };
        let names = facts.page(&request)?;
        let shown = names.get(..self.limit).unwrap_or(names);
        facts.prefetch(shown.iter().map(|(_, id)| SecretBody::record_key(*id)))?;

        let next = if shown.len() < names.len() { shown.last().map(|(name, _)| name.clone()) } else { None };
        let mut reply = ListReply { entries: Vec::with_capacity(shown.len()), withheld: Vec::new(), next };
        for (name, id) in shown {
            self.add(facts, &mut reply, name, *id)?;
        }
        facts.count(u32::try_from(reply.entries.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

impl List {
    fn add(&self, facts: &mut Facts<'_>, reply: &mut ListReply, name: &Name, id: Id) -> Result<(), Stop> {
        match facts.record::<SecretBody>(SecretBody::record_key(id)) {
            Ok(Some(head)) if head.name == *name => {
                if self.deleted || head.deleted_at.is_none() {
                    reply.entries.push(Entry::of(id, head));
                }
            }
            // Renamed or destroyed since the page was made.
            Ok(Some(_) | None) => {}
            Err(Stop::Refused(why)) => reply.withheld.push(Withheld { id, name: name.clone(), why }),
            Err(other) => return Err(other),
        }
        Ok(())
    }
}

impl Entry {
    fn of(id: Id, head: &SecretBody) -> Self {
        let SecretBody { name, current, updated_at, deleted_at, .. } = head;
        Self { id, name: name.clone(), version: *current, updated_at: *updated_at, deleted_at: *deleted_at }
    }
}

impl Reply for ListReply {}
