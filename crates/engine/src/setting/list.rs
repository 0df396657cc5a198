//! `setting.list`: settings by the beginning of their names, in pages, without their values.

use strongroom_envelope::{Id, RecordKind, Timestamp};

use super::LIST_LIMIT;
use super::body::SettingBody;
use super::class::Class;
use super::value::ValueType;
use crate::name::{Name, check_prefix};
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, Operation, PageRequest, Refusal, Reply, Stop};

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

/// A setting that cannot be read now.
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
    const ACTION: Action = Action::SettingList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        check_page(&self.prefix, self.after.as_deref(), (self.limit, LIST_LIMIT))?;
        facts.permit(Self::ACTION, Object::Name(&self.prefix))?;
        let (shown, next) = page(facts, &self.prefix, self.after.as_deref(), self.limit)?;
        let mut reply = ListReply { entries: Vec::with_capacity(shown.len()), withheld: Vec::new(), next };
        let mut bytes = 0;
        for chunk in shown.chunks(FETCHED) {
            facts.prefetch(chunk.iter().map(|(_, id)| SettingBody::record_key(*id)))?;
            for (name, id) in chunk {
                match facts.record::<SettingBody>(SettingBody::record_key(*id)) {
                    Ok(Some(setting)) if setting.name == *name => {
                        bytes += setting.value.len();
                        reply.entries.push(Entry::of(*id, setting));
                    }
                    // Deleted since the page was made.
                    Ok(_) => {}
                    Err(Stop::Refused(why)) => reply.withheld.push(Withheld { id: *id, name: name.clone(), why }),
                    Err(other) => return Err(other),
                }
            }
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

/// Refuses a page that cannot be made.
pub(super) fn check_page(prefix: &str, after: Option<&str>, (limit, most): (usize, usize)) -> Result<(), Refusal> {
    check_prefix(prefix)?;
    if let Some(after) = after {
        Name::parse(after).map_err(|_| Refusal::Invalid { field: "after", reason: "it is not a name".to_owned() })?;
    }
    if (1..=most).contains(&limit) {
        return Ok(());
    }
    Err(Refusal::Invalid { field: "limit", reason: format!("choose 1 to {most}") })
}

/// Names and ids, and where the next page begins.
type Page<'a> = (&'a [(Name, Id)], Option<Name>);

/// The page that was asked for.
pub(super) fn page<'a>(
    facts: &mut Facts<'a>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<'a>, Stop> {
    // One more than is shown tells whether there is another page.
    let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
    let names = facts.page(&PageRequest { kind: RecordKind::Setting, prefix, after, limit: limit + 1 })?;
    let shown = names.get(..limit).unwrap_or(names);
    let next = if shown.len() < names.len() { shown.last().map(|(name, _)| name.clone()) } else { None };
    Ok((shown, next))
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
