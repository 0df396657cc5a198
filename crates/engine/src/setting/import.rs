//! `setting.import`: many settings from a file; one that is there already as it stands there is left as it is.

use strongroom_envelope::{Id, RecordKind};

use super::body::SettingBody;
use super::change;
use super::class::Class;
use super::seal::open;
use super::set::made;
use super::value::SettingValue;
use crate::find::{Found, find};
use crate::name::{Name, Selector};
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// The most rows of one request: each is one change of one commit.
pub const IMPORT_ROWS: usize = 50;
/// The most bytes of all values, unless there is one only.
const TOTAL_BYTES: usize = 768 << 10;

/// Takes rows over.
#[derive(Debug)]
pub struct Import {
    /// The rows; one that cannot be taken over does not fail the others.
    pub rows: Vec<ImportRow>,
}

/// One setting of a file.
#[derive(Debug)]
pub struct ImportRow {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: SettingValue,
    /// What it belongs to; encrypted when nothing was said.
    pub class: Option<Class>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It is a setting now.
    Created(Id),
    /// There was a setting of this name with this class, type and value.
    Unchanged(Id),
}

/// What became of the rows, in the order of the request.
#[derive(Debug)]
pub struct ImportReply {
    /// Each row, or why it was not taken over.
    pub rows: Vec<Result<Imported, Refusal>>,
}

impl Operation for Import {
    type Reply = ImportReply;
    const ACTION: Action = Action::SettingImport;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ImportReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        facts.count(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        self.check()?;
        self.prefetch(facts)?;
        let (mut rows, mut changes) = (Vec::with_capacity(self.rows.len()), Vec::new());
        let mut names: Vec<Name> = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let outcome = match take_over(facts, row, &names) {
                Ok((name, imported, change)) => {
                    names.push(name);
                    changes.extend(change);
                    Ok(imported)
                }
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(other) => return Err(other),
            };
            rows.push(outcome);
        }
        facts.permit(Self::ACTION, Object::System)?;
        Ok(facts.commit(ImportReply { rows }, changes))
    }
}

impl Import {
    fn check(&self) -> Result<(), Refusal> {
        if !(1..=IMPORT_ROWS).contains(&self.rows.len()) {
            return Err(Refusal::Invalid { field: "rows", reason: format!("choose 1 to {IMPORT_ROWS} rows") });
        }
        let actual = self.rows.iter().map(|row| row.value.encoded_length()).sum();
        if self.rows.len() > 1 && actual > TOTAL_BYTES {
            return Err(Refusal::TooLarge { what: "what the rows hold together", actual, limit: TOTAL_BYTES });
        }
        Ok(())
    }

    /// Everything that the rows need, in two stops instead of several for each row.
    fn prefetch(&self, facts: &mut Facts<'_>) -> Result<(), Stop> {
        let names: Vec<Name> = self.rows.iter().filter_map(|row| Name::parse(&row.name).ok()).collect();
        facts.prefetch_names(RecordKind::Setting, &names)?;
        let mut there = Vec::new();
        for name in &names {
            there.extend(facts.name(RecordKind::Setting, name)?.map(SettingBody::record_key));
        }
        facts.prefetch(there)
    }
}

fn take_over(facts: &mut Facts<'_>, row: &ImportRow, names: &[Name]) -> Result<(Name, Imported, Option<Change>), Stop> {
    let name = Name::parse(&row.name)?;
    if names.contains(&name) {
        return Err(Refusal::NameTaken { name: name.to_string() }.into());
    }
    row.value.check()?;
    let class = row.class.unwrap_or_default();
    if let Some(found) = find::<SettingBody>(facts, Import::ACTION, &Selector::Name(name.clone()))? {
        let id = same(facts, &found, class, &row.value)?;
        return Ok((name, Imported::Unchanged(id), None));
    }
    let (id, setting) = made(facts, &name, class, &row.value)?;
    let change = change(id, &setting, NameChange::Take(name.clone()));
    Ok((name, Imported::Created(id), Some(change)))
}

/// The id of a setting that is there as the row has it; another class, type or value is a conflict.
fn same(facts: &mut Facts<'_>, found: &Found<'_, SettingBody>, class: Class, value: &SettingValue) -> Result<Id, Stop> {
    let there = open(facts, found.id, found.body)?;
    let is_same = found.body.class == class
        && there.value_type() == value.value_type()
        && there.encode().same_as(&value.encode());
    if is_same { Ok(found.id) } else { Err(Refusal::NameTaken { name: found.body.name.to_string() }.into()) }
}

/// Not kept: repeating an import changes nothing.
impl Reply for ImportReply {}
