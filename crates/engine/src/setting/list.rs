//! `setting.list`: settings by the beginning of their names, in pages, without their values.

use strongroom_envelope::{Id, Timestamp};

use super::LIST_LIMIT;
use super::body::SettingBody;
use super::class::Class;
use super::value::ValueType;
use crate::name::Name;
use crate::page::{self, Asked, Names, Withheld};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// How many records are fetched at once.
const FETCHED: usize = 16;
/// A page ends when so many bytes of values were fetched with it, so that a list of large ones does not fill the memory.
const FETCHED_BYTES: usize = 4 << 20;

/// Lists settings in the order of their names.
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
    /// The settings, rising by name.
    pub entries: Vec<Entry>,
    /// Names whose record cannot be read now, so that one damaged record does not hide the others.
    pub withheld: Vec<Withheld>,
    /// Where the next page begins; none on the last.
    pub next: Option<Name>,
}

/// One setting of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// What it belongs to, and so whether it is encrypted.
    pub class: Class,
    /// What its value is.
    pub value_type: ValueType,
    /// How often it was changed.
    pub revision: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::SettingList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        let List { prefix, after, limit } = self;
        let asked = Asked { prefix, after: after.as_deref(), limit: *limit, most: LIST_LIMIT };
        let Names { shown, next } = page::names::<SettingBody>(facts, Self::ACTION, &asked)?;
        let mut reply = ListReply { entries: Vec::with_capacity(shown.len()), withheld: Vec::new(), next };
        let mut bytes = 0;
        for chunk in shown.chunks(FETCHED) {
            page::records(facts, chunk, &mut reply.withheld, |_, id, setting: &SettingBody| {
                bytes += setting.value.len();
                reply.entries.push(Entry::of(id, setting));
                Ok(())
            })?;
            let (last, end) = (chunk.last(), shown.last());
            if bytes >= FETCHED_BYTES && last != end {
                reply.next = last.map(|(name, _)| name.clone());
                break;
            }
        }
        facts.count(u32::try_from(reply.entries.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

impl Entry {
    pub(super) fn of(id: Id, setting: &SettingBody) -> Self {
        let SettingBody { name, class, value_type, revision, updated_at, .. } = setting;
        Self {
            id,
            name: name.clone(),
            class: *class,
            value_type: *value_type,
            revision: *revision,
            updated_at: *updated_at,
        }
    }
}

impl Reply for ListReply {}
