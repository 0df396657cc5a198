//! `credential.list`: credentials by the beginning of their names, in pages, without their values.

use strongroom_envelope::{Id, RecordKind};

use super::LIST_LIMIT;
use super::body::CredentialBody;
use super::show::Entry;
use crate::name::{Name, check_prefix};
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, Operation, PageRequest, Refusal, Reply, Stop};

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

/// A credential that cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// Why.
    pub why: Refusal,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::CredentialList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        self.check()?;
        facts.permit(Self::ACTION, Object::Name(&self.prefix))?;
        // One more than is shown tells whether there is another page.
        let (prefix, after, limit) = (self.prefix.clone(), self.after.clone(), self.limit + 1);
        let names = facts.page(&PageRequest { kind: RecordKind::Credential, prefix, after, limit })?;
        let shown = names.get(..self.limit).unwrap_or(names);
        let next = if shown.len() < names.len() { shown.last().map(|(name, _)| name.clone()) } else { None };
        let mut reply = ListReply { entries: Vec::with_capacity(shown.len()), withheld: Vec::new(), next };
        facts.prefetch(shown.iter().map(|(_, id)| CredentialBody::record_key(*id)))?;
        for (name, id) in shown {
            match facts.record::<CredentialBody>(CredentialBody::record_key(*id)) {
                Ok(Some(credential)) if credential.name == *name => reply.entries.push(Entry::of(*id, credential)),
                // Deleted since the page was made.
                Ok(_) => {}
                Err(Stop::Refused(why)) => reply.withheld.push(Withheld { id: *id, name: name.clone(), why }),
                Err(other) => return Err(other),
            }
        }
        facts.count(u32::try_from(reply.entries.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

impl List {
    fn check(&self) -> Result<(), Refusal> {
        check_prefix(&self.prefix)?;
        if let Some(after) = &self.after {
            let invalid = |_| Refusal::Invalid { field: "after", reason: "it is not a name".to_owned() };
            Name::parse(after).map_err(invalid)?;
        }
        if (1..=LIST_LIMIT).contains(&self.limit) {
            return Ok(());
        }
        Err(Refusal::Invalid { field: "limit", reason: format!("choose 1 to {LIST_LIMIT}") })
    }
}

impl Reply for ListReply {}
