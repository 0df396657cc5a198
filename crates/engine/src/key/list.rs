//! `key.list`: keys by the beginning of their names, in pages.

use strongroom_envelope::{Id, RecordKind};

use super::body::KeyBody;
use super::show::KeyView;
use crate::name::{Name, check_prefix};
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, Operation, PageRequest, Refusal, Reply, Stop};

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

/// A key whose record cannot be read now.
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
    const ACTION: Action = Action::KeyList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        self.check()?;
        facts.permit(Self::ACTION, Object::Name(&self.prefix))?;
        let (prefix, after) = (self.prefix.clone(), self.after.clone());
        let names = facts.page(&PageRequest { kind: RecordKind::Key, prefix, after, limit: self.limit + 1 })?;
        let shown = names.get(..self.limit).unwrap_or(names);
        facts.prefetch(shown.iter().map(|(_, id)| KeyBody::record_key(*id)))?;
        let next = if shown.len() < names.len() { shown.last().map(|(name, _)| name.clone()) } else { None };
        let mut reply = ListReply { keys: Vec::with_capacity(shown.len()), withheld: Vec::new(), next };
        for (name, id) in shown {
            match facts.record::<KeyBody>(KeyBody::record_key(*id)) {
                Ok(Some(key)) if key.name == *name => reply.keys.push(KeyView::of(*id, key, facts.stored(*id)?)),
                // Renamed since the page was made.
                Ok(Some(_) | None) => {}
                Err(Stop::Refused(why)) => reply.withheld.push(Withheld { id: *id, name: name.clone(), why }),
                Err(other) => return Err(other),
            }
        }
        facts.count(u32::try_from(reply.keys.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

impl Reply for ListReply {}
