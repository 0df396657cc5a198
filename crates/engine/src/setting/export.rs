//! `setting.export`: settings with their values in clear, in pages.

use super::body::SettingBody;
use super::list::Entry;
use super::seal::open;
use super::value::SettingValue;
use crate::name::Name;
use crate::page::{self, Asked, Names, Withheld};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Refusal, Reply, Stop};

/// The longest page of an export.
pub const EXPORT_LIMIT: usize = 100;
/// A page ends when its values have so many bytes, so that it fits a reply.
const PAGE_BYTES: usize = 768 << 10;
/// How many records are fetched at once.
const FETCHED: usize = 8;

/// Exports settings in the order of their names.
#[derive(Debug)]
pub struct Export {
    /// What the names begin with; empty for all.
    pub prefix: String,
    /// Only names greater than this one: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many, 1 to [`EXPORT_LIMIT`].
    pub limit: usize,
}

/// One page.
#[derive(Debug)]
pub struct ExportReply {
    /// The settings, rising by name.
    pub settings: Vec<Exported>,
    /// Those that cannot be read now.
    pub withheld: Vec<Withheld>,
    /// Where the next page begins; none on the last.
    pub next: Option<Name>,
}

/// One setting with its value.
#[derive(Debug)]
pub struct Exported {
    /// What is known about it.
    pub entry: Entry,
    /// Its value.
    pub value: SettingValue,
}

impl Operation for Export {
    type Reply = ExportReply;
    const ACTION: Action = Action::SettingExport;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ExportReply>, Stop> {
        let Export { prefix, after, limit } = self;
        let asked = Asked { prefix, after: after.as_deref(), limit: *limit, most: EXPORT_LIMIT };
        let Names { shown, next } = page::names::<SettingBody>(facts, Self::ACTION, &asked)?;
        let mut reply = ExportReply { settings: Vec::new(), withheld: Vec::new(), next };
        let mut bytes = 0;
        'page: for chunk in shown.chunks(FETCHED) {
            facts.prefetch(chunk.iter().map(|(_, id)| SettingBody::record_key(*id)))?;
            for (name, id) in chunk {
                let record = facts.record::<SettingBody>(SettingBody::record_key(*id));
                let opened = record.and_then(|setting| match setting.filter(|setting| setting.name == *name) {
                    Some(setting) => open(facts, *id, setting).map(|value| Some((setting, value))),
                    // Deleted since the page was made.
                    None => Ok(None),
                });
                match opened {
                    Ok(None) => {}
                    Ok(Some((setting, value))) => {
                        bytes += value.encoded_length();
                        reply.settings.push(Exported { entry: Entry::of(*id, setting), value });
                    }
                    Err(Stop::Refused(why)) if is_of_one(&why) => {
                        reply.withheld.push(Withheld { id: *id, name: name.clone(), why });
                    }
                    Err(other) => return Err(other),
                }
                let is_last = shown.last().is_some_and(|(last, _)| last == name);
                if bytes >= PAGE_BYTES && !is_last {
                    reply.next = Some(name.clone());
                    break 'page;
                }
            }
        }
        facts.count(u32::try_from(reply.settings.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

/// Whether only this record cannot be read. What concerns all of them, a locked key for instance, ends the export.
const fn is_of_one(why: &Refusal) -> bool {
    matches!(why, Refusal::Quarantined { .. } | Refusal::WrittenByNewer { .. } | Refusal::DoesNotOpen)
}

/// Never kept: it holds values.
impl Reply for ExportReply {}
